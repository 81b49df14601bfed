"""The command line as a user meets it: what it prints, what it makes, how it fails."""

import errno
import inspect
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

from coverfusion.data.errors import EXTRAS, UserNote
from coverfusion.experiments import cli
from coverfusion.experiments.commands.bench import bench
from coverfusion.experiments.commands.benchmark import benchmark
from coverfusion.experiments.commands.classifiers import reflowed
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.map.projections import chosen_projections
from coverfusion.experiments.pipeline.console import console, print_frame
from coverfusion.fusion.registry import classifier_class, classifier_names, parameters_of
from tests.helpers.pictures import noise, save_folders, solid

ROOT = Path(__file__).parents[2]
MAIN = "from coverfusion.experiments.cli import main; main()"


def coverfusion(
    *words: object, folder: Path, text: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
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
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            **environment,
        },
    )


COMMANDS = [
    *cli.COMMANDS,
    *(f"bench {command.name}" for command in bench.registered_commands),
    *(f"benchmark {command.name}" for command in benchmark.registered_commands),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(cli.app, [*command.split(), "--help"], terminal_width=200)
    assert done.exit_code == 0
    assert f"Example: coverfusion {command}" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_each_character_of_an_options_help(command: str) -> None:
    """Markdown takes asterisks and underscores away, unless they stand in code."""
    found: Any = typer.main.get_command(cli.app)
    for name in command.split():
        found = found.commands[name]
    done = CliRunner().invoke(cli.app, [*command.split(), "--help"], terminal_width=400)
    shown = "".join(done.stdout.replace("│", "").split())
    for option in found.params:
        for word in (getattr(option, "help", None) or "").replace("`", "").split():
            assert word in shown


def test_help_fits_a_window_of_80_columns() -> None:
    done = CliRunner().invoke(cli.app, ["bench", "ray", "--help"], env={"COLUMNS": "80"}, terminal_width=80)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_each_bench_has_its_own_options_alone(tmp_path: Path) -> None:
    done = coverfusion("bench", "train", tmp_path, "--clients", "3", folder=tmp_path)
    assert done.returncode == 2
    assert "--clients" in done.stderr
    assert coverfusion("bench", "score", tmp_path, folder=tmp_path).returncode == 2  # without --bundle


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    done = coverfusion("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"coverfusion {metadata.version('coverfusion')}\n")


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (["search", "nowhere", "-c", "svc", "-p", "C=1,2"], "optuna", "search"),
        (["map", "nowhere", "--method", "umap"], "umap", "map"),
        (["curve", "covers", "-c", "svc", "--balance", "oversample"], "imblearn", "balance"),
        (["grow", "-g", "jazz", "--out", "grown"], "requests", "grow"),
        (["app"], "streamlit", "app"),
        (["serve", "nowhere"], "fastapi", "service"),
        (["train", "nowhere", "--track"], "mlflow", "tracking"),
        (["track", "nowhere"], "mlflow", "tracking"),
        (["score", "nowhere", "covers", "--out", "scores", "--engine", "ray"], "ray", "ray"),
        (["bench", "index"], "psutil", "dev"),
    ],
)
def test_a_missing_extra_is_said_before_any_work(
    words: list[str],
    module: str,
    extra: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_folders(tmp_path / "covers", {"jazz": [solid("red")], "metal": [solid("black")]})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "argv", ["coverfusion", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("Error: ") == 1
    assert max(map(len, error.splitlines())) <= 80
    assert f"pip install 'coverfusion[{extra}]'" in error
    assert [path.name for path in tmp_path.iterdir()] == ["covers"]


def test_without_umap_a_map_has_the_other_projections(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen_projections(None) == ["umap", "tsne", "pca"]
    monkeypatch.setitem(sys.modules, "umap", None)
    assert chosen_projections(None) == ["tsne", "pca"]
    assert "coverfusion[map]" in capsys.readouterr().out
    assert chosen_projections(["pca"]) == ["pca"]
    assert not capsys.readouterr().out


def test_extras_are_those_of_the_package() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) <= set(declared)


def test_classifiers_are_listed_and_their_parameters_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", 200)
    listed = CliRunner().invoke(cli.app, ["classifiers"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == classifier_names()
    shown = CliRunner().invoke(cli.app, ["classifiers", "knn"]).stdout
    text, defaults = shown.split("Defaults, as in a config:")
    assert yaml.safe_load(defaults) == {"knn": parameters_of("knn")}
    assert all(f"{name}:" in text for name in parameters_of("knn"))


@pytest.mark.parametrize("name", classifier_names())
def test_a_classifier_is_explained_within_80_columns(name: str) -> None:
    text = inspect.getdoc(classifier_class(name)) or ""
    filled = reflowed(text, 80)
    assert filled.split() == text.split()
    assert max(map(len, filled.splitlines())) <= 80
    headings = [line for line in text.splitlines() if line.endswith(":") and line == line.strip()]
    assert [line for line in filled.splitlines() if line in headings] == headings


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
def test_what_is_wrong_is_said_without_a_traceback(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, where an error that is not caught comes out as it is."""
    save_folders(tmp_path / "covers", {"jazz": [solid("red")], "metal": [solid("black")]})
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # without weights
    monkeypatch.setattr(sys, "argv", ["coverfusion", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error


def test_a_place_that_cannot_be_written_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, said in {
        OSError(errno.EROFS, "Read-only file system", "/runs/a.png"): "/runs/a.png cannot be used: Read-only",
        OSError(errno.ENOSPC, "No space left on device", "/runs/a.png"): "The disk of /runs/a.png is full.",
        OSError(errno.ENOSPC, "Error writing bytes to file"): "The disk that the results go to is full.",
    }.items():
        monkeypatch.setattr(cli, "app", raising(error))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith(f"Error: {said}")


def test_what_is_stopped_says_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("coverfusion.experiments.training.train.train", raising(KeyboardInterrupt()))
    monkeypatch.setattr(sys, "argv", ["coverfusion", "train", "covers"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert "the same command goes on from there" in " ".join(capsys.readouterr().err.split())


def raising(error: BaseException) -> Callable[..., None]:
    def raises(*_: object, **__: object) -> None:
        raise error

    return raises


def test_memory_that_runs_out_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "app", lambda: np.empty(10**15))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Error: Memory ran out (Unable to allocate")


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    monkeypatch.setattr(cli, "app", gone)
    with pytest.raises(FileNotFoundError):
        cli.main()


def test_a_note_is_one_line_and_other_warnings_are_as_python_shows_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn() -> None:
        warnings.warn("[red]store/facts: not kept", UserNote, stacklevel=1)
        warnings.warn("of a library", RuntimeWarning, stacklevel=1)

    monkeypatch.setattr(cli, "app", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        cli.main()
    note, *other = capsys.readouterr().err.splitlines()
    assert note == "Warning: [red]store/facts: not kept"
    assert "RuntimeWarning: of a library" in other[0]


def test_a_store_that_is_only_read_is_said_plainly_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_folders(tmp_path / "covers", {"jazz": [noise(1), noise(2)], "metal": [noise(3)]})
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli.app, ["inspect", "covers", "--store", "store"]).exit_code == 0
    (tmp_path / "store" / "facts").unlink()
    (tmp_path / "store" / "facts").mkdir()  # nobody can write this file
    done = coverfusion("inspect", "covers", "--store", "store", folder=tmp_path)
    assert done.returncode == 0
    assert "Warning: store/facts: facts of covers are not kept" in done.stderr
    assert "UserNote" not in done.stderr
    assert ".py" not in done.stderr


@pytest.mark.parametrize("cache", [{}, {"XDG_CACHE_HOME": "cache"}, {"MPLCONFIGDIR": "matplotlib"}])
def test_figures_write_into_our_cache_or_the_folder_that_is_named(
    tmp_path: Path, cache: dict[str, str]
) -> None:
    save_folders(tmp_path / "covers", {"jazz": [noise(1), noise(2)], "metal": [noise(3)]})
    before = {path.name for path in tmp_path.iterdir()}
    done = coverfusion("inspect", "covers", "--store", "store", folder=tmp_path, **cache)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    (made,) = {path.name for path in tmp_path.iterdir()} - before - {"runs", "store"}
    expected = {"XDG_CACHE_HOME": "cache/coverfusion/matplotlib", "MPLCONFIGDIR": "matplotlib"}
    folder = tmp_path / expected.get(next(iter(cache), ""), ".cache/coverfusion/matplotlib")
    assert list(folder.iterdir())
    assert folder.is_relative_to(tmp_path / made)
    assert [path.name for path in (tmp_path / made).iterdir()] == ["coverfusion"] or made == "matplotlib"


def test_names_with_brackets_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["svc:[red]x[/b]", "a[0]", "[/]"]
    print_frame(pd.DataFrame({"model": names, "accuracy": 0.5}), "[/test]")
    print_place("Run folder", tmp_path / "[red]run[0]" / "[/nope]")
    printed = capsys.readouterr().out
    assert all(text in printed for text in [*names, "[/test]", f"{tmp_path}/[red]run[0]/[/nope]"])


def test_an_error_names_a_path_with_brackets_as_it_is(tmp_path: Path) -> None:
    done = coverfusion("inspect", "a[0]/[red]x[/nope]", folder=tmp_path)
    assert done.returncode == 2
    assert "a[0]/[red]x[/nope]" in done.stderr
    assert "Traceback" not in done.stderr


def test_describe_lists_every_column_of_a_block(tmp_path: Path) -> None:
    from coverfusion.features.registry import create

    done = coverfusion("extract", "--describe", "-b", "color", folder=tmp_path)
    assert done.returncode == 0
    for column in create("color").columns:
        assert f"color.{column}" in done.stdout
