"""What the letters on a cover look like: their ink, slant, weight, spacing and script, over all lines.

Each line is cut out upright at one height. Its ink is what differs most from the colour of the box's rim, by
Otsu's threshold (1979) on CIE Lab distance. Means are weighted by a line's area times its confidence: the
title counts most, and what is hardly text counts little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from coverfusion.features.text.lines import SCRIPTS, Line, runs_on_end, script_shares

_SCRIPT_NAMES = {
    **{script: f"{script.upper() if script == 'cjk' else script.capitalize()} letters" for script in SCRIPTS},
    "other": "letters of other scripts",
}
TYPOGRAPHY_COLUMNS = {
    "lines": "number of lines of text: as read",
    "height_mean": "mean height of lines: as a proportion of the picture's height",
    "height_spread": "spread of line heights: standard deviation over the largest height, 0 to 0.5",
    "top_share": "text in the upper third: proportion of its area, 0 to 1",
    "bottom_share": "text in the lower third: proportion of its area, 0 to 1",
    "vertical_share": "text that runs up or down: proportion of all text, 0 to 1",
    "tilt": "tilt of lines: mean angle from level of those that do not run up or down, 0 to 45 degrees; "
    "missing without text that runs across",
    "capitals_share": "capitals: proportion among letters that have case, 0 to 1; "
    "missing without letters that have case",
    "digits_share": "digits: proportion among letters and digits, 0 to 1; missing without letters or digits",
    "letter_width": "width of letters: length of a line for each letter or space, over its height, 0 to 3",
    "letter_gap": "gaps between letters: median, over the height of the line, 0 to 1",
    "weight": "weight of letters: proportion of a line's box that is ink, 0 to 1",
    "slant": "slant of letters: mean lean, -30 (the left) to 30 (the right) degrees",
    "ink_lightness": "lightness of letters: CIE Lab L, 0 to 100",
    "ink_chroma": "colourfulness of letters: CIE Lab chroma, 0 (grey) to about 130",
    "ink_red": "colour of letters from green to red: CIE Lab a, -128 (green) to 127 (red)",
    "ink_yellow": "colour of letters from blue to yellow: CIE Lab b, -128 (blue) to 127 (yellow)",
    "ground_lightness": "lightness of the ground of letters: CIE Lab L, 0 to 100",
    "contrast": "contrast of letters and ground: CIE Lab distance, 0 to about 250",
    "typeface_spread": "variety of typefaces: how width, weight and slant differ among lines, 0 (alike) to 1",
    **{
        f"script_{key}": f"{name}: proportion of all letters, 0 to 1; missing without letters"
        for key, name in _SCRIPT_NAMES.items()
    },
}
HEIGHT = 32  # pixels of a line that is looked at
LONGEST = 640  # pixels, likewise
LEANS = range(-30, 31, 5)  # degrees
DEGREES = 90  # of lean that count as wholly another typeface


class _Look(NamedTuple):
    """Of one line, names as in `TYPOGRAPHY_COLUMNS`."""

    letter_width: float
    letter_gap: float
    weight: float
    slant: float
    ink_lightness: float
    ink_chroma: float
    ink_red: float
    ink_yellow: float
    ground_lightness: float
    contrast: float


def typography(lines: Sequence[Line] | None, picture: np.ndarray) -> dict[str, float]:
    """The values of one picture, keys as in `TYPOGRAPHY_COLUMNS`; all NaN but `lines` without text.

    Args:
        lines: what was read; None where reading failed.
        picture: (height, width, 3) uint8 RGB.
    """
    nothing = dict.fromkeys(TYPOGRAPHY_COLUMNS, np.nan)
    if not lines:
        return nothing if lines is None else nothing | {"lines": 0.0}
    boxes = np.array([line.box for line in lines], np.float32)
    widths, heights, angles = _sides(boxes)
    on_end = np.array([runs_on_end(line.box) for line in lines])
    tall = np.where(on_end, widths, heights)  # the height of the letters
    weights = widths * heights * [line.confidence + 1e-3 for line in lines]
    looks = np.array([_look(line, picture) for line in lines])
    text = "".join(line.text for line in lines)
    values = {
        "lines": float(len(lines)),
        "height_mean": float(tall.mean() / len(picture)),
        "height_spread": float(tall.std() / tall.max()),
        **_places(boxes, weights, len(picture)),
        "vertical_share": float(np.average(on_end, weights=weights)),
        "tilt": _mean(np.where(on_end, np.nan, np.minimum(np.abs(angles), 45)), weights),
        **_letters(text),
        **{name: _mean(looks[:, k], weights) for k, name in enumerate(_Look._fields)},
        "typeface_spread": _spread(looks[:, [0, 2, 3]] / [1, 1, DEGREES], weights),
        **{f"script_{script}": share for script, share in script_shares(text).items()},
    }
    return nothing | values


def _sides(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Widths and heights in pixels, and the upper edges' angles in degrees."""
    along, down = boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 0]
    angles = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
    return np.hypot(*along.T).clip(1), np.hypot(*down.T).clip(1), angles


def _places(boxes: np.ndarray, weights: np.ndarray, height: int) -> dict[str, float]:
    middles = boxes[:, :, 1].mean(axis=1) / height
    top, bottom = middles < 1 / 3, middles > 2 / 3
    return {
        "top_share": float(np.average(top, weights=weights)),
        "bottom_share": float(np.average(bottom, weights=weights)),
    }


def _letters(text: str) -> dict[str, float]:
    upper, lower = sum(map(str.isupper, text)), sum(map(str.islower, text))
    digits, signs = sum(map(str.isdigit, text)), sum(map(str.isalnum, text))
    return {
        "capitals_share": upper / (upper + lower) if upper + lower else math.nan,
        "digits_share": digits / signs if signs else math.nan,
    }


def _look(line: Line, picture: np.ndarray) -> _Look:
    import cv2

    crop = _upright(line, picture)
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    rim = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    ground = np.median(rim, axis=0)
    distance = np.linalg.norm(lab - ground, axis=2).clip(0, 255)
    ink = cv2.threshold(distance.astype(np.uint8), 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1] == 1
    letters = sum(not sign.isspace() for sign in line.text)
    width = min(crop.shape[1] / HEIGHT / max(letters, 1), 3.0)
    if not ink.any():
        unknown = dict.fromkeys(_Look._fields, math.nan)
        return _Look(**unknown | {"letter_width": width, "ground_lightness": float(ground[0])})
    lightness, red, yellow = (float(value) for value in np.median(lab[ink], axis=0))
    contrast = float(np.linalg.norm([lightness, red, yellow] - ground))
    gap, lean = _gap(ink), _lean(ink)
    chroma = math.hypot(red, yellow)
    return _Look(
        width, gap, float(ink.mean()), lean, lightness, chroma, red, yellow, float(ground[0]), contrast
    )


def _upright(line: Line, picture: np.ndarray) -> np.ndarray:
    """The line, (`HEIGHT`, width, 3), as if it were level."""
    import cv2

    corners = np.array(line.box, np.float32)
    widths, heights, _ = _sides(corners[None])
    if runs_on_end(line.box):  # turned against the clock: it then begins at the upper right
        corners, widths, heights = np.roll(corners, -1, axis=0), heights, widths
    width = int(np.clip(HEIGHT * widths[0] / heights[0], 4, LONGEST))
    level = np.array([[0, 0], [width, 0], [width, HEIGHT], [0, HEIGHT]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, level)
    return cv2.warpPerspective(picture, turn, (width, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def _gap(ink: np.ndarray) -> float:
    """The median width of the empty columns between ink, over the height; 0 where letters touch."""
    columns = np.flatnonzero(ink.any(axis=0))
    gaps = np.diff(columns) - 1
    gaps = gaps[gaps > 0]
    return min(float(np.median(gaps)) / HEIGHT, 1.0) if len(gaps) else 0.0


def _lean(ink: np.ndarray) -> float:
    """The lean in degrees after whose removal stems stand straightest: columns of ink differ most."""
    import cv2

    def straightness(degrees: int) -> float:
        shear = math.tan(math.radians(degrees))
        turn = np.array([[1, shear, HEIGHT / 2 * (1 - shear)], [0, 1, 0]])
        size = (ink.shape[1] + HEIGHT, HEIGHT)
        return float(cv2.warpAffine(ink.astype(np.float32), turn, size).sum(axis=0).var())

    return float(max(LEANS, key=lambda degrees: (straightness(degrees), -abs(degrees))))


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted mean of the values that are there."""
    here = ~np.isnan(values)
    return float(np.average(values[here], weights=weights[here])) if here.any() else math.nan


def _spread(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted standard deviations of (lines, kinds) values, summed as lengths are; at most 1."""
    here = ~np.isnan(values).any(axis=1)
    if not here.any():
        return math.nan
    values, weights = values[here], weights[here]
    variances = np.average(
        (values - np.average(values, axis=0, weights=weights)) ** 2, axis=0, weights=weights
    )
    return min(float(np.sqrt(variances.sum())), 1.0)
