"""The picture of an explanation: every text inside it, none on another, whatever the cover holds."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from coverfusion.experiments.explanation.blocks import LOG_PROBABILITY, PROBABILITY, Contributions
from coverfusion.experiments.explanation.explanation import Explanation, Feature, Neighbour
from coverfusion.experiments.explanation.figure import draw_explanation, figure_of
from coverfusion.experiments.explanation.marked_pictures import (
    marked_cover,
    network_map,
    people_text,
    words_text,
)
from coverfusion.experiments.explanation.people_and_words import NO_PEOPLE, NO_WORDS, Box, MarkedWord
from coverfusion.experiments.scoring.verdict import Verdict
from tests.helpers.pictures import encode, noise, solid

LONG = "Experimental Electroacoustic Improvisation and Musique Concr\u00e8te of the Late Twentieth Century"
BLOCKS = {"cnn": 0.21, "ocr": -0.08, "people": 0.03, "color": 0.0, "texture": -0.002}


def _explanation(**changes: object) -> Explanation:
    feature = Feature("people.face_count", 1.0, 0.024, "number of faces found (0 = none)", (0.0, 0.0, 1.0))
    base = Explanation(
        image=noise(0, (300, 300)),
        classifier="svc",
        genres=[("Country", 0.62), ("Rock", 0.2), ("Pop", 0.09)],
        contributions=Contributions(PROBABILITY, "exact Shapley values", 0.2, 0.37, BLOCKS, "one column", {}),
        features=[feature] * 5,
        faces=[Box(20, 20, 90, 110, 0.9)],
        persons=[Box(10, 10, 200, 290, 0.8)],
        words=[_word("LOVE", 40, 200)],
        attention=np.linspace(-0.02, 0.05, 90000, dtype=np.float32).reshape(300, 300),
        attention_note="how much the probability drops when this part is blurred for block 'cnn' alone",
        neighbours=[
            Neighbour(f"c{n}", "Country", "a.jpg", 3.2, encode(solid("red", (128, 90)))) for n in range(5)
        ],
        failed={},
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def _word(text: str, left: float, top: float, confidence: float = 0.9) -> MarkedWord:
    return MarkedWord(
        text, confidence, [(left, top), (left + 80, top), (left + 80, top + 20), (left, top + 20)]
    )


def _hard() -> Explanation:
    """Everything too long and too many at once."""
    many = [_word(f"$very_long_{'W' * n}^{n}$", 20 + n, 7.0 * n, 0.9 if n % 3 else 0.1) for n in range(40)]
    feature = Feature("texture." + "x" * 60, float("nan"), -3.2, "share of pixels " * 30, (-1e-9, 0.5, 1e9))
    blocks = {f"a_block_of_a_very_long_name_{n}": (-1) ** n / (n + 1) for n in range(9)}
    contributions = Contributions(
        LOG_PROBABILITY,
        "SHAP " * 60,
        -1.0,
        2.0,
        blocks,
        "SHAP " * 60,
        {},
        ["color", "texture"],
        {f"${'W' * n}$": (-1) ** n * 0.1 for n in range(40)},
    )
    return _explanation(
        genres=[(LONG, 0.62), (LONG, 0.2), (LONG, 0.1)],
        contributions=contributions,
        features=[feature] * 12,
        words=many,
        attention=None,
        attention_note="block 'cnn' failed on this cover " * 9,
        neighbours=[Neighbour("c", LONG, "a.jpg", 123456.789, None)] * 5,
        failed={"cnn": "RuntimeError: " + "no " * 200},
        verdict=Verdict(True, [LONG] * 20, 0.9, True, "A long note on these covers. " * 20),
    )


def _bare() -> Explanation:
    """Nothing found, one block, one genre, no index."""
    contributions = Contributions(PROBABILITY, "Shapley", 0.5, 0.5, {"color": 0.0}, "one column", {})
    return _explanation(
        image=solid("white", (1, 1)),
        genres=[("Pop", 1.0)],
        contributions=contributions,
        features=[],
        faces=[],
        persons=[],
        words=[],
        attention=np.zeros((1, 1), np.float32),
        neighbours=[],
    )


def _shaped(width: int, height: int) -> Explanation:
    return _explanation(
        image=noise(1, (width, height)), attention=np.full((height, width), 0.01, np.float32), words=[]
    )


def test_years_what_is_missing_and_what_is_near_are_written() -> None:
    year = Feature("metadata_year.number", 1975.0, 0.1, "year", (1960.0, 1970.0, 1980.0))
    shown = figure_of(
        _explanation(
            features=[year],
            neighbours_over="all blocks of the front alone",
            usual_distance=3.0,
            lacking=["The back is missing."],
        )
    )
    texts = [text.get_text() for text in shown.findobj(Text)]
    assert {"1975", "1960 to 1980"} <= set(texts)
    assert any("over all blocks of the front alone; two" in text for text in texts)
    assert any(text.startswith("The back is missing.") for text in texts)


def test_of_several_genres_the_picture_says_what_it_is_called_and_of_which_it_is() -> None:
    verdict = Verdict(
        called=["Country", "Rock"],
        reached=True,
        thresholds={"Country": 0.25, "Rock": 0.2},
        note="A long note on these covers. " * 20,
    )
    genres = [("Country", 0.5), ("Rock", 0.3), ("Pop", 0.1)]
    shown = figure_of(_explanation(genres=genres, verdict=verdict))
    texts = [" ".join(text.get_text().split()) for text in shown.findobj(Text)]
    assert "Country, Rock" in texts  # the title
    assert any(text.startswith("then Pop 10 %; ") for text in texts)
    called = "Called Country 50.0 % (threshold 25.0 %), Rock 30.0 % (threshold 20.0 %): "
    (said,) = [text for text in texts if text.startswith(called)]
    assert "The effects below are of Country alone. A long note" in said


def test_a_set_of_all_of_several_genres_rules_none_out() -> None:
    facts = {"genre_set": ["Pop", "Rock"], "set_coverage": 0.9, "known_genres": 2}
    (several,) = Verdict(**facts, sets="of-its-genres").in_words()
    (one,) = Verdict(**facts, sets="by-genre").in_words()
    assert several == "Its set holds all genres, so that it rules none out."
    assert "Undecided" in one


def test_one_block_has_a_bar_with_its_effect() -> None:
    parts = Contributions(PROBABILITY, "Shapley", 0.5, 0.567, {"color": 0.067}, "one column", {})
    figure = figure_of(_explanation(contributions=parts, attention=None))
    bars = [bar.get_width() for axes in figure.axes for group in axes.containers for bar in group]
    assert bars == pytest.approx([6.7])
    assert "+6.7" in " ".join(_boxes(figure))


def test_the_genres_of_a_near_cover_stand_whole_on_lines() -> None:
    near = [Neighbour(f"c{n}", "Country|Electronic|HipHop", "a.jpg", 3.2, None) for n in range(5)]
    several = _boxes(figure_of(_explanation(neighbours=near, verdict=Verdict(called=["Pop"], reached=True))))
    assert any("Country,\nElectronic,\nHipHop\ndistance 3.20" in text for text in several)
    one = _boxes(figure_of(_explanation(neighbours=near)))
    assert any("Country|Elec" in text for text in one)


def test_the_longest_text_under_the_map_ends_above_the_features() -> None:
    note = "how much the probability drops when this part of the front is blurred " * 6
    figure = figure_of(_explanation(attention_note=note))
    boxes = _boxes(figure)
    under = next(box for text, box in boxes.items() if "points of probability: how much" in text)
    below = next(box for text, box in boxes.items() if "Readable features that moved" in text)
    assert under[1] > below[3] + 0.08 * figure.dpi


CASES = {
    "usual": _explanation,
    "hard": _hard,
    "bare": _bare,
    "portrait": lambda: _shaped(100, 640),
    "landscape": lambda: _shaped(640, 100),
}


def _boxes(figure: Figure) -> dict[str, tuple[float, float, float, float]]:
    """Every text with its edges in pixels, but for the numbers that stand on the cover on purpose."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    found = {}
    for number, text in enumerate(figure.findobj(Text)):
        on_cover = isinstance(text, Annotation) and text.get_bbox_patch() is not None
        if text.get_text() and text.get_visible() and not on_cover:
            found[f"{number}: {text.get_text()}"] = text.get_window_extent(renderer).extents
    return found


@pytest.mark.parametrize("case", CASES)
def test_texts_stay_inside_and_apart(case: str) -> None:
    figure = figure_of(CASES[case]())
    figure.set_dpi(100)
    width, height = 100 * figure.get_size_inches()
    texts = _boxes(figure)
    assert len(texts) > 10
    for text, (left, bottom, right, top) in texts.items():
        assert min(left, bottom) >= 0, text
        assert right <= width, text
        assert top <= height, text
    for (one, a), (other, b) in combinations(texts.items(), 2):
        apart = a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 1 or b[3] <= a[1] + 1
        assert apart, f"{one!r} lies on {other!r}"


def test_the_picture_is_whole() -> None:
    picture = draw_explanation(_explanation())
    assert picture.mode == "RGB"
    assert picture.width == 1430
    pixels = np.asarray(picture)
    for edge in (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]):
        assert (edge == 255).all()  # nothing runs over the edge


def test_a_line_ends_before_the_margin() -> None:
    pixels = np.asarray(
        draw_explanation(_explanation(verdict=Verdict(True, ["Rock", "Pop"] * 4, 0.8, True, LONG)))
    )
    assert (pixels[:, -40:] == 255).all()


def test_signs_and_numbers_are_written_not_only_coloured() -> None:
    shown = " ".join(_boxes(figure_of(_explanation())))
    for text in (
        "Country, 62 %",
        "+21.0",
        "\u22128.0",
        "1 face",
        "1\u00a0\u201cLOVE\u201d",
        "people.face_count",
    ):
        assert text in shown, text


def test_what_a_model_lacks_takes_no_room() -> None:
    whole, bare = (figure_of(_explanation(**change)) for change in ({}, {"attention": None, "features": []}))
    assert {"Where the image network looks", "Readable features that moved it most"} <= _titles(whole)
    assert _titles(bare) == _titles(whole) - {
        "Where the image network looks",
        "Readable features that moved it most",
    }
    assert bare.get_size_inches()[1] < whole.get_size_inches()[1]


def _titles(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.texts if text.get_weight() == "bold" and text.get_size() == 12}


def test_the_cover_itself_is_not_one_of_its_neighbours() -> None:
    near = [
        Neighbour(f"c{k}", "Pop", f"{k}.jpg", distance, None) for k, distance in enumerate((0.0, 2.0, 3.0))
    ]
    found = _explanation(neighbours=near)
    assert [one.cover_id for one in found.others] == ["c1", "c2"]
    assert [one.cover_id for one in _explanation(neighbours=near[1:]).others] == ["c1", "c2"]


def test_words_stand_with_what_they_do() -> None:
    contributions = dataclasses.replace(_explanation().contributions, words={"guitar": 0.062, "love": -0.021})
    shown = " ".join(_boxes(figure_of(_explanation(contributions=contributions))))
    assert "+6.2\u00a0\u201cguitar\u201d" in shown
    assert "\u22122.1\u00a0\u201clove\u201d" in shown
    assert "Words that moved it most" not in " ".join(_boxes(figure_of(_explanation())))


def test_what_was_not_looked_for_is_not_said_to_be_missing() -> None:
    text = " ".join(" ".join(_boxes(figure_of(_explanation(faces=None, persons=None, words=None)))).split())
    assert NO_PEOPLE in text
    assert NO_WORDS in text
    assert "no words" not in text


def test_no_answer_and_a_warning_are_written_out() -> None:
    shown = " ".join(_boxes(figure_of(_explanation(verdict=Verdict(True, ["Rock", "Pop"], 0.8, True)))))
    for text in ("No prediction", "Out of distribution", "One of: Rock, Pop (nothing is guaranteed)"):
        assert text in shown.replace("\n", " "), text


def test_a_marked_cover_alone_suits_a_page_of_any_colour() -> None:
    plain = _explanation(image=solid("white", (300, 200)), persons=[], words=[])
    pixels = np.asarray(marked_cover(plain))
    high, wide, _ = pixels.shape
    assert wide > high  # as the cover
    assert (pixels[:8, :, 3] == 0).all()  # nothing around it
    assert (pixels[high // 2, wide // 2] == (255, 255, 255, 255)).all()
    blue = (np.abs(pixels[..., :3].astype(int) - (0x56, 0xB4, 0xE9)).sum(axis=2) < 20).any(axis=(0, 1))
    assert blue  # the face's outline
    assert not (np.asarray(marked_cover(dataclasses.replace(plain, faces=[])))[20:-30, 30:-30, 2] < 200).any()


def test_the_map_alone_is_blue_where_the_cover_speaks_for_the_genre() -> None:
    ramp = np.tile(np.linspace(-0.05, 0.05, 300, dtype=np.float32), (300, 1))
    picture = network_map(_explanation(image=solid("white", (300, 300)), attention=ramp))
    assert picture is not None
    pixels = np.asarray(picture).astype(int)
    middle, edge = pixels.shape[0] // 2, pixels.shape[1] // 10
    against, speaks = pixels[middle, edge], pixels[middle, -edge]
    assert against[0] > against[2] + 50
    assert speaks[2] > speaks[0] + 50
    assert network_map(_explanation(attention=None)) is None


def test_marks_are_named_with_their_colours_and_numbers() -> None:
    usual = _explanation(words=[_word("LOVE", 40, 200), _word("ME", 40, 230), _word("dim", 40, 260, 0.1)])
    assert people_text(usual) == "1 face (blue), 1 person (orange, dashed)"
    shown = words_text(usual)
    assert shown == "words (green): 1\u00a0\u201cLOVE\u201d, 2\u00a0\u201cME\u201d, 1 unsure (dotted)"
    assert "1\u00a0\u201clove\u201d" in words_text(usual, str.lower)
    assert words_text(_explanation(words=[])) == "no words"
