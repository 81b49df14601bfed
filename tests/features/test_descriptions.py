"""Short names of columns, and quartiles of angles."""

import re

import numpy as np
import pytest

from coverfusion.features.descriptions import opposite_ends, quartiles_of, said_of, short_meaning
from coverfusion.features.registry import Extractor, create, extractor_names
from coverfusion.features.sides import meanings_of

HUE = "color.hue_mean"


@pytest.mark.parametrize(
    ("description", "short"),
    [
        ("brightness: mean luma (ITU-R BT.709 weights); 0-1", "brightness"),
        ("centre of all text, 0 (left) to 1 (right)", "centre of all text"),
        ("log10 of (1 + the variance); 0 to about 5.5", "log10 of (1 + the variance)"),
        ("number of words read, separated by spaces", "number of words read"),
        ("score of 'cat, dog (wild)': log10; up to 0", "score of 'cat, dog (wild)'"),
        ("share of red; range: 0-1", "share of red"),
    ],
)
def test_short_meaning(description: str, short: str) -> None:
    assert short_meaning(description) == short


def _described(block: str) -> dict[str, str]:
    """Column -> description of what is readable of a block."""
    return {name: text for name, text in create(block).describe().items() if not name.endswith("*")}


@pytest.mark.parametrize("block", extractor_names())
def test_names_are_whole_short_and_tell_columns_apart(block: str) -> None:
    described = _described(block)
    names = {column: short_meaning(text) for column, text in described.items()}
    assert len(set(names.values())) == len(names)
    # the name is all before the first colon: nothing was cut off it
    assert names == {column: text.partition(":")[0] for column, text in described.items()}
    assert max(map(len, names.values()), default=0) <= 55


@pytest.mark.parametrize("block", extractor_names())
def test_names_of_backs_are_as_whole(block: str) -> None:
    extractor: Extractor = create(block)
    known = {key: text for key, text in meanings_of([extractor], backs=True).items() if key[-1] != "*"}
    names = {key: short_meaning(text) for key, text in known.items()}
    assert len(set(names.values())) == len(names)
    assert all(name.endswith(" on the back") for key, name in names.items() if key.startswith("back_"))


@pytest.mark.parametrize(
    ("column", "ends"),
    [
        ("ocr.center_x", ("the left edge", "the right edge")),
        ("ocr.center_y", ("the top edge", "the bottom edge")),
        ("people.face_largest_y", ("the top edge", "the bottom edge")),
        ("people.person_largest_x", ("the left edge", "the right edge")),
        ("ocr.slant", ("the left", "the right")),
        ("ocr.ink_red", ("green", "red")),
        ("color.lab_b_mean", ("blue", "yellow")),
        ("color.palette_2_a", ("green", "red")),
        ("color.hue_cos", ("cyan", "red")),
        ("color.brightness", None),
        ("ocr.ink_chroma", None),
        ("ocr.typeface_spread", None),
        ("texture.symmetry", None),
    ],
)
def test_places_and_opposites_are_told_by_their_ends(column: str, ends: tuple[str, str] | None) -> None:
    block, name = column.split(".")
    text = create(block).describe()[name]
    assert opposite_ends(text) == ends
    low, high = (f"closer to {end}" for end in ends) if ends else ("lower", "higher")
    assert (said_of(text, False), said_of(text, True)) == (low, high)


@pytest.mark.parametrize("block", extractor_names())
def test_every_place_and_every_signed_colour_has_ends(block: str) -> None:
    places = ("_x", "_y", "_a", "_b", "lab_a_mean", "lab_b_mean", "ink_red", "ink_yellow", "slant")
    for column, text in _described(block).items():
        if column.endswith(places) and not column.startswith(("coco", "imagenet", "genre", "style")):
            assert opposite_ends(text), column


def test_lines_are_named_as_they_run() -> None:
    """A picture of vertical stripes, and one of stripes that rise to the right."""
    from PIL import Image

    across, down = np.meshgrid(np.arange(160), np.arange(160))
    texture = create("texture")
    names = {name: short_meaning(text) for name, text in texture.describe().items()}
    for stripes, said in ((across, "vertical lines"), (across + down, "rising diagonal lines")):
        luma = (127 + 120 * np.sin(stripes / 4)).astype(np.uint8)
        row = dict(zip(texture.columns, texture([Image.fromarray(luma).convert("RGB")])[0], strict=True))
        most = max((name for name in row if name.startswith("orientation")), key=lambda name: row[name])
        assert names[most] == said


def test_quartiles_of_an_angle_lie_around_its_mean() -> None:
    hues = np.array([340.0, 350.0, 0.0, 10.0, 20.0, np.nan])
    low, middle, high = quartiles_of(HUE, hues) or (0, 0, 0)
    assert (low, high) == pytest.approx((350, 10))
    assert np.cos(np.radians(middle)) == pytest.approx(1)  # 0 and 360 are one
    assert quartiles_of(HUE, np.array([90.0, 100.0, 110.0])) == pytest.approx((95, 100, 105))
    assert quartiles_of("color.brightness", np.array([0.0, 1.0, np.nan, 2.0])) == (0.5, 1.0, 1.5)
    assert quartiles_of(HUE, np.array([np.nan])) is None


@pytest.mark.parametrize(
    ("column", "ways"),
    [
        ("texture.lbp_1", ("fewer", "more")),
        ("color.dark_share", ("fewer", "more")),
        ("ocr.capitals_share", ("fewer", "more")),
        ("ocr.top_share", ("less", "more")),
        ("ocr.area_share", ("lower", "higher")),
        ("ocr.weight", ("lower", "higher")),
        ("people.face_largest_share", ("lower", "higher")),
        ("texture.main_colors_share", ("lower", "higher")),
        ("color.brightness", ("lower", "higher")),
    ],
)
def test_there_is_more_of_what_has_parts_and_amounts_are_higher(column: str, ways: tuple[str, str]) -> None:
    block, name = column.split(".")
    text = _described(block)[name]
    assert (said_of(text, False), said_of(text, True)) == ways


@pytest.mark.parametrize("block", extractor_names())
def test_ranges_and_gaps_are_told_alike(block: str) -> None:
    for text in _described(block).values():
        assert not re.search(r"\d\.\.\d|(?<![\d/-])\d+-\d+(?!-)|NaN", text), text
