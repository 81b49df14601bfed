"""The web app as a visitor meets it, in a real browser; and what lies behind its pages."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.app.embedded import show_page
from coverfusion.experiments.app.loaded_model import LoadedModel, read_model
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.run_page import genre_frame, leaderboard_frame
from coverfusion.experiments.app.runs import finished_runs, genre_pages, map_folders, run_note
from coverfusion.experiments.app.score_page import noticed_of, table_of_scores
from coverfusion.experiments.app.scored_covers import as_file, score_uploads
from coverfusion.experiments.app.uploads import MAX_PICTURES, on_disk
from coverfusion.experiments.commands.app import app_command, server_arguments
from coverfusion.experiments.genres.report import write_genre_report
from coverfusion.experiments.map.study import write_map
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.training.train import train
from coverfusion.fusion.uncertainty.decision import Targets
from tests.helpers.browser import Visit, visited
from tests.helpers.pictures import (
    bad_files,
    checkerboard,
    encode,
    grained,
    noise,
    save_folders,
    solid,
    stripes,
    zip_bytes,
)

ROOT = Path(__file__).parents[3]
GENRES = {"dub": (30, 120, 40), "opera": (150, 30, 40), "R&B_*soul*": (40, 40, 160)}
NOTE = "This sample is drawn."


def _cover(genre: str, number: int) -> Image:
    """A patterned cover in the genre's colour and a lighter one."""
    rng = np.random.default_rng([number, len(genre)])
    colour = np.clip(np.array(GENRES[genre]) + rng.integers(-25, 25, 3), 0, 255)
    first, second = (tuple(int(v) for v in some) for some in (colour, np.minimum(colour + 60, 255)))
    draw = checkerboard if number % 2 else stripes
    return grained(draw(first, second, int(rng.integers(5, 30)), size=(64, 64)), [number, len(genre)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("app")
    save_folders(folder / "covers", {genre: [_cover(genre, n) for n in range(20)] for genre in GENRES})
    config = make_config(
        "test",
        collection=folder / "covers",
        out=folder / "runs",
        store=folder / "store",
        classifiers=["logistic"],
        alone=[],
        blocks=["color", "texture"],
    )
    return train(config, note=NOTE)


@pytest.fixture(scope="module")
def model(run: Path) -> LoadedModel:
    return read_model(run / "bundle")


# --- uploads -------------------------------------------------------------------------------------------


def test_uploads_of_any_name_lie_in_a_folder_of_their_own_for_a_while() -> None:
    zipped = zip_bytes({"a/b.jpg": encode(solid("red", (8, 8))), "c.jpg": b"no picture"})
    names = ["../../outside.jpg", "a\\b.jpg", "", "..", "x" * 400 + ".jpg", "same.jpg", "same.jpg", "all.zip"]
    contents = [name.encode() for name in names[:-1]] + [zipped]
    with on_disk(list(zip(names, contents, strict=True))) as found:
        shown = [name for name, _ in found]
        assert shown[:2] == ["outside.jpg", "b.jpg"]
        assert shown[4].endswith("xxx.jpg")
        assert len(shown[4]) <= 200
        assert shown[5:] == ["same.jpg", "same.jpg", "all.zip!a/b.jpg", "all.zip!c.jpg"]
        assert [read_bytes(path) for _, path in found[:7]] == contents[:7]
        roots = {Path(path.partition("!")[0]).parents[1] for _, path in found}
        assert len(roots) == 1
        assert roots.pop().is_dir()
    assert not Path(found[0][1]).exists()


def test_no_more_than_the_limit_is_listed() -> None:
    zipped = zip_bytes({f"{number}.jpg": b"" for number in range(MAX_PICTURES + 50)})
    with on_disk([("many.zip", zipped)]) as found:
        assert len(found) == MAX_PICTURES + 1


def test_every_kind_of_bad_file_is_a_row_with_its_reason(model: LoadedModel) -> None:
    bad = bad_files()
    good = _cover("dub", 99)
    steps: list[tuple[int, int]] = []
    uploads = [("good.png", encode(good, "PNG")), *((one.file, one.data) for one in bad)]
    scored = score_uploads(model, uploads, lambda done, total: steps.append((done, total)))
    frame = scored.frame
    assert scored.all
    assert len(frame) == len(bad) + 1
    assert steps[0] == (0, len(frame))
    assert steps[-1] == (len(frame), len(frame))
    assert frame["error"][0] == ""
    assert frame["genre_1"][0] == "dub"
    for one, row in zip(bad, frame[1:].itertuples(), strict=True):
        assert str(row.path).partition("!")[0] == one.file
        assert re.search(one.reason, str(row.error), re.IGNORECASE), one.name
        assert pd.isna(row.genre_1)
    assert [picture is None for picture in scored.pictures] == [False] + [True] * len(bad)
    assert scored.thumbnails[0]
    assert not any(scored.thumbnails[1:])


def test_downloads_hold_every_score(model: LoadedModel, tmp_path: Path) -> None:
    uploads = [("a,\u201cb\u201d.png", encode(_cover("opera", 99), "PNG")), ("bad.jpg", b"")]
    frame = score_uploads(model, uploads, lambda done, total: None).frame
    chances = frame.filter(regex=r"^probability_\d+$")
    assert chances.shape[1] == len(GENRES)
    assert chances.iloc[0].sum() == pytest.approx(1)
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": lambda p: pd.read_json(p, lines=True)}
    for kind, read in readers.items():
        file = tmp_path / f"scores.{kind}"
        file.write_bytes(as_file(frame, kind))
        again = read(file)
        assert list(again.columns) == list(frame.columns)
        assert again["path"].tolist() == frame["path"].tolist()
        assert again["probability_1"][0] == pytest.approx(frame["probability_1"][0])


def test_the_table_leaves_out_what_says_nothing(model: LoadedModel) -> None:
    good = ("good.png", encode(_cover("dub", 5), "PNG"))
    table = table_of_scores(score_uploads(model, [good], lambda done, total: None))
    assert {"warning", "failed_blocks"}.isdisjoint(table.columns)
    assert table.filter(like="probability_").sum(axis=1)[0] == pytest.approx(100)
    assert str(table["cover"][0]).startswith("data:image/jpeg;base64,")
    table = table_of_scores(score_uploads(model, [good, ("bad.png", b"")], lambda done, total: None))
    assert table["warning"].tolist() == ["", "empty file (0 bytes)"]
    assert pd.isna(table["cover"][1])


def test_what_is_not_answered_is_said(model: LoadedModel) -> None:
    uploads = [(f"{n}.png", encode(_cover(genre, n), "PNG")) for genre in GENRES for n in range(50, 53)]
    targets = Targets(coverage=0.5)
    scored = score_uploads(model, [*uploads, ("bad.png", b"")], lambda done, total: None, targets)
    table, frame = table_of_scores(scored), scored.frame
    silent = frame["abstain"] & (frame["error"] == "")
    assert 0 < silent.sum() < len(uploads)
    assert table["warning"].str.contains("no answer").tolist() == silent.tolist()
    assert table["warning"].iloc[-1] == "empty file (0 bytes)"
    unlike = frame["out_of_distribution"].fillna(False).astype(bool)
    assert table["warning"].str.contains("out of distribution").tolist() == unlike.tolist()
    # a phone shows these four
    assert list(table.columns[:4]) == ["cover", "genre_1", "probability_1", "warning"]
    assert noticed_of(frame)[0].startswith(f"No answer for {silent.sum()} of {len(uploads)}")


def test_the_app_is_started_with_its_targets() -> None:
    *_, bundle, runs, targets = server_arguments(None, Path("runs"), "127.0.0.1", 1, Targets(error=0.1))
    assert (bundle, runs) == ("", "runs")
    assert Targets(**json.loads(targets)) == Targets(error=0.1)


# --- the folder of runs --------------------------------------------------------------------------------


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
        shown, mine = leaderboard_frame(read, split), board[board["split"] == split]
        assert shown["accuracy"].tolist() == pytest.approx((100 * mine["accuracy"]).tolist())
        assert shown["log loss"].tolist() == pytest.approx(mine["log_loss"].tolist())
        low, high = 100 * mine["accuracy_low"].iloc[0], 100 * mine["accuracy_high"].iloc[0]
        assert shown["accuracy, interval"][0] == f"{low:.1f}\u2013{high:.1f}"
        genres = genre_frame(read, split)
        assert set(genres["genre"]) == set(GENRES)
        assert genres["covers"].sum() == mine["covers"].iloc[0]


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
    assert plain("R&B_*soul*\n[x](y) $1$") == r"R\&B\_\*soul\* \[x\]\(y\) \$1\$"
    assert plain("Ünïcode 3 %") == "Ünïcode 3 %"


def test_a_page_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.html cannot be read"):
        show_page(tmp_path / "gone.html", "gone")


# --- the command ---------------------------------------------------------------------------------------


def test_what_is_wrong_is_said_before_the_server_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is not a bundle"):
        app_command(tmp_path / "nowhere", tmp_path, "127.0.0.1", 0)
    with pytest.raises(UserError, match="nowhere is no folder"):
        app_command(None, tmp_path / "nowhere", "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UserError, match="already in use"):
        app_command(None, tmp_path, "127.0.0.1", other.getsockname()[1])


# --- in a browser --------------------------------------------------------------------------------------


def _start(folder: Path, *words: object) -> subprocess.Popen[str]:
    """The command in `folder`, its output in `folder/log`."""
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from coverfusion.experiments.cli import main; main()",
            "app",
            *map(str, words),
        ],
        cwd=folder,
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "200", "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def visit(run: Path, tmp_path: Path) -> Iterator[Visit]:
    """A browser at the app, whose server was started by the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = _start(tmp_path, "--bundle", run / "bundle", "--runs", run.parent, "--port", port)
    try:
        _wait_for(f"{address}/_stcore/health", server, tmp_path / "log")
        with visited(tmp_path / "profile", address) as visit:
            yield visit
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[str], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(log.read_text())


@pytest.mark.slow
def test_a_visit(visit: Visit, run: Path, tmp_path: Path) -> None:
    write_genre_report(run, run / "genres")
    write_map(run, run.parent / f"map-{run.name}", methods=["pca"])
    page = visit.page
    page.goto(visit.address)
    page.get_by_text(NOTE).wait_for()

    files = {
        "first.png": encode(_cover("opera", 50), "PNG"),
        "covers.zip": zip_bytes({"good.png": encode(_cover("dub", 51), "PNG"), "broken.jpg": b"no picture"}),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in files])
    page.get_by_role("heading", name="2 scored, 1 not").wait_for()
    page.get_by_text("covers.zip!broken.jpg: not a picture").wait_for()
    page.get_by_role("heading", name="Why opera?").wait_for()
    page.get_by_text("On the cover:").wait_for()
    page.get_by_alt_text("The explanation drawn").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})  # a phone
    page.wait_for_function("() => document.querySelector('[alt^=\"The explanation drawn\"]').width < 390")
    assert page.get_by_test_id("stSidebar").count() == 0  # it would lie over the page
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_alt_text(re.compile(r"^opera, \d")).first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    scores = pd.read_csv(download.value.path())
    assert sorted(scores["path"]) == ["covers.zip!broken.jpg", "covers.zip!good.png", "first.png"]
    assert scores.set_index("path")["genre_1"].dropna().to_dict() == {
        "first.png": "opera",
        "covers.zip!good.png": "dub",
    }

    _open(visit, "Leaderboard")
    drawing = page.frame_locator("iframe[title=Accuracy]")
    drawing.get_by_role("img", name=re.compile("^Accuracy of each model")).wait_for()
    page.get_by_role("tab", name="Whole report").click()
    page.frame_locator("iframe[title^='Report of the run']").get_by_role("heading").first.wait_for()

    _open(visit, "Genres")
    assert set(genre_pages(run)) == {"All genres", *GENRES}
    page.get_by_role("combobox", name="Genre").click()
    page.get_by_role("option", name="opera").click()
    inside = page.frame_locator("iframe[title='Genre report: opera']")
    inside.get_by_role("heading", level=1, name="opera").wait_for()
    assert inside.get_by_role("link", name="All genres").count() == 0  # it would lead into the app
    inside.get_by_role("link", name="How it looks").click()
    inside.locator("#look:target").wait_for()

    _open(visit, "Map")
    page.frame_locator("iframe[title^='Map of the covers']").locator("#map-legend label").first.wait_for()

    _open(visit, "Score covers")
    page.get_by_role("heading", name="2 scored, 1 not").wait_for()
    assert not visit.wrong


def _open(visit: Visit, name: str) -> None:
    """Opens a page of the app and sees no error there."""
    page = visit.page
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, exact=True, level=1).wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stAlertContentError]").count() == 0


def test_scores_do_not_depend_on_the_pictures_beside(model: LoadedModel) -> None:
    picture = encode(_cover("dub", 7), "PNG")
    alone = score_uploads(model, [("a.png", picture)], lambda done, total: None).frame
    many = [(f"{n}.png", encode(noise(n, (40, 40)), "PNG")) for n in range(9)] + [("a.png", picture)]
    beside = score_uploads(model, many, lambda done, total: None).frame
    assert beside["path"].iloc[-1] == "a.png"
    assert beside["probability_1"].iloc[-1] == pytest.approx(alone["probability_1"][0], abs=1e-6)
