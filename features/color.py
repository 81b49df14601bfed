"""Colour of a cover: hue, saturation, lightness, palette, how many colours and how warm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL.Image import Image, Resampling

from coverfusion.features.registry import BlockExtractor, register

# Less chroma than this (0 to 1) and a hue is noise: the pixel counts as neutral.
_NEUTRAL_CHROMA = 0.08

_LUMA = np.array([0.2125, 0.7154, 0.0721], np.float32)

_STATISTICS = {
    "hue_mean": "hue: circular mean of hue, weighted by chroma; degrees 0 to 360; missing without colour",
    "hue_spread": "spread of hues: circular standard deviation, by chroma; radians; missing without colour",
    "hue_cos": "hue from cyan to red: cosine of hue times chroma, mean; -1 (cyan) to 1 (red)",
    "hue_sin": "hue from violet to green: sine of hue times chroma, mean; -1 (violet) to 1 (green)",
    "saturation_mean": "saturation: mean HSV saturation; 0 to 1",
    "saturation_spread": "spread of saturation: standard deviation of HSV saturation; 0 to 0.5",
    "value_mean": "HSV value: mean HSV value; 0 to 1",
    "value_spread": "spread of HSV value: standard deviation of HSV value; 0 to 0.5",
    "lab_l_mean": "lightness: mean CIE L* (D65); 0 to 100",
    "lab_l_spread": "spread of lightness: standard deviation of CIE L*; 0 to 50",
    "lab_a_mean": "colour from green to red: mean CIE a*; about -86 (green) to 98 (red)",
    "lab_a_spread": "spread from green to red: standard deviation of CIE a*; from 0",
    "lab_b_mean": "colour from blue to yellow: mean CIE b*; about -108 (blue) to 94 (yellow)",
    "lab_b_spread": "spread from blue to yellow: standard deviation of CIE b*; from 0",
    "colorfulness": "colourfulness: of Hasler and Suesstrunk (2003); 0 = grey, 109 = extremely colourful",
    "brightness": "brightness: mean luma (ITU-R BT.709 weights); 0 to 1",
    "contrast": "contrast: RMS, standard deviation of luma; 0 to 0.5",
    "contrast_range": "range of brightness: luma of the 95th minus the 5th percentile; 0 to 1",
    "dark_share": "dark areas: proportion of pixels with L* below 20; 0 to 1",
    "light_share": "light areas: proportion of pixels with L* above 80; 0 to 1",
    "warm_share": "warm colours: proportion of pixels within 90 degrees of orange (hue 30 degrees); 0 to 1",
    "cool_share": "cool colours: proportion of pixels with any other hue; 0 to 1",
    "neutral_share": "grey areas: proportion of pixels without a hue (chroma below 0.08); 0 to 1",
    "effective_colors": "effective number of colours: exp of the entropy over 8 x 8 x 8 RGB cells; 1 to 512",
    "entropy": "variety of brightness: Shannon entropy of luma in 256 levels; 0 to 8 bits",
}


@register("color")
class Color(BlockExtractor):
    """Colour statistics and a palette; no weights.

    Args:
        size: pixels (every n-th row and column) are taken so that the longer side is at most this; picking
            rather than averaging keeps the spread and the palette of the original.
        palette: how many palette colours.

    Raises:
        ValueError: an argument below 1, or more than 256 palette colours.
    """

    def __init__(self, size: int = 160, palette: int = 5) -> None:
        if size < 1 or not 1 <= palette <= 256:
            raise ValueError("size must be at least 1 and palette between 1 and 256.")
        self.size = size
        self.palette = palette

    def describe(self) -> Mapping[str, str]:
        """Column -> one line with its unit or range."""
        lines = dict(_STATISTICS)
        for rank in range(1, self.palette + 1):
            nth, fewer = f"palette colour {rank}", "the largest area first; missing if fewer colours"
            lines[f"palette_{rank}_l"] = f"lightness of {nth}: CIE L*; 0 to 100; {fewer}"
            lines[f"palette_{rank}_a"] = (
                f"{nth} from green to red: CIE a*; about -86 (green) to 98 (red); {fewer}"
            )
            lines[f"palette_{rank}_b"] = (
                f"{nth} from blue to yellow: CIE b*; about -108 (blue) to 94 (yellow); {fewer}"
            )
            lines[f"palette_{rank}_share"] = f"area of {nth}: proportion of pixels nearest to it; 0 to 1"
        return lines

    def plain(self) -> Callable[[Image], object]:
        """The plain use of scikit-image on the whole picture: HSV, Lab and the entropy of luma."""
        from skimage.color import rgb2gray, rgb2hsv, rgb2lab
        from skimage.measure import shannon_entropy

        def measure(image: Image) -> object:
            rgb = np.asarray(image)
            hsv, lab = rgb2hsv(rgb), rgb2lab(rgb)
            spreads = [part.reshape(-1, 3).mean(0) for part in (hsv, lab)], [hsv.std(), lab.std()]
            return spreads, shannon_entropy(rgb2gray(rgb))

        return measure

    def _row(self, image: Image) -> list[float]:
        rgb = _pick(image, self.size)
        hsv, lab = _hsv(rgb), _lab(rgb)
        luma = (rgb @ _LUMA) / 255
        low, high = np.percentile(luma, [5, 95])
        return [
            *_hue(*hsv),
            *_mean_and_spread(hsv[1:]),
            *_mean_and_spread(lab),
            colorfulness(rgb),
            *_mean_and_spread(luma[None]),
            high - low,
            (lab[0] < 20).mean(),
            (lab[0] > 80).mean(),
            *_warm_cool_neutral(*hsv),
            np.exp(_entropy(np.bincount((rgb // 32) @ np.array([64, 8, 1])))),
            _entropy(np.bincount(np.rint(luma * 255).astype(int))) / np.log(2),
            *_palette(rgb, lab, self.palette),
        ]


def colorfulness(rgb: np.ndarray) -> float:
    """Colourfulness M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003).

    Args:
        rgb: (n, 3) values from 0 to 255.
    """
    red, green, blue = rgb.astype(np.float32).T
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def _pick(image: Image, size: int) -> np.ndarray:
    """(n, 3) pixels of rows and columns evenly spaced, so that neither side is longer than `size`."""
    scale = max(*image.size, size) / size
    width, height = (max(round(side / scale), 1) for side in image.size)
    return np.asarray(image.resize((width, height), Resampling.NEAREST).convert("RGB")).reshape(-1, 3)


def _hsv(rgb: np.ndarray) -> np.ndarray:
    """(3, n) hue in radians, saturation and value from 0 to 1."""
    import cv2

    # skimage's rgb2hsv gives the same numbers in 20 times the time
    hsv = cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0].T.copy()
    hsv[0] *= np.pi / 180
    return hsv


def _lab(rgb: np.ndarray) -> np.ndarray:
    """(3, n) CIE L*, a*, b* (D65)."""
    from skimage.color import rgb2lab

    return rgb2lab(rgb[None].astype(np.float32) / 255)[0].T.copy()


def _mean_and_spread(planes: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each row, side by side."""
    return np.column_stack([planes.mean(1, np.float64), planes.std(1, np.float64)]).ravel()


def _hue(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> list[float]:
    """Circular mean (degrees) and standard deviation (radians), and the mean vector (Fisher 1993).

    Pixels count by their chroma, as the hue of a grey pixel means nothing.
    """
    chroma = saturation * value
    x, y = (chroma * np.cos(hue)).mean(), (chroma * np.sin(hue)).mean()
    total = chroma.mean()
    if total < 1e-6:
        return [np.nan, np.nan, 0.0, 0.0]
    length = min(float(np.hypot(x, y) / total), 1.0)
    spread = np.sqrt(2 * abs(np.log(max(length, 1e-6))))
    return [np.degrees(np.arctan2(y, x)) % 360, spread, x, y]


def _warm_cool_neutral(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> list[float]:
    """Shares of pixels on the orange half of the colour circle, on the other half, and without a hue."""
    coloured = saturation * value >= _NEUTRAL_CHROMA
    warm = np.cos(hue - np.radians(30)) >= 0
    return [(coloured & warm).mean(), (coloured & ~warm).mean(), (~coloured).mean()]


def _entropy(counts: np.ndarray) -> float:
    """Shannon entropy of a histogram, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _palette(rgb: np.ndarray, lab: np.ndarray, count: int) -> np.ndarray:
    """L*, a*, b* and share of each palette colour, largest share first: k-means over the colours in use.

    The points are the occupied cells of 16 x 16 x 16 RGB at their mean L*a*b*, weighted by their pixels:
    a few hundred in place of tens of thousands, for nearly the same palette.
    """
    from sklearn.cluster import KMeans

    cell = (rgb // 16) @ np.array([256, 16, 1])
    pixels = np.bincount(cell, minlength=4096)
    used = np.flatnonzero(pixels)
    weight = pixels[used]
    points = np.column_stack([np.bincount(cell, plane, 4096)[used] for plane in lab]) / weight[:, None]
    start = _spread_out(points, weight, count)
    if len(start) < len(points):
        fitted = KMeans(len(start), init=start, n_init=1).fit(points, sample_weight=weight)
        colours, labels = fitted.cluster_centers_, fitted.labels_
    else:
        colours, labels = points, np.arange(len(points))
    shares = np.bincount(labels, weight, len(colours)) / len(rgb)
    palette = np.full((count, 4), (np.nan, np.nan, np.nan, 0.0))
    order = np.lexsort((colours[:, 0], -shares))
    palette[: len(colours)] = np.column_stack([colours, shares])[order]
    return palette.ravel()


def _spread_out(points: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """At most `count` starting points: the heaviest, then each time the one with most weight x distance^2.

    k-means++ (Arthur and Vassilvitskii 2007) draws by this product; taking its largest needs no seed.
    """
    chosen = [int(weight.argmax())]
    distance = ((points - points[chosen[0]]) ** 2).sum(1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int((weight * distance).argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
    return points[chosen]
