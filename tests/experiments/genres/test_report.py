"""The genre report of a small drawn run, with a name that is markup and a genre of a single cover."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.report import report_command
from coverfusion.experiments.drawing.words import p_value, signed
from coverfusion.experiments.genres.distributions import SHOWN_COLUMNS
from coverfusion.experiments.genres.findings import find_all_genres
from coverfusion.experiments.genres.report import (
    brief,
    page_names,
    write_genre_report,
    write_pages,
)
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.pipeline.reopen import reopen
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.training.train import train
from coverfusion.features.registry import create
from coverfusion.features.sides import meanings_of
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.bundle import load_bundle
from tests.experiments.training.test_report import Page
from tests.helpers.pictures import checkerboard, grained, save_folders, save_manifest, solid, stripes

MARKUP = "<script>alert('x')</script>"
GENRES = {"Dub & Bass": (30, 120, 40), MARKUP: (150, 30, 40), "オペラ": (40, 40, 160)}
LONE = "Single"
CATBOOST = {"iterations": 20}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on colour and texture: 30 covers of each genre in about its colour, and one more."""
    root = tmp_path_factory.mktemp("genres")
    pictures = {}
    for number, colour in enumerate(GENRES.values()):
        rng = np.random.default_rng(number)
        pictures[f"g{number}"] = [
            grained(
                (checkerboard if k % 2 else stripes)(
                    tuple(int(v) for v in np.clip(np.array(colour) + rng.integers(-25, 25, 3), 0, 255)),
                    tuple(int(v) for v in rng.integers(0, 255, 3)),
                    int(rng.integers(5, 30)),
                    size=(96, 96),
                ),
                [number, k],
            )
            for k in range(30)
        ]
    save_folders(root, pictures | {"lone": [solid("orange", (96, 96))]})
    names = dict(zip(pictures, GENRES, strict=True)) | {"lone": LONE}
    rows = [
        {"path": path.relative_to(root).as_posix(), "genre": names[path.parent.name]}
        for path in sorted(root.rglob("*.jpg"))
    ]
    collection = save_manifest(root / "covers.csv", rows)
    values = {
        "classifiers": {"knn": {}, "catboost": CATBOOST},
        "alone": ["knn"],
        "blocks": ["color", "texture"],
    }
    return train(
        make_config("test", collection=collection, out=root / "runs", store=root / "store", **values)
    )


@pytest.fixture(scope="module")
def out(run: Path) -> Path:
    """The pages as the command writes them."""
    app = typer.Typer()
    app.command()(report_command)
    result = CliRunner().invoke(app, [str(run)])
    assert result.exit_code == 0, result.output
    assert "Genre pages: 4" in result.output
    assert "index.html" in result.output
    return run / "genres"


def _pages(folder: Path) -> dict[str, Page]:
    return {path.name: Page.of(path) for path in folder.glob("*.html")}


def test_there_is_a_page_for_each_genre_and_an_index(out: Path) -> None:
    names = page_names(sorted([*GENRES, LONE]))
    assert {path.name for path in out.glob("*.html")} == {"index.html", *names.values()}
    index = Page.of(out / "index.html")
    links = {e.attributes["href"]: e.text for e in index.all("a")}
    assert links.pop("../report.html") == "Report"
    assert links == {name: genre for genre, name in names.items()}
    back = [e for e in Page.of(out.parent / "report.html").all("a") if e.text == "Genres"]
    assert "genres/index.html" in [e.attributes["href"] for e in back]
    for genre, name in names.items():
        assert Page.of(out / name).all("h1")[0].text.startswith(genre)
    assert not (out / ".fits").exists()
    assert (
        f"Not tested, with fewer than 10 held-out covers of it or of all others: {', '.join(names)}."
        in " ".join(index.all("section", None)[-2].text.split())
    )
    cells = index.all("td", "none")  # the lone cover was not held out, so no block has a gain for it
    assert [cell.text for cell in cells] == ["\u2013", "\u2013"]
    assert all("nan" not in e.attributes.get("style", "") for e in index.elements)


def test_a_lone_cover_shows_nothing_significant_and_cannot_be_typical(out: Path) -> None:
    page = (out / page_names(sorted([*GENRES, LONE]))[LONE]).read_text(encoding="utf-8")
    assert "No readable feature sets them significantly apart" in page
    assert "These covers cannot be tested" in page
    assert "No cover is typical" not in page


def test_pages_ask_for_nothing_from_outside_and_stay_small(out: Path) -> None:
    for name, page in _pages(out).items():
        assert (out / name).stat().st_size < 10e6
        for element in page.elements:
            assert element.tag != "script"
            assert not any(attribute.startswith("on") for attribute in element.attributes)
            for attribute in ("src", "href", "srcset", "data"):
                link = element.attributes.get(attribute, "#")
                assert link.startswith(("#", "data:")) or (out / link).is_file(), (name, link)
        style = "".join(e.text for e in page.all("style"))
        assert "url(" not in style
        assert "@import" not in style


def test_pictures_and_charts_say_what_they_show(out: Path) -> None:
    for page in _pages(out).values():
        assert page.all("img")
        assert all(e.attributes["alt"] for e in page.all("img"))
        for element in [*page.all("svg", "chart"), *page.all("div", "strip")]:
            assert element.attributes["role"] == "img"
            assert "%" in element.attributes["aria-label"] + "%"
            assert len(element.attributes["aria-label"]) > 30


def test_a_page_tells_what_the_run_knows(run: Path, out: Path) -> None:
    genre = "Dub & Bass"
    page = Page.of(out / page_names(sorted([*GENRES, LONE]))[genre])
    text = page.all("body")[0].text
    assert page.all("div", "tile")[0].text.startswith("30covers, 33.0")
    # every model with its F1, as the run has them
    finished = read_run(run)
    for model in finished.models:
        f1 = model.genres["test"][genre]["f1"]
        assert f"{100 * f1.value:.1f} {100 * f1.low:.1f}\u2013{100 * f1.high:.1f}" in text
    assert "color.lab_a_mean" in text  # green covers
    assert "no block ocr" in text
    assert "no block people" in text
    assert text.count("no block color") == 0


def test_a_genre_of_one_cover_has_a_page_that_says_so(out: Path) -> None:
    text = Page.of(out / page_names(sorted([*GENRES, LONE]))[LONE]).all("body")[0].text
    assert re.search(r"\b1 of .* 91 covers", text)
    assert "No cover of this genre" in text
    assert "nan" not in text.lower().split()


def test_tables_lie_beside_the_pages(run: Path, out: Path) -> None:
    effects = pd.read_csv(out / "effects.csv", keep_default_na=False)
    assert set(effects["genre"]) == {*GENRES, LONE}
    green = effects[(effects["genre"] == "Dub & Bass") & (effects["column"] == "color.lab_a_mean")].iloc[0]
    assert green["delta"] < -0.4
    assert green["p_corrected"] < 0.05
    shap = pd.read_csv(out / "shap_blocks.csv", keep_default_na=False)
    assert set(shap["block"]) == {"color", "texture"}
    assert json.loads((out / "environment.json").read_text())["run"] == str(run)
    assert (out / "config.yaml").read_text() == (run / "config.yaml").read_text()


def test_words_faces_and_persons_are_told_where_they_were_read(run: Path, tmp_path: Path) -> None:
    """The same run with blocks `ocr` and `people` laid down by hand: every Dub cover bears one word."""
    prepared = reopen(run)
    covers = prepared.covers.copy()
    dub = (covers["genre"] == "Dub & Bass").to_numpy()
    part = pd.read_parquet(run / "splits.parquet").set_index("cover_id")["split"]
    learnt = covers["cover_id"].map(part).eq("train").to_numpy()
    covers.loc[np.flatnonzero(dub & learnt)[:20], "group"] = -1  # near duplicates
    box = [[10, 10], [60, 10], [60, 30], [10, 30]]
    texts = np.where(dub, "<b>DUBWISE</b> love", "love")
    notes = [json.dumps([{"text": str(text), "confidence": 0.9, "box": box}]) for text in texts]
    ids = pd.Index(covers["cover_id"], name="cover_id")
    share = np.where(dub, 0.4, 0.1) + 0.01 * np.arange(len(dub))
    blocks = {
        "ocr": pd.DataFrame({"area_share": share, "center_y": 0.5 + share}, index=ids).astype(np.float32),
        "people": pd.DataFrame({"face_count": dub.astype(np.float32), "person_count": 1.0}, index=ids),
    }
    table = FeatureTable(prepared.table.blocks | blocks, {"ocr": pd.Series(notes, index=ids)})
    finished = read_run(run)
    finished = replace(finished, facts=finished.facts | {"extractors": dict.fromkeys(table.blocks, "")})
    neighbours = load_bundle(run / "bundle").neighbours
    assert neighbours is not None
    meanings = meanings_of([create(name) for name in table.blocks])
    found = find_all_genres(finished, covers, table, meanings, neighbours, tmp_path / "kept")
    index = write_pages(found, tmp_path / "pages")
    page = Page.of(index.parent / page_names(found.genres)["Dub & Bass"])
    assert [e.text for e in page.all("h3") if e.text in ("dubwise", "love")] == ["dubwise"]
    assert any("\u201cdubwise\u201d marked" in e.attributes["alt"] for e in page.all("img"))
    kinds = [e.text for e in page.all("td", "text")]
    assert "large, closer to the bottom edge" in kinds  # larger numbers of `center_y` are further down
    assert "large, higher" in kinds
    effects = pd.read_csv(index.parent / "effects.csv").set_index(["genre", "column"])
    text = effects.loc[("Dub & Bass", "ocr.area_share")]
    # one of the near duplicates counts, in the table and in the histograms
    assert text["covers"] == 11
    medians = f"median {brief(text['median'])} (elsewhere {brief(text['median_others'])})"
    assert medians in [e.text for e in page.all("figcaption")]
    titles = [e.text for e in page.all("h4")]
    assert titles == [title for title, _ in SHOWN_COLUMNS.values()]
    faces = page.all("svg", "chart")[3].attributes["aria-label"]
    assert "0: 0\u00a0% against 100\u00a0%; 1: 100\u00a0% against 0\u00a0%" in faces
    assert "dubwise" in index.read_text(encoding="utf-8")
    words = pd.read_csv(index.parent / "words.csv").set_index("genre").loc[["Dub & Bass"]]
    assert words["word"].tolist() == ["dubwise"]
    assert words["covers"].tolist() == [covers.loc[dub, "group"].nunique()]
    assert words["others"].tolist() == [0]


def test_what_cannot_be_reported_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a finished run folder"):
        write_genre_report(tmp_path, tmp_path / "pages")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--out .*file is a file"):
        write_genre_report(run, tmp_path / "file")
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "bundle" / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"manifest\.json"):
        write_genre_report(copy, tmp_path / "pages")


def test_covers_that_show_nothing_are_refused_with_the_reason(tmp_path: Path) -> None:
    blank = {
        genre: [solid("white", (40 + n + 20 * look, 40)) for n in range(14)]
        for look, genre in enumerate(("Rock", "Pop"))
    }
    save_folders(tmp_path / "covers", blank)
    config = make_config(
        "test",
        collection=tmp_path / "covers",
        out=tmp_path,
        store=tmp_path / "store",
        blocks=["color"],
        classifiers=["knn"],
    )
    with pytest.raises(UserError, match="cannot be fitted: All features are either constant or ignored"):
        write_genre_report(train(config), tmp_path / "genres")


def test_page_names_are_plain_and_differ() -> None:
    names = page_names(["R&B", "R+B", "../../etc", "オペラ", "Ünïcode " + "long" * 60, "CON"])
    assert names["R&B"] == "genre-1-r-b.html"
    assert names["R+B"] == "genre-2-r-b.html"
    assert names["../../etc"] == "genre-3-etc.html"
    assert names["オペラ"] == "genre-4.html"
    assert all(len(name) < 100 and name.isascii() and "/" not in name for name in names.values())
    assert len(set(names.values())) == 6
    assert page_names([f"g{k}" for k in range(12)])["g0"] == "genre-01-g0.html"


def test_figures_are_printed_short() -> None:
    assert [signed(v) for v in (0.5, -0.25, 0.001, -0.001)] == ["+0.50", "\u22120.25", "0.00", "0.00"]
    assert [p_value(p) for p in (0.0001, 0.0312)] == ["<\u00a00.001", "0.031"]
    assert [brief(v) for v in (0.12345, 1975, 9999.6, -3.0)] == ["0.123", "1975", "10,000", "\u22123"]
    assert brief(138.2, 2) == "138"


def test_cards_and_pages_doubt_the_same_genres(out: Path) -> None:
    clause = "not significantly more than for another genre"
    index = Page.of(out / "index.html")
    cards = [card.text for card in index.all("section", "card")]
    doubted = []
    for card in cards:
        genre = next(name for name in [*GENRES, LONE] if card.strip().startswith(name))
        page = Page.of(out / page_names(sorted([*GENRES, LONE]))[genre])
        tiles = " ".join(tile.text for tile in page.all("div", "tile"))
        assert (clause in card) == (clause in tiles) == (clause in page.all("p", "gist")[0].text)
        doubted.append(clause in card)
    assert any(doubted)  # few mistakes say little
