"""The page of a map in a real browser: filters, lasso, selection, and a hundred thousand covers."""

import csv
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from coverfusion.data.csv_files import write_csv
from coverfusion.experiments.map.page import write_map_page
from coverfusion.experiments.pipeline.provenance import environment, write_json
from tests.helpers.browser import Visit, faults, visited

GENRES = ("dub", "opera")
COVERS = 100_000


def _map_folder(folder: Path, xy: np.ndarray, genres: Sequence[str] = GENRES, clusters: int = 3) -> Path:
    """A map of n covers at (n, 2) places, of the genres in turn; every fourth is predicted wrong."""
    count = len(xy)
    genre = np.array(genres)[np.arange(count) % len(genres)]
    predicted = np.where(np.arange(count) % 4 == 0, "opera", genre).astype(object)
    predicted[-1] = None
    folder.mkdir()
    pd.DataFrame(
        {
            "cover_id": [f"id-{k}" for k in range(count)],
            "path": [f"/covers/{name}/={k}.jpg" for k, name in enumerate(genre)],
            "genre": genre,
            "sampled": True,
            "pca_x": xy[:, 0],
            "pca_y": xy[:, 1],
            "k_means": np.arange(count) % clusters,
            "hdbscan": -1,
            "predicted": predicted,
        }
    ).to_parquet(folder / "projection.parquet")
    pair = {"genre_a": "dub", "genre_b": "opera", "covers_a": 2, "covers_b": 2, "auc": 0.6, "low": 0.4}
    pairs = pd.DataFrame([pair | {"high": 0.8, "p": 0.3, "p_holm": 0.3, "separates": False}])
    write_csv(pairs, folder / "separation.csv")
    score = {"score": "rand", "genre": "all", "value": 0.1, "low": 0.0, "high": 0.2, "covers": count}
    write_csv(pd.DataFrame([{"of": of} | score for of in ("k_means", "hdbscan")]), folder / "clusters.csv")
    write_json(folder / "environment.json", environment())
    (folder / "config.yaml").write_text(yaml.safe_dump({"source": "run", "blocks": ["color"]}))
    write_map_page(folder, 0)
    return folder


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """A small map: covers 0 to 7 stand in the left half, 8 to 15 in the right one."""
    across = np.where(np.arange(16) < 8, 0.0, 10.0) + np.arange(16) % 4 / 10
    folder = _map_folder(tmp_path / "map", np.stack([across, np.arange(16) % 8], axis=1))
    with visited(tmp_path / "profile", "file://") as visit:
        visit.page.goto((folder / "index.html").as_uri())
        visit.page.locator("#map-legend label").first.wait_for()
        yield visit
        assert not visit.wrong


def _lasso_left(page: Any) -> None:
    """Draws a lasso around the left half of the map."""
    page.get_by_label("draws a lasso").check()
    page.evaluate("document.getElementById('map-canvas').scrollIntoView({block: 'center'})")
    box = page.locator("#map-canvas").bounding_box()
    across, down = box["width"] / 2 - 10, box["height"] - 4
    corners = [(2, 2), (across, 2), (across, down), (2, down), (2, 10)]
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    for right, below in corners:
        page.mouse.move(box["x"] + right, box["y"] + below, steps=4)
    page.mouse.up()


def _downloaded(page: Any) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download selection").click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_lasso_selects_what_it_holds_and_filters_show(visit: Visit) -> None:
    page = visit.page
    assert page.get_by_role("button", name="Download selection").is_disabled()
    _lasso_left(page)
    page.get_by_text("8 selected: dub 4, opera 4.").wait_for()
    rows = _downloaded(page)
    assert {row["cover_id"] for row in rows} == {f"id-{k}" for k in range(8)}
    first = next(row for row in rows if row["cover_id"] == "id-4")
    assert first == {
        "cover_id": "id-4",
        "path": "/covers/dub/=4.jpg",
        "genre": "dub",
        "k-means": "cluster 2",
        "prediction": "wrong",
        "predicted": "opera",
    }

    page.get_by_text("More filters").click()
    page.get_by_role("group", name="prediction").get_by_label("right").uncheck()
    page.get_by_text("The filters show 5 of 16 covers.").wait_for()  # 4 wrong ones, 1 that was not held out
    _lasso_left(page)
    page.get_by_text("2 selected: dub 2.").wait_for()
    page.get_by_role("button", name="Select all in view").click()
    assert {row["cover_id"] for row in _downloaded(page)} == {"id-0", "id-4", "id-8", "id-12", "id-15"}
    page.get_by_role("button", name="Clear selection").click()
    page.get_by_text("No cover is selected.").wait_for()


@pytest.mark.slow
def test_the_keyboard_selects_covers(visit: Visit) -> None:
    page = visit.page
    page.locator("#map-canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("1 selected").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("2 selected").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("1 selected").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_with_the_page(visit: Visit, width: int, scheme: str) -> None:
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_text("More filters").click()
    page.get_by_role("button", name="Select all in view").click()
    assert not faults(page)


# What a frame takes while a map is zoomed thirty times: its script, and all that the browser does for it.
ZOOM = """async () => {
  const times = [];
  let before = performance.now();
  for (let step = 0; step < 30; step++) {
    scale(zoom * (step < 15 ? 1.15 : 1 / 1.15));
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
    times.push(performance.now() - before);
    before = performance.now();
  }
  return times.sort((a, b) => a - b);
}"""


@pytest.mark.slow
def test_a_hundred_thousand_covers_are_drawn_and_selected(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = _map_folder(tmp_path / "map", rng.normal(size=(COVERS, 2)))
    assert (folder / "index.html").stat().st_size < 25e6
    with visited(tmp_path / "profile", "file://") as visit:
        page = visit.page
        page.goto((folder / "index.html").as_uri())
        page.get_by_role("button", name="Select all in view").click()
        page.get_by_text("100,000 selected: dub 50,000, opera 50,000.").wait_for()
        page.get_by_role("button", name="Clear selection").click()
        times = page.evaluate(ZOOM)
        assert times[15] < 250, times  # milliseconds, without a GPU; 20 where nothing else runs
        drawn = page.evaluate("() => pen.getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v)")
        assert drawn
        assert not visit.wrong


@pytest.mark.slow
def test_on_a_phone_clusters_of_sets_fit_and_the_legend_says_that_it_goes_on(tmp_path: Path) -> None:
    single = ("Country", "Electronic", "HipHop", "Pop", "Rock")
    sets = ["|".join(some) for size in (1, 2, 4) for some in combinations(single, size)]
    xy = np.random.default_rng(0).random((100, 2))
    folder = _map_folder(tmp_path / "map", xy, sets, clusters=5)
    with visited(tmp_path / "profile", "file://") as visit:
        page = visit.page
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto((folder / "index.html").as_uri())
        page.locator("#map-legend label").first.wait_for()
        name = "Share of each genre in the clusters of k-means"
        table = page.get_by_role("region", name=name)
        assert table.evaluate("box => box.scrollWidth - box.clientWidth") == 0
        assert table.locator("thead th").count() == 6
        legend = page.locator("#map-legend")
        assert legend.evaluate("box => box.scrollHeight > box.clientHeight")
        bottom = page.evaluate("getComputedStyle(document.getElementById('map-legend')).backgroundAttachment")
        assert set(bottom.split(", ")) == {"local", "scroll"}
