"""Commands that refuse leave the working directory as it was: no empty folder, no lock."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.cli import COMMANDS, app
from tests.helpers.pictures import noise, save_folders

# what each command that writes is refused for; {one}: covers of one genre, {bundle}: a fitted model
REFUSED = [
    "inspect nowhere",
    "inspect {empty}",
    "extract nowhere",
    "extract {empty}",
    "extract {one} -b nope",
    "train nowhere",
    "train {one}",
    "train {two} -b color -c knn --folds 90",
    "train {two} -b color -c knn --name a/b",
    "train {two} -b color -c knn --split-file nowhere",
    "ablate {one}",
    "ablate {two} -d nope",
    "ablate --plan --covers 3 --out made",
    "curve {one}",
    "curve {two} -c knn --balance nope",
    "sweep {one} -c knn -p k -v 1",
    "sweep {two} -c knn -p kk -v 1",
    "search {two} -c knn -p k=a..b",
    "search {one} -c knn -p k=1..3",
    "transfer {one} nowhere",
    "transfer {one} {two}",
    "report nowhere",
    "report nowhere --out made",
    "map nowhere",
    "map nowhere --out made",
    "decide nowhere",
    "decide nowhere --out made",
    "labels nowhere",
    "labels nowhere --out made",
    "compare nowhere --out made",
    "index nowhere",
    "index nowhere --out made",
    "index {run} -b nope",
    "index {run} --kind ivf --out made",
    "track nowhere",
    "score nowhere {two} --out made/scores.csv",
    "score {bundle} {two} --out made/scores.xls",
    "score {bundle} nowhere --out made/scores.csv",
    "explain nowhere a.jpg",
    "explain {bundle} nowhere --out made.png",
    "similar {bundle} nowhere --out made.png",
    "grow -g jazz --out made",
    "grow --ids nowhere --out made",
    "benchmark make nowhere --name n --out made",
    "benchmark make {two} --name n --folds 9 --out made",
    "benchmark check nowhere {two} --out made",
    "benchmark submit discogs-five {two} --out made",
    "benchmark submit discogs-five nowhere.csv --name n --out made",
    "benchmark leaderboard discogs-five nowhere --out made",
    "demo --out /proc/nowhere",
    "runs nowhere",
    "weights fetch nowhere.yaml",
    "classifiers nope",
    "serve nowhere",
    "app --runs nowhere",
]


def test_every_command_is_tried() -> None:
    assert {words.split()[0] for words in REFUSED} == {*COMMANDS, "benchmark"}


@pytest.fixture(scope="module")
def covers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("covers")
    (root / "empty").mkdir()
    return {
        "one": save_folders(root / "one", {"jazz": [noise(1), noise(2)]}),
        "two": save_folders(root / "two", {"metal": [noise(3), noise(4)], "pop": [noise(5), noise(6)]}),
        "empty": root / "empty",
    }


@pytest.mark.parametrize("words", REFUSED)
def test_a_refused_command_leaves_nothing(
    words: str,
    covers: dict[str, Path],
    served_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = covers | {"run": served_folder / "run", "bundle": served_folder / "run" / "bundle"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    done = CliRunner().invoke(app, [word.format(**places) for word in words.split()])
    assert isinstance(done.exception, UserError), done.output
    assert list(here.rglob("*")) == []
