"""The runs that the app finds in a folder, and what it shows of one."""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from coverfusion.data.errors import UserError
from coverfusion.experiments.app.embedded import framed, linked, placed, show_page
from coverfusion.experiments.app.missing_results import command_for
from coverfusion.experiments.app.plain_text import noted, plain
from coverfusion.experiments.app.run_labels import run_labels, run_words
from coverfusion.experiments.app.run_page import genre_frame, leaderboard_frame, short_board
from coverfusion.experiments.app.runs import (
    ablation_folders,
    finished_runs,
    map_folders,
    run_note,
    unique_names,
)
from coverfusion.experiments.genres.report import write_genre_report
from coverfusion.experiments.pipeline.run_folder import chance_of, read_run
from tests.helpers.app_covers import GENRES, NOTE


def test_only_finished_runs_are_offered_the_newest_first(run: Path, tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        shutil.copytree(run, tmp_path / name)
        os.utime(tmp_path / name / "report.html", (1e9 - age, 1e9 - age))
    shutil.copytree(run, tmp_path / "stopped", ignore=shutil.ignore_patterns("report.html"))
    (tmp_path / "empty").mkdir()
    assert finished_runs(tmp_path) == [tmp_path / "new", tmp_path / "old"]
    assert finished_runs(tmp_path / "nowhere") == []
    assert run_note(run) == NOTE
    assert run_note(tmp_path / "empty") == ""


def test_tables_of_a_run_agree_with_its_files(run: Path) -> None:
    read = read_run(run)
    board = pd.read_csv(run / "leaderboard.csv")
    for split in ("test", "validation"):
        shown, mine = leaderboard_frame(read, split, read.models), board[board["split"] == split]
        assert shown["accuracy, %"].tolist() == pytest.approx((100 * mine["accuracy"]).tolist())
        assert shown["log loss"].tolist() == pytest.approx(mine["log_loss"].tolist())
        low, high = 100 * mine["accuracy_low"].iloc[0], 100 * mine["accuracy_high"].iloc[0]
        assert shown["accuracy, interval"][0] == f"{low:.1f}\u2013{high:.1f}"
        genres = genre_frame(read, split)
        assert set(genres["genre"]) == set(GENRES)
        assert genres["covers"].sum() == mine["covers"].iloc[0]


def test_the_short_leaderboard_has_scores_with_their_intervals(run: Path) -> None:
    read = read_run(run)
    (row,) = short_board(read, "test", read.models).to_dict("records")
    score = read.chosen.scores["test"]
    ends = "\u2060\u2013\u2060".join(
        f"{100 * end:.1f}" for end in (score["accuracy"].low, score["accuracy"].high)
    )
    assert row == {
        "model": "\u2605 logistic, both blocks",
        "accuracy, %": f"{100 * score['accuracy'].value:.1f} ({ends})",
        "log loss": f"{score['log_loss'].value:.3f}",
    }


def test_labels_of_runs_name_accuracy_and_date(run: Path, tmp_path: Path) -> None:
    accuracy = read_run(run).accuracy(read_run(run).chosen)
    (label,) = run_labels([run]).values()
    score = f"{100 * accuracy.value:.1f}\u00a0%"
    assert re.fullmatch(rf"covers \u00b7 accuracy {score} \u00b7 \d+ \w{{3}} \d{{4}}", label)
    covers, model, chance, _ = run_words(run).split("; ")
    assert covers == "60 covers, 3 genres"
    assert model.startswith(f"logistic on both blocks: accuracy {score} ({100 * accuracy.low:.1f}")
    assert chance == f"by chance {100 * chance_of(read_run(run), read_run(run).metric)[1]:.1f}\u00a0%"
    twin = shutil.copytree(run, tmp_path / "covers-0123456789")
    broken = shutil.copytree(run, tmp_path / "other", ignore=shutil.ignore_patterns("metrics.json"))
    labels = run_labels([run, twin, broken])
    assert labels[run].startswith(f"{run.name} ")
    assert labels[twin].startswith("covers-0123456789 ")
    assert labels[broken] == "other: it cannot be read"
    assert run_words(broken) == ""


def test_an_ablation_is_found_by_its_collection(run: Path, tmp_path: Path) -> None:
    for age, (name, fingerprint) in enumerate({"newest": "", "older": "", "foreign": "another"}.items()):
        folder = tmp_path / name
        folder.mkdir()
        facts = json.loads((run / "collection.json").read_text())
        facts |= {"fingerprint": fingerprint or facts["fingerprint"]}
        (folder / "collection.json").write_text(json.dumps(facts))
        for file in ("index.html", "ablation.csv"):
            (folder / file).touch()
        os.utime(folder / "index.html", (1e9 - age, 1e9 - age))
    (shutil.copytree(tmp_path / "newest", tmp_path / "unfinished") / "ablation.csv").unlink()
    assert [folder.name for folder in ablation_folders((tmp_path,), run)] == ["newest", "older"]
    assert ablation_folders((tmp_path,), tmp_path / "nowhere") == []


def test_a_map_is_found_by_the_name_of_its_run(tmp_path: Path) -> None:
    for name, source in {
        "map-b": "/elsewhere/covers-1",
        "map-a": "runs/covers-1",
        "map-c": "covers-2",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump({"source": source}))
        for file in ("index.html", "projection.parquet"):
            (tmp_path / name / file).touch()
    shutil.copytree(tmp_path / "map-a", tmp_path / "unfinished")
    (tmp_path / "unfinished" / "projection.parquet").unlink()
    shutil.copytree(tmp_path / "map-a", tmp_path / "broken")
    (tmp_path / "broken" / "config.yaml").write_text("[")
    found = map_folders((tmp_path, tmp_path / "nowhere", tmp_path), Path("anywhere/covers-1"))
    assert [folder.name for folder in found] == ["map-a", "map-b"]


def test_words_of_files_are_no_markdown() -> None:
    assert noted("a*b: `prior: balanced`") == r"a\*b\: `prior: balanced`"
    assert plain("R&B_*soul*\n[x](y) $1$") == r"R\&B\_\*soul\* \[x\]\(y\) \$1\$"
    assert plain("Ünïcode 3 %") == "Ünïcode 3 %"


def test_runs_and_ablations_are_found_two_folders_down(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "music" / run.name)
    study = tmp_path / "music" / "ablation"
    study.mkdir()
    shutil.copy(run / "collection.json", study)
    for file in ("index.html", "ablation.csv"):
        (study / file).touch()
    assert finished_runs(tmp_path) == [tmp_path / "music" / run.name]
    assert ablation_folders((tmp_path,), run) == [study]


def test_folders_of_the_same_name_are_told_by_their_paths() -> None:
    folders = [Path("/r/a/map"), Path("/r/b/map"), Path("/r/c")]
    assert unique_names(folders, Path("/r")) == dict(zip(("a/map", "b/map", "c"), folders, strict=True))


def test_links_lead_to_pages_that_the_app_has_and_no_other() -> None:
    page = (
        '<head><meta x></head><a id="pages" href="genres/index.html">All</a> '
        '<a href="other.html#a">Other</a> <a href="#here">Here</a>'
    )
    assert linked(page, ["genres/index.html"]) == page.replace('<a href="other.html#a">Other</a>', "Other")
    shown = framed(page)
    assert "index.html" not in shown
    # before the page's own policy, which forbids scripts that are not its own
    assert shown.index("<script>") < shown.index("<meta x>")


def test_an_ablation_is_asked_of_a_model_that_sees_several_blocks(run: Path) -> None:
    words = command_for("ablation", run, Path("/runs"))
    assert words == ("ablate", run / "config.yaml", "-c", "logistic", "--out", Path("/runs"))


def test_a_page_in_the_app_says_where_its_tables_lie(run: Path) -> None:
    write_genre_report(run, run / "genres")
    for page in (run / "genres").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert text.count(">beside ") == 1
        shown = placed(text, Path("a<b"))
        assert "lie in <code>a&lt;b</code>: <code>effects.csv" in shown
        assert ">beside " not in shown


def test_a_page_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.html cannot be read"):
        show_page(tmp_path / "gone.html", "gone")
