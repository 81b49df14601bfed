"""The colours of a genre: how much of its covers each of the collection's common colours takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from skimage.color import lab2rgb, rgb2lab
from sklearn.cluster import KMeans

from coverfusion.data.genre_sets import genre_names
from coverfusion.experiments.genres.membership import of_genre

SIGNIFICANCE_LEVEL = 0.05  # of all differences of areas together
COMMON_COLOURS = 16  # common colours of a collection
GREY_CHROMA = 10.0  # chroma in CIE Lab below which a colour has no hue worth sorting by
MAX_PALETTE_COLOURS = 100_000  # palette colours that the common ones are found from
PALETTE_COLUMN = re.compile(r"palette_(\d+)_l$")
# names for text alternatives: a colour is called after the nearest in CIE Lab
COLOUR_NAMES = {
    "black": "#0a0a0a", "charcoal": "#303030", "dark grey": "#505050", "grey": "#808080",
    "light grey": "#b4b4b4", "off-white": "#dcdcd8", "white": "#fafafa", "maroon": "#581818",
    "red": "#c82020", "pink": "#e8a0b0", "magenta": "#c03090", "dark brown": "#3c2a1c", "brown": "#7a5230",
    "tan": "#b8946a", "beige": "#dccaa8", "ochre": "#c88840", "brick": "#a04844",
    "orange": "#e87010", "yellow": "#ecc830", "olive": "#6c6a30",
    "dark green": "#1c4028", "green": "#308c40", "light green": "#a0c890", "teal": "#207878",
    "dark blue": "#182850", "blue": "#2858b0", "light blue": "#90b8d8", "slate": "#506478",
    "purple": "#603880", "lavender": "#b0a0d0",
}  # fmt: skip


@dataclass(frozen=True)
class Swatch:
    """A common colour and the proportion of a genre's area that it takes, 0 to 1, and of the others'.

    Attributes:
        low, high: interval of the difference over covers (one a group), 95 % for all colours and genres
            together; NaN where there are too few covers.
    """

    colour: str
    name: str
    share: float
    others: float
    low: float
    high: float

    @property
    def more(self) -> float:
        """How much more of the genre's area it takes."""
        return self.share - self.others


def palettes(color: pd.DataFrame, covers: pd.DataFrame, seed: int) -> dict[str, list[Swatch]]:
    """Each genre's proportions of the common colours, every cover counting the same.

    The common colours are k-means centres (scikit-learn) of all covers' palette colours in CIE Lab, weighted
    by their proportions: the same for every genre, so that genres compare.

    Args:
        color: the block `color`, indexed by cover_id.
        covers: frame with `cover_id`, `genre` and `group`.
        seed: of k-means.

    Returns:
        genre -> swatches in one fixed order, greys from dark to light, then hues around the circle; empty
        where no cover has a palette.
    """
    owner, lab, share = palette_colours(color.loc[covers["cover_id"]])
    if not len(lab):
        return {}
    rng = np.random.default_rng(seed)
    used = rng.permutation(len(lab))[:MAX_PALETTE_COLOURS]
    wanted = min(COMMON_COLOURS, len(np.unique(lab[used].round(3), axis=0)))
    centres = KMeans(wanted, n_init=1, random_state=seed).fit(lab[used], sample_weight=share[used])
    order = _order(centres.cluster_centers_)
    common = centres.cluster_centers_[order]
    place = np.argsort(order)[centres.predict(lab)]
    amounts = np.zeros((len(covers), wanted))
    np.add.at(amounts, (owner, place), share)
    amounts /= np.maximum(amounts.sum(axis=1, keepdims=True), 1e-9)
    groups = covers["group"].to_numpy()
    names = genre_names(covers)
    errors = float(norm.ppf(1 - SIGNIFICANCE_LEVEL / 2 / (wanted * len(names))))  # Bonferroni
    return {genre: _swatches(common, amounts, of_genre(covers, genre), groups, errors) for genre in names}


def palette_colours(color: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The row number, CIE Lab (m, 3) and proportion of every palette colour that is there."""
    ranks = sorted(int(match[1]) for name in color if (match := PALETTE_COLUMN.match(str(name))))
    owners, labs, proportions = [np.zeros(0, int)], [np.zeros((0, 3))], [np.zeros(0)]
    for rank in ranks:
        part = color[[f"palette_{rank}_{what}" for what in ("l", "a", "b", "share")]].to_numpy(np.float64)
        there = np.flatnonzero(~np.isnan(part).any(axis=1) & (part[:, 3] > 0))
        owners.append(there)
        labs.append(part[there, :3])
        proportions.append(part[there, 3])
    return np.concatenate(owners), np.concatenate(labs), np.concatenate(proportions)


def colour_name(lab: np.ndarray) -> str:
    """What a colour is called; `lab` is CIE Lab, (3,)."""
    known = rgb2lab(np.array([list(bytes.fromhex(code[1:])) for code in COLOUR_NAMES.values()]) / 255)
    return list(COLOUR_NAMES)[int(np.linalg.norm(known - lab, axis=1).argmin())]


def over(swatches: list[Swatch], most: int = 3) -> list[Swatch]:
    """The colours that surely take more of this genre than of the rest, the largest difference first."""
    return sorted((swatch for swatch in swatches if swatch.low > 0), key=lambda swatch: -swatch.more)[:most]


def _swatches(
    common: np.ndarray, amounts: np.ndarray, inside: np.ndarray, groups: np.ndarray, errors: float
) -> list[Swatch]:
    """Swatches of one genre; `errors` is how many standard errors an interval reaches to either side."""
    codes = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(lab2rgb(common) * 255).astype(int)]
    means = [_mean(amounts[part]) for part in (inside, ~inside)]
    single = [amounts[part][np.unique(groups[part], return_index=True)[1]] for part in (inside, ~inside)]
    if min(map(len, single)) < 2:
        wide = np.full(len(common), np.nan)
    else:  # B. L. Welch 1947
        wide = errors * np.sqrt(sum(part.var(axis=0, ddof=1) / len(part) for part in single))
    return [
        Swatch(code, colour_name(lab), float(own), float(rest), float(own - rest - d), float(own - rest + d))
        for code, lab, own, rest, d in zip(codes, common, *means, wide, strict=True)
    ]


def _order(centres: np.ndarray) -> np.ndarray:
    chroma = np.hypot(centres[:, 1], centres[:, 2])
    hue = np.degrees(np.arctan2(centres[:, 2], centres[:, 1])) % 360
    return np.lexsort((centres[:, 0], np.where(chroma < GREY_CHROMA, -1, hue)))


def _mean(rows: np.ndarray) -> np.ndarray:
    return rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
