"""The command line as a user meets it: what it prints, what it makes, how it fails."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from coverfusion.experiments import cli
from coverfusion.fusion.registry import classifier_names, parameters_of
from tests.helpers.pictures import save_folders, solid

MAIN = "from coverfusion.experiments.cli import main; main()"


def coverfusion(*words: object, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the command in `folder`, with its own store there."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, words)],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "COLUMNS": "200",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )


@pytest.mark.parametrize(
    "command", ["demo", "inspect", "extract", "train", "score", "similar", "weights", "bench"]
)
def test_every_command_has_help_with_an_example(command: str, tmp_path: Path) -> None:
    done = coverfusion(command, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert f"Example: coverfusion {command}" in done.stdout


def test_classifiers_are_listed_and_their_parameters_explained(tmp_path: Path) -> None:
    listed = coverfusion("classifiers", folder=tmp_path)
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == classifier_names()
    shown = coverfusion("classifiers", "knn", folder=tmp_path).stdout
    text, defaults = shown.split("Defaults, as in a config:")
    assert yaml.safe_load(defaults) == {"knn": parameters_of("knn")}
    assert all(f"{name}:" in text for name in parameters_of("knn"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "nowhere"], "nowhere"),
        (["train", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["train", "covers", "--block", "colour"], "Unknown block 'colour'. Did you mean 'color'?"),
        (["train", "covers", "-c", "svm"], "Unknown classifier 'svm'. Did you mean 'svc'?"),
        (["train", "covers", "--preset", "best"], "'packaged' or 'hub'"),
        (["train", "covers", "-b", "clip"], "Block 'clip' cannot run"),
        (["train", "empty"], "empty"),
        (["score", "nowhere", "covers", "--out", "a.csv"], "nowhere"),
        (["score", "nowhere", "covers", "--out", "a.xls"], ".csv, .parquet, .jsonl"),
        (["extract"], "Name a collection"),
        (["weights", "show"], "say `list` or `fetch`"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(words: list[str], message: str, tmp_path: Path) -> None:
    save_folders(tmp_path / "covers", {"jazz": [solid("red")], "metal": [solid("black")]})
    (tmp_path / "empty").mkdir()
    done = coverfusion(*words, folder=tmp_path)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/runs/a.png")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Error: /runs/a.png cannot be used: No space left on device.")


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    monkeypatch.setattr(cli, "app", gone)
    with pytest.raises(FileNotFoundError):
        cli.main()


def test_describe_lists_every_column_of_a_block(tmp_path: Path) -> None:
    from coverfusion.features.registry import create

    done = coverfusion("extract", "--describe", "-b", "color", folder=tmp_path)
    assert done.returncode == 0
    for column in create("color").columns:
        assert f"color.{column}" in done.stdout
