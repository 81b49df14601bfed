"""Runs with names and notes of the user's, and the table over a folder of runs."""

import json
import shutil
from pathlib import Path

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.training.run_list import find_runs, print_runs
from coverfusion.experiments.training.train import train
from tests.helpers.small import config, save_small


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("covers"))


@pytest.fixture(scope="module")
def root(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a week between them, a study, and three folders that were to be runs."""
    root = tmp_path_factory.mktemp("runs")
    for name, classifier, date in (("older", "knn", "2026-01-01"), ("newer", "logistic", "2026-01-08")):
        run = train(config(manifest, root, classifiers=[classifier], name=name, note=f"the [{name}] one"))
        facts = json.loads((run / "environment.json").read_text())
        (run / "environment.json").write_text(json.dumps(facts | {"date": f"{date}T12:00:00+00:00"}))
    for name, file, text in (
        ("changed", "metrics.json", "{}"),
        ("dateless", "environment.json", "[]"),
        ("killed", "report.html", None),
    ):
        shutil.copytree(root / "older", root / name)
        if text is None:
            for found in [file, "metrics.json"]:
                (root / name / found).unlink()
        else:
            (root / name / file).write_text(text)
    (root / "study").mkdir()
    (root / "study" / "study.json").write_text("{}")
    (root / "study" / "splits.parquet").touch()
    return root


def test_the_newest_run_comes_first_and_broken_ones_stop_nothing(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    found = find_runs(root)
    assert [one.folder.name for one in found if one.run] == ["newer", "older"]
    assert {one.folder.name for one in found if not one.run} == {"changed", "dateless", "killed"}
    print_runs(root, found)
    table, broken = capsys.readouterr().out.split("Broken: ", 1)
    assert max(map(len, table.splitlines())) <= 80
    assert table.index("newer") < table.index("older")
    best = read_run(root / "newer")
    value = best.accuracy(best.chosen)
    assert f"{100 * value.value:.1f} ({100 * value.low:.1f}\u2013{100 * value.high:.1f}), test" in table
    for text in ("the [newer] one", "logistic", "color", "covers", "2026-01-08"):
        assert text in table
    for name in ("changed", "dateless", "killed"):
        assert str(root / name) in broken


def test_a_run_folder_itself_is_one_row_and_other_folders_have_none(root: Path, tmp_path: Path) -> None:
    assert [one.folder for one in find_runs(root / "older")] == [root / "older"]
    assert find_runs(tmp_path) == []
    with pytest.raises(UserError, match="nowhere is no folder"):
        find_runs(tmp_path / "nowhere")


def test_a_name_that_is_taken_is_refused_and_the_same_run_goes_on(manifest: Path, tmp_path: Path) -> None:
    asked = {"classifiers": ["knn"], "name": "mine"}
    first = train(config(manifest, tmp_path, **asked))
    assert first == tmp_path / "mine"
    made = (first / "report.html").stat().st_mtime_ns
    again = train(config(manifest, tmp_path, **asked, note="looked at twice"))
    assert (again / "report.html").stat().st_mtime_ns == made
    assert find_runs(tmp_path)[0].note == "looked at twice"
    with pytest.raises(UserError, match=r"--name mine: .* is there already"):
        train(config(manifest, tmp_path, **asked | {"classifiers": ["logistic"]}))
    with pytest.raises(UserError, match="is there already"):
        train(config(manifest, tmp_path, **asked | {"classifiers": ["logistic"]}), fresh=True)
    assert (first / "report.html").stat().st_mtime_ns == made
    assert train(config(manifest, tmp_path, **asked), fresh=True) == first
    assert (first / "report.html").stat().st_mtime_ns > made


def test_a_name_and_a_note_are_no_part_of_what_is_done(manifest: Path, tmp_path: Path) -> None:
    plain = config(manifest, tmp_path, classifiers=["knn"])
    named = config(manifest, tmp_path, classifiers=["knn"], name="mine", note="a note")
    assert plain.identity() == named.identity()


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "-x", "", "a\nb", "x" * 200])
def test_what_is_no_name_of_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it should be the name of a folder"):
        config(tmp_path / "covers.csv", tmp_path, name=name)
