"""The web app as a visitor meets it, in a real browser."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.app.runs import genre_pages
from coverfusion.experiments.genres.report import write_genre_report
from coverfusion.experiments.map.study import write_map
from coverfusion.experiments.pipeline.config import read_config
from tests.helpers.app_covers import GENRES, NOTE, app_cover
from tests.helpers.browser import Visit, faults, visited
from tests.helpers.pictures import encode, zip_bytes

ROOT = Path(__file__).parents[3]


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
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "COLUMNS": "200",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        },
    )


@pytest.fixture
def visit(run: Path, tmp_path: Path) -> Iterator[Visit]:
    """A browser at the app, whose server was started by the command."""
    with _visiting(run, tmp_path) as visit:
        yield visit


@contextmanager
def _visiting(run: Path, tmp_path: Path) -> Iterator[Visit]:
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
    ablate(read_config(run / "config.yaml", folds=2), ["alone"], repeats=1)
    page = visit.page
    page.goto(visit.address, wait_until="commit")
    page.get_by_text("The app is opening").wait_for()  # until something better is there
    page.get_by_text(NOTE).wait_for()
    assert not page.get_by_text("The app is opening").is_visible()
    assert not faults(page)

    files = {
        "first.png": encode(app_cover("opera", 50), "PNG"),
        "covers.zip": zip_bytes(
            {"good.png": encode(app_cover("dub", 51), "PNG"), "broken.jpg": b"no picture"}
        ),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in files])
    page.get_by_role("heading", name="2 covers scored, 1 file could not be read").wait_for()
    page.get_by_text("covers.zip!broken.jpg: not a picture").wait_for()
    page.get_by_role("heading", name="Why opera?").wait_for()
    page.get_by_text("Found on the cover").wait_for()
    page.get_by_alt_text("The cover with marks").wait_for()
    assert not faults(page)
    page.set_viewport_size({"width": 390, "height": 844})  # a phone
    page.wait_for_function("() => document.querySelector('[alt^=\"The cover with marks\"]').width < 390")
    assert page.get_by_test_id("stSidebar").count() == 0  # it would lie over the page
    assert not faults(page)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_alt_text(re.compile(r"^opera, \d")).first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    assert re.fullmatch(rf"scores-{run.name}-\d{{4}}-\d\d-\d\d\.csv", download.value.suggested_filename)
    scores = pd.read_csv(download.value.path())
    assert sorted(scores["path"]) == ["covers.zip!broken.jpg", "covers.zip!good.png", "first.png"]
    assert scores.set_index("path")["genre_1"].dropna().to_dict() == {
        "first.png": "opera",
        "covers.zip!good.png": "dub",
    }

    page.reload()  # what was scored is still there
    page.get_by_role("heading", name="2 covers scored, 1 file could not be read").wait_for()
    page.get_by_alt_text("The cover with marks").wait_for()

    _open(visit, "Compare two")
    page.get_by_text("texture contributes most").or_(page.get_by_text("color contributes most")).wait_for()
    page.get_by_role("heading", name="Their strongest features").wait_for()
    second = page.get_by_role("combobox", name="Second cover")  # its list closes where the page scrolls
    second.click()
    page.get_by_role("option").first.click()  # as the first cover
    page.get_by_text("Both are the same cover").wait_for()
    assert not faults(page)
    second.click()
    page.get_by_role("option").nth(1).click()
    page.get_by_text("Second cover: why").click()
    page.get_by_alt_text("The cover with marks").nth(1).wait_for()

    _open(visit, "Leaderboard")
    page.get_by_role("rowheader", name=re.compile("logistic, both blocks")).wait_for()
    page.get_by_role("tab", name="Report with figures").click()
    page.frame_locator("iframe[title^='Report of the run']").get_by_role("heading").first.wait_for()

    _open(visit, "Genres")
    assert set(genre_pages(run)) == {"All genres", *GENRES}
    page.frame_locator("iframe[title^='Genre report']").get_by_text(NOTE).wait_for()
    assert page.get_by_text(NOTE).count() == 0  # once, and that is in the page itself
    page.get_by_role("combobox", name="Genre").click()
    page.get_by_role("option", name="opera").click()
    inside = page.frame_locator("iframe[title='Genre report: opera']")
    inside.get_by_role("heading", level=1, name="opera").wait_for()
    inside.get_by_role("link", name="How it looks").click()
    inside.locator("#look:target").wait_for()
    frame = page.locator("iframe[title='Genre report: opera']")
    page.wait_for_function(
        "() => document.querySelector('iframe').clientHeight > 2000"
    )  # no scrolling within
    assert (
        abs(
            inside.locator("body").evaluate("own => own.scrollHeight")
            - frame.evaluate("own => own.clientHeight")
        )
        < 3
    )
    inside.get_by_role("link", name="All genres").click()
    page.frame_locator("iframe[title='Genre report: All genres']").get_by_role(
        "link", name="dub"
    ).first.click()
    page.frame_locator("iframe[title='Genre report: dub']").get_by_role("heading", level=1).wait_for()
    page.frame_locator("iframe[title='Genre report: dub']").get_by_role(
        "link", name="Report", exact=True
    ).click()
    page.get_by_role("heading", name="Leaderboard", exact=True, level=1).wait_for()
    page.frame_locator("iframe[title^='Report of the run']").get_by_role("heading").first.wait_for()

    _open(visit, "Ablation")
    inside = page.frame_locator("iframe[title^='Ablation']")
    inside.get_by_role("heading", level=1).wait_for()
    page.get_by_text(NOTE).wait_for()  # the page itself does not say it
    assert inside.get_by_text(NOTE).count() == 0
    assert inside.get_by_text("As in the CSV files").get_by_text(str(run.parent)).count() == 1
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("() => document.querySelector('iframe').clientWidth === innerWidth")
    page.set_viewport_size({"width": 1280, "height": 800})

    _open(visit, "Map")
    page.frame_locator("iframe[title^='Map of the covers']").locator("#map-legend label").first.wait_for()

    _open(visit, "Score covers")
    page.get_by_role("heading", name="2 covers scored, 1 file could not be read").wait_for()
    assert not visit.wrong


def _open(visit: Visit, name: str) -> None:
    """Opens a page of the app and sees no error there."""
    page = visit.page
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, exact=True, level=1).wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.locator("[data-testid=stAlertContentError]").count() == 0
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert not faults(page), (name, width)


@pytest.mark.slow
def test_drawn_covers_are_scored_from_the_keyboard(visit: Visit) -> None:
    page = visit.page
    page.emulate_media(color_scheme="dark")
    page.goto(visit.address)
    button = page.get_by_role("button", name="Score 12 drawn by a program")
    button.wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("own => own === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="12 covers scored").wait_for()
    page.get_by_alt_text("The cover with marks").wait_for()
    assert not faults(page)
    assert not visit.wrong


@pytest.mark.slow
def test_covers_of_several_genres_are_called_some_and_any_of_them_is_explained(
    many_run: Path, tmp_path: Path
) -> None:
    cover = many_run.parents[1] / "covers" / "cover-003.png"
    with _visiting(many_run, tmp_path) as visit:
        page = visit.page
        page.goto(visit.address)
        page.get_by_text("gives each cover one or several of 3 genres").wait_for()
        page.locator("input[type=file]").set_input_files([cover])
        page.get_by_text("Called ember, wave").or_(page.get_by_text("Called wave, ember")).wait_for()
        page.get_by_alt_text("The cover with marks").wait_for()
        page.get_by_text("The model has learnt from this very cover").wait_for()
        assert page.get_by_text("such sets hold").count() == 0
        for genre in ("ember", "wave"):
            page.get_by_role("radio", name=genre).or_(page.get_by_role("button", name=genre)).first.click()
            page.get_by_role("heading", name=f"Why {genre}?").wait_for()
        assert not faults(page)
        for name in ("Leaderboard", "Genres", "Ablation", "Map"):
            _open(visit, name)
        assert not visit.wrong
