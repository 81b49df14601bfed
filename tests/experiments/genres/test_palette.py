"""Palettes of covers whose colours are known."""

import numpy as np
import pandas as pd
import pytest
from skimage.color import rgb2lab

from coverfusion.experiments.genres.palette import Swatch, colour_name, over, palette_colours, palettes

RED, BLUE, GREY = (200, 30, 30), (40, 90, 180), (128, 128, 128)


def _lab(colour: tuple[int, ...]) -> np.ndarray:
    return rgb2lab(np.array(colour) / 255)


def _block(covers: list[list[tuple[tuple[int, ...], float]]], ranks: int = 2) -> pd.DataFrame:
    """The palette columns of covers of (colour, share); fewer colours than ranks are NaN with share 0."""
    rows = []
    for cover in covers:
        row: dict[str, float] = {"brightness": 0.5}
        for rank in range(1, ranks + 1):
            colour, share = cover[rank - 1] if rank <= len(cover) else (None, 0.0)
            lab = _lab(colour) if colour else [np.nan] * 3
            row |= {f"palette_{rank}_{what}": value for what, value in zip("lab", lab, strict=True)}
            row[f"palette_{rank}_share"] = share
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index([f"c{k}" for k in range(len(covers))]))


def _covers(genres: str) -> pd.DataFrame:
    names = [f"c{k}" for k in range(len(genres))]
    return pd.DataFrame({"cover_id": names, "genre": list(genres), "group": names})


def test_shares_are_the_mean_over_a_genres_covers() -> None:
    block = _block([[(RED, 0.75), (BLUE, 0.25)], [(RED, 1.0)], [(BLUE, 1.0)], [(GREY, 0.5), (BLUE, 0.5)]])
    found = palettes(block, _covers("aabb"), seed=0)
    shares = {swatch.name: (swatch.share, swatch.others) for swatch in found["a"]}
    assert shares == {
        "red": pytest.approx((0.875, 0)),
        "blue": pytest.approx((0.125, 0.75)),
        "grey": pytest.approx((0, 0.25)),
    }
    assert [swatch.colour for swatch in found["a"]] == [swatch.colour for swatch in found["b"]]
    assert found["a"][0].name == "grey"  # greys stand before hues
    for own in found.values():
        assert sum(swatch.share for swatch in own) == pytest.approx(1)
        red, green, blue = (int(own[1].colour[k : k + 2], 16) for k in (1, 3, 5))
        assert (red, green, blue) == pytest.approx(RED, abs=2)


def test_missing_colours_are_no_colours() -> None:
    owner, lab, share = palette_colours(_block([[(RED, 1.0)], [], [(RED, 0.4), (BLUE, 0.6)]]))
    assert owner.tolist() == [0, 2, 2]
    assert share.tolist() == [1.0, 0.4, 0.6]
    assert lab.shape == (3, 3)
    assert palettes(_block([[], []]), _covers("ab"), seed=0) == {}
    assert palettes(pd.DataFrame({"brightness": [0.1, 0.2]}, index=["c0", "c1"]), _covers("ab"), seed=0) == {}


def test_over_names_what_a_genre_surely_has_more_of() -> None:
    swatches = [
        Swatch("#ff0000", "red", 0.3, 0.1, 0.1, 0.3),
        Swatch("#0000ff", "blue", 0.2, 0.5, -0.4, -0.2),
        Swatch("#00ff00", "green", 0.5, 0.1, -0.2, 1.0),  # four times as much, of too few covers to be sure
        Swatch("#ffffff", "white", 0.8, 0.3, 0.4, 0.6),
        Swatch("#808080", "grey", 0.8, 0.3, float("nan"), float("nan")),
    ]
    assert [swatch.name for swatch in over(swatches)] == ["white", "red"]


def test_the_interval_of_a_difference_holds_for_all_colours_and_counts_a_group_once() -> None:
    reds = [0.8, 0.9, 1.0, 0.7, 0.2, 0.1, 0.0, 0.3]
    block = _block([[(RED, red), (BLUE, 1 - red)] for red in reds])
    covers = _covers("aaaabbbb")
    red = next(swatch for swatch in palettes(block, covers, 0)["a"] if swatch.name == "red")
    # both variances are 1/60, of 4 covers each; 2 colours x 2 genres: 2.4977 standard errors
    wide = 2.4977 * np.sqrt(2 / 60 / 4)
    assert (red.more, red.low, red.high) == pytest.approx((0.7, 0.7 - wide, 0.7 + wide), abs=1e-3)
    copied = palettes(block, covers.assign(group=["x"] * 4 + ["c4", "c5", "c6", "c7"]), 0)["a"]
    assert all(np.isnan(swatch.low) for swatch in copied)


@pytest.mark.parametrize(
    ("colour", "name"), [((0, 0, 0), "black"), ((255, 255, 255), "white"), ((205, 30, 28), "red")]
)
def test_colours_have_names(colour: tuple[int, int, int], name: str) -> None:
    assert colour_name(_lab(colour)) == name
