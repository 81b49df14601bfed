"""Every command in 80 columns: its help, what it prints, what it made and where, what comes next."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coverfusion.data.sample.draw import draw_sample
from coverfusion.experiments.cli import COMMANDS, app
from coverfusion.experiments.commands.bench import bench
from coverfusion.experiments.commands.benchmark import benchmark
from coverfusion.experiments.pipeline.console import console

COLUMNS = 80
ALL = [
    *COMMANDS,
    *(f"bench {command.name}" for command in bench.registered_commands),
    *(f"benchmark {command.name}" for command in benchmark.registered_commands),
]
COVER = "'my covers/Jazz/000.jpg'"
# command -> what it makes; each may use what those before it made
LIGHT: Mapping[str, tuple[str, ...]] = {
    "inspect 'my covers' --store store": ("runs/inspect-my covers",),
    "extract 'my covers' -b color -b texture --store store": ("runs/table-my covers",),
    "train 'my covers' -b color -b texture -c knn -c logistic --name split --store store": (
        "runs/split",
        "runs/split/bundle",
        "runs/split/report.html",
    ),
    "train 'my covers' -b color -c knn -c logistic --folds 3 --name folds --note 'three folds'": (
        "runs/folds",
    ),
    "runs": (),
    "report runs/split": ("runs/split/genres/index.html",),
    "compare runs/folds --out compared": ("compared",),
    "map runs/split --method pca --out map": ("map", "map/index.html"),
    "decide runs/folds": ("runs/folds/decisions", "runs/folds/decisions/index.html"),
    "labels runs/folds": ("runs/folds/labels/doubtful.csv", "runs/folds/labels/index.html"),
    "index runs/split --out index": ("index",),
    f"similar index {COVER} --out similar.csv": ("similar.csv",),
    "score runs/split/bundle 'my covers/Jazz'": (),
    "score runs/split/bundle 'my covers' --out scores.csv": ("scores.csv",),
    f"explain runs/split/bundle {COVER} --no-map": ("explain.png", "explain.json"),
    "benchmark make 'my covers' --name Drawn --folds 3 --out 'my task' --store store": ("my task",),
    "benchmark check 'my task' 'my covers' --out laid --store store": (
        "laid/manifest.csv",
        "laid/splits.parquet",
        "laid/absent.csv",
    ),
    "train laid/manifest.csv --split-file laid/splits.parquet -b color -c knn --name laid --store store": (
        "runs/laid",
    ),
    "benchmark submit 'my task' runs/laid --out board": ("board/knn.csv",),
    "benchmark leaderboard 'my task' board --out ranked": ("ranked", "ranked/index.html"),
    "weights": (),
    "classifiers": (),
    "classifiers svc": (),
    "extract --describe -b color": (),
}
# what is ready to paste after it: the command's first words, without places that only a person chooses
NEXT = {
    "inspect": "train 'my covers' --store store",
    "extract": "train 'my covers' -b color -b texture --store store",
    "train": "report runs/split",
    "runs": "report runs/folds",
    "report": "map runs/split",
    "compare": "ablate 'my covers'",
    "map": "labels runs/split",
    "labels": "decide runs/folds",
    "explain": "similar runs/split/bundle ",
    "decide": "labels runs/folds",
    "index": "similar index 'my covers/",
    "benchmark make": "benchmark check 'my task' 'my covers' --out laid --store store",
    "benchmark submit": "benchmark leaderboard 'my task' board --out leaderboard",
    "score": "score runs/split/bundle 'my covers/Jazz' --out scores.csv",
}


@dataclass(frozen=True)
class Done:
    code: int
    text: str


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with a drawn collection whose name has a space."""
    folder = tmp_path_factory.mktemp("terminal")
    draw_sample(folder / "my covers", covers_per_genre=8)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(console, "width", COLUMNS)
        yield folder


@pytest.fixture(scope="module")
def done(here: Path) -> dict[str, Done]:
    """Every light command, run in turn."""
    results = {}
    for words in LIGHT:
        result = CliRunner().invoke(app, shlex.split(words))
        results[words] = Done(result.exit_code, result.output)
    return results


@pytest.mark.parametrize("command", ["", *ALL])
def test_help_fits_the_window_and_has_an_example(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    shown = CliRunner().invoke(app, [*command.split(), "--help"], terminal_width=COLUMNS)
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= COLUMNS
    if command:
        assert f"Example: coverfusion {command}" in " ".join(shown.output.split())


@pytest.mark.parametrize("words", LIGHT)
def test_a_command_fits_the_window_and_says_what_it_made_and_where(
    words: str, here: Path, done: dict[str, Done]
) -> None:
    result = done[words]
    assert result.code == 0, result.text
    # a command to paste is one line however long
    wide = [line for line in result.text.splitlines() if len(line.rstrip()) > COLUMNS]
    assert all(line.startswith("Next, to ") for line in wide), wide
    for place in LIGHT[words]:
        assert (here / place).exists()
        assert f": {place}\n" in result.text


@pytest.mark.parametrize("command", NEXT)
def test_the_next_step_is_ready_to_paste(command: str, here: Path, done: dict[str, Done]) -> None:
    words = next(words for words in LIGHT if f"{words} ".startswith(f"{command} "))
    [line] = [line for line in done[words].text.splitlines() if line.startswith("Next, to ")]
    pasted = line.partition(": ")[2]
    assert pasted.startswith(f"coverfusion {NEXT[command]}")
    places = [
        word for word in shlex.split(pasted)[2:] if "/" in word or word in ("my covers", "my task", "index")
    ]
    assert places
    assert all((here / place).exists() for place in places)


def test_a_pasted_step_does_its_work(here: Path, done: dict[str, Done]) -> None:
    words = next(words for words in LIGHT if words.startswith("index "))
    pasted = done[words].text.splitlines()[-1].partition(": ")[2]
    result = CliRunner().invoke(app, shlex.split(pasted)[1:])
    assert result.exit_code == 0, result.output
    assert "distance" in result.output


def test_runs_shows_what_was_made(done: dict[str, Done]) -> None:
    text = done["runs"].text
    assert text.index("folds") < text.index("split")
    assert "three folds" in text
