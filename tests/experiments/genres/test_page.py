"""What a genre's page says of single features, in words."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from coverfusion.experiments.drawing import pages
from coverfusion.experiments.genres.page import among, differences_in_words, gains_by_genre, speaking_values
from coverfusion.experiments.genres.report import GENRE_FILTERS
from coverfusion.experiments.genres.shap import Shap
from coverfusion.features.descriptions import needed_for, said_of
from coverfusion.features.people import People
from tests.helpers.browser import visited

PLACE = "vertical place of text: 0 (the top edge) to 1 (the bottom edge)"
AREA = "area of the largest face: proportion of the cover, 0 to 1 (0 = none)"


def _row(meaning: str, higher: float, equal: float = 0.0, among: str = "") -> dict[str, object]:
    delta = 2 * higher + equal - 1
    short = meaning.partition(":")[0]
    return {
        "short": short,
        "delta": delta,
        "higher": higher,
        "equal": equal,
        "way": said_of(meaning, delta > 0),
        "other_way": said_of(meaning, delta <= 0),
        "among": among,
    }


def test_where_values_tie_both_sides_are_told() -> None:
    assert differences_in_words([_row(AREA, 0.56, 0.18)]).replace("\u00a0", " ") == (
        "are higher in area of the largest face (56 % of pairs, lower in 26 %)"
    )
    assert differences_in_words([_row(AREA, 0.2, 0.1)]).replace("\u00a0", " ") == (
        "are lower in area of the largest face (70 % of pairs, higher in 20 %)"
    )


def test_of_what_not_all_covers_have_is_told_among_which_it_holds() -> None:
    sure = "confidence of faces: mean of the detector's, 0 to 1 (missing without any face)"
    rows = [_row(sure, 0.64, among=needed_for(sure)), _row("contrast: RMS; 0-0.5", 0.3)]
    assert differences_in_words(rows).replace("\u00a0", " ") == (
        "are higher in confidence of faces (64 % of pairs where both have a face) and lower in contrast "
        "(70 %)"
    )


def test_a_feature_that_many_covers_lack_is_among_those_that_have_it() -> None:
    covers = pd.DataFrame({"genre": list("aaaabbbbbb"), "group": [0, 0, *range(1, 9)]})
    inside = (covers["genre"] == "a").to_numpy()  # in 3 groups, the others in 6
    meanings = {"people.face_confidence": People().describe()["face_confidence"]}
    own = pd.DataFrame(
        [["people.face_confidence", 3, 4], ["other.x", 2, 6], ["color.lightness", 3, 6]],
        columns=["column", "covers", "others"],
    )
    assert among(own, covers, meanings, inside) == ["a face", "a value", ""]


def test_places_are_told_by_where_they_are() -> None:
    rows = [_row(PLACE, 0.64), _row("contrast: RMS; 0-0.5", 0.3), _row("brightness: mean; 0-1", 0.7)]
    assert differences_in_words(rows).replace("\u00a0", " ") == (
        "are higher in brightness (70 % of pairs) and lower in contrast (70 %), and have text closer to the "
        "bottom edge (64 %)"
    )
    assert "have text closer to the top edge" in differences_in_words([_row(PLACE, 0.36)])
    red = "colour of letters from green to red: CIE Lab a, -128 (green) to 127 (red)"
    assert differences_in_words([_row(red, 0.6)]).startswith("have colour of letters closer to red (")


def test_of_what_is_counted_there_is_more() -> None:
    lines = "ends of bright lines: proportion of pixels with a pattern; 0 to 1"
    capitals = "capitals: proportion among letters that have case, 0 to 1"
    said = differences_in_words([_row(capitals, 0.2, 0.3), _row(lines, 0.7), _row(AREA, 0.6)])
    assert said.replace("\u00a0", " ") == (
        "are higher in area of the largest face (60 % of pairs), and have more ends of bright lines (70 %) "
        "and fewer capitals (50 %, more in 20 %)"
    )


@pytest.mark.parametrize(
    ("meaning", "says", "said"),
    [
        (AREA, "for", "high values"),
        (AREA, "against", "low values"),
        (AREA, "", "no clear direction"),
        (PLACE, "for", "values near the bottom edge"),
        (PLACE, "against", "values near the top edge"),
    ],
)
def test_which_values_speak_for_a_genre(meaning: str, says: str, said: str) -> None:
    assert speaking_values(meaning, says) == said


@pytest.mark.slow
def test_a_matrix_of_six_blocks_fits_a_phone(tmp_path: Path) -> None:
    blocks = ["objects", "people", "texture", "color", "cnn", "ocr"]
    genres = ["Country", "Electronic", "HipHop", "Pop", "Rock"]
    gains = pd.DataFrame(
        [
            {"genre": genre, "block": block, "gain": -0.12, "p_corrected": 0.2 if block == "ocr" else 0.001}
            for genre in genres
            for block in blocks
        ]
    )
    shap = Shap(
        blocks=gains,
        columns=pd.DataFrame(),
        covers={},
        explained=100,
        accuracy=0.5,
        average_precision=0.5,
        learnt=200,
        held="test covers",
        components={},
    )
    chosen = SimpleNamespace(classifier="catboost", on="all blocks")
    run = SimpleNamespace(
        name="run",
        item="cover",
        several=False,
        chosen=chosen,
        facts=SimpleNamespace(note=""),
        config=SimpleNamespace(folds=3),
    )
    context = {"run": run, "pages": [], "names": {}, "total": 9, "of_albums": "", "shap": shap, "held": "x"}
    context |= {"there": set(), "limits": SimpleNamespace(tested=10), "made": "2026-11-30T00:00:00+00:00"}
    path = tmp_path / "index.html"
    gained = gains_by_genre(shap)
    pages.write(path, pages.render("genre_index.html", context | {"gains": gained}, GENRE_FILTERS))
    with visited(tmp_path / "profile", "file://", 390) as visit:
        visit.page.goto(path.as_uri())
        wide, room = visit.page.eval_on_selector("#blocks .box", "box => [box.scrollWidth, box.clientWidth]")
        bold = visit.page.locator("#blocks td.hit")
        assert bold.count() == len(genres) * (len(blocks) - 1)
        assert int(bold.first.evaluate("cell => getComputedStyle(cell).fontWeight")) >= 600
    assert wide <= room
