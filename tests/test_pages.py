"""Every page that the project writes, in a browser: no error, nothing cut off, nothing over another."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coverfusion.data.sample.draw import draw_sample
from coverfusion.experiments.cli import app
from tests.helpers.browser import faults, visited

FEW = ["-b", "color", "-b", "texture", "-c", "logistic", "--store", "store"]
COMMANDS = [
    ["train", "covers", *FEW, "-c", "knn", "--alone", "logistic", "--folds", "3", "--out", "run"],
    ["report", "{run}"],
    ["map", "{run}", "--out", "map"],
    ["labels", "{run}", "--out", "labels"],
    ["decide", "{run}", "--out", "decisions"],
    ["compare", "{run}", "--out", "compared"],
    [
        "ablate",
        "covers",
        *FEW,
        "-d",
        "alone",
        "-d",
        "without",
        "-d",
        "subsets",
        "--folds",
        "3",
        "--out",
        "ablation",
    ],
    ["curve", "covers", *FEW, "--folds", "3", "--out", "curve"],
    ["sweep", "covers", *FEW, "-p", "C", "-v", "0.1", "-v", "1", "-v", "10", "--out", "sweep"],
    ["search", "covers", *FEW, "-p", "C=0.1..10:log", "--trials", "4", "--out", "search"],
    ["transfer", "covers", "others", *FEW, "--out", "transfer"],
    ["benchmark", "make", "covers", "--name", "Drawn pictures", "--folds", "3", "--out", "task"],
    ["benchmark", "submit", "task", "{run}", "-c", "logistic", "-c", "knn", "--out", "board"],
    ["benchmark", "leaderboard", "task", "board", "--out", "ranked"],
]

# pages ask for nothing after they are loaded: the second frame has what their scripts draw
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

A4_WIDTH = 688  # pixels of 96 an inch, without margins
PRINTED = """() => {
  const shown = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility());
  const words = (one) => one.innerText.trim().replace(/\\s+/g, " ");
  const scrolls = (one) => /auto|scroll/.test(getComputedStyle(one).overflow);
  const cut = (one) => scrolls(one) && one.scrollHeight > one.clientHeight + 1;
  const alone = (one) => [...one.children].every((child) => child.matches("h2") || !child.checkVisibility());
  return [
    ...(document.documentElement.scrollWidth > innerWidth ? ["wider than the sheet"] : []),
    ...shown.filter((one) => one.matches("section") && alone(one)).map((one) => `alone: ${words(one)}`),
    ...shown.filter(cut).map((one) => `cut off: ${words(one).slice(0, 40)}`),
  ];
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The pages of a run on drawn covers and of every study."""
    folder = tmp_path_factory.mktemp("pages")
    before = Path.cwd()
    os.chdir(folder)
    try:
        draw_sample("covers", covers_per_genre=30)
        draw_sample("others", covers_per_genre=12, seed=1)
        for command in COMMANDS:
            run = next(Path("run").glob("covers-*"), Path())
            done = CliRunner().invoke(app, [word.format(run=run) for word in command])
            assert done.exit_code == 0, f"{' '.join(command)}\n{done.output}\n{done.exception!r}"
    finally:
        os.chdir(before)
    return sorted(folder.rglob("*.html"))


@pytest.mark.slow
def test_a_print_is_whole(pages: list[Path], tmp_path: Path) -> None:
    """No box is cut off, nothing is wider than the sheet, and no heading stands alone."""
    found = []
    with visited(tmp_path, "file://", width=A4_WIDTH) as visit:
        visit.page.emulate_media(media="print")
        for page in pages:
            visit.page.goto(page.as_uri())
            visit.page.evaluate(DRAWN)
            found += [f"{page.parent.name}/{page.name}: {fault}" for fault in visit.page.evaluate(PRINTED)]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_is_whole(pages: list[Path], width: int, scheme: str, tmp_path: Path) -> None:
    found = []
    with visited(tmp_path, "file://", width, scheme) as visit:
        for page in pages:
            visit.page.goto(page.as_uri())
            visit.page.evaluate(DRAWN)
            found += [
                f"{page.parent.name}/{page.name}: {fault}" for fault in [*visit.wrong, *faults(visit.page)]
            ]
            visit.wrong.clear()
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "beside"), [(390, False), (1280, True)])
def test_labels_of_a_forest_stand_beside_its_axis_where_there_is_room(
    pages: list[Path], width: int, beside: bool, tmp_path: Path
) -> None:
    ablation = next(page for page in pages if "ablation" in page.parts)
    with visited(tmp_path, "file://", width) as visit:
        visit.page.goto(ablation.as_uri())
        rows = visit.page.evaluate(
            """() => [...document.querySelectorAll(".chart g:has(rect.interval)")].map(row =>
              ["text.beside", "rect.interval", "g.on path"].map(part => {
                const {left, right, top, bottom} = row.querySelector(part).getBoundingClientRect();
                return {left, right, middle: (top + bottom) / 2};
              }))"""
        )
    assert len(rows) > 5
    for label, interval, mark in rows:
        assert (abs(label["middle"] - interval["middle"]) < 3) == beside
        assert label["right"] < interval["left"] or not beside
        assert abs(mark["middle"] - interval["middle"]) < 1
        assert interval["left"] - 1 <= (mark["left"] + mark["right"]) / 2 <= interval["right"] + 1


@pytest.mark.slow
def test_what_is_wrong_with_a_page_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        """<html lang="en"><title>t</title><main><h1>Sound</h1>
        <p style="position: absolute; top: 200px; left: 9px">under</p>
        <p style="position: absolute; top: 204px; left: 12px">over</p>
        <p style="width: 60px; overflow: hidden; white-space: nowrap">a line that is far too long</p>
        <p style="color: #ccc; background: #fff">pale</p>
        <div style="width: 600px">wide</div></main></html>""",
        encoding="utf-8",
    )
    with visited(tmp_path / "profile", "file://", 390) as visit:
        visit.page.goto(page.as_uri())
        found = "\n".join(faults(visit.page))
    for fault in (
        "scrolls sideways: 6",
        'over each other: "under" and "over"',
        'cut off: "a line',
        "axe: color-contrast",
    ):
        assert fault in found
    assert "Sound" not in found
