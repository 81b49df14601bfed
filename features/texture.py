"""Texture of a cover: local patterns, edges, sharpness, symmetry, spectrum, drawn or photographed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL.Image import Image, Resampling

from coverfusion.features.pictures import thinned
from coverfusion.features.registry import BlockExtractor, register

_LBP_POINTS = 8
_GLCM_LEVELS = 32
_GLCM_DISTANCES = (1, 4)
_GLCM_PROPERTIES = {
    "contrast": "0 to 961",
    "dissimilarity": "0 to 31",
    "homogeneity": "0 to 1",
    "energy": "0 to 1",
    "correlation": "-1 to 1",
    "entropy": "0 to 10 bits",
}
_ORIENTATIONS = 8


# what a pixel with so many brighter neighbours in a row is (Ojala and others 2002)
_PATTERNS = (
    "bright spots", "ends of bright lines", "sharp bright corners", "bright corners", "straight edges",
    "dark corners", "sharp dark corners", "ends of dark lines", "flat areas and dark spots",
)  # fmt: skip
# lines run across the direction in which luma changes
_LINES = (
    "vertical lines", "steep rising lines", "rising diagonal lines", "gently rising lines",
    "horizontal lines", "gently falling lines", "falling diagonal lines", "steep falling lines",
)  # fmt: skip
_GLCM_NAMES = {
    "contrast": "contrast of pixels",
    "dissimilarity": "difference of pixels",
    "homogeneity": "evenness of pixels",
    "energy": "repetition of grey levels",
    "correlation": "likeness of pixels",
    "entropy": "disorder of grey levels",
}


def _describe() -> dict[str, str]:
    """Column -> its name, and after a colon what it is exactly."""
    lines = {
        f"lbp_{i}": f"{name}: proportion of pixels with uniform binary pattern {i} ({i} of 8 brighter); "
        "0 to 1"
        for i, name in enumerate(_PATTERNS)
    }
    lines[f"lbp_{_LBP_POINTS + 1}"] = (
        "irregular patterns: proportion of pixels whose local binary pattern is not uniform; 0 to 1"
    )
    for distance in _GLCM_DISTANCES:
        apart = "side by side" if distance == 1 else f"{distance} apart"
        for name, extent in _GLCM_PROPERTIES.items():
            lines[f"glcm_{name}_{distance}"] = (
                f"{_GLCM_NAMES[name]} {apart}: {name} of the grey-level co-occurrence matrix, "
                f"{_GLCM_LEVELS} levels, {distance} px apart, mean of 4 directions; {extent}"
            )
    lines["edge_density"] = "edges: proportion of pixels on a Canny edge; 0 to 1"
    lines["gradient_mean"] = (
        "strength of edges: mean length of the Sobel gradient of luma; luma a pixel, 0 to about 0.7"
    )
    for i, name in enumerate(_LINES):
        degrees = i * 180 // _ORIENTATIONS
        lines[f"orientation_{degrees}"] = (
            f"{name}: proportion of gradient length whose direction is within 11.25 degrees of {degrees} "
            "(0 = across vertical edges, 90 = across horizontal ones); 0 to 1; missing without any gradient"
        )
    lines["sharpness"] = (
        "sharpness: log10 of (1 + the variance of the Laplacian of luma, 0 to 255); 0 to about 5.5"
    )
    lines["symmetry"] = (
        "left-right symmetry: correlation of the picture with its mirror image; -1 to 1, 1 = symmetric"
    )
    lines["spectrum_slope"] = (
        "fine detail: slope of log radial power over log frequency; about -2 for photographs, 0 for noise; "
        "missing if constant"
    )
    lines["spectrum_residual"] = (
        "regular patterns: root mean square distance of log10 power from that slope; from 0; "
        "missing if constant"
    )
    lines["flat_share"] = (
        "flat areas: proportion of pixels whose 3 x 3 neighbourhood spans at most 4 of 256 levels; 0 to 1"
    )
    lines["distinct_colors"] = "number of colours: occupied cells of 32 x 32 x 32 RGB; log10, 0 to 4.5"
    lines["main_colors_share"] = (
        "area of the main colours: proportion of pixels in the 16 fullest of those cells; 0 to 1 "
        "(1 = few flat colours)"
    )
    return lines


_DESCRIPTIONS = _describe()


@register("texture")
class Texture(BlockExtractor):
    """Texture statistics; no weights.

    Args:
        size: everything is measured on a copy resized to this square, in pixels, so that covers of other
            sizes compare; small ones are enlarged. 160 told genres apart as well as 256, at half the time.

    Raises:
        ValueError: `size` is below 32.
    """

    version = "2"  # pictures more than four times larger are reduced in two steps

    def __init__(self, size: int = 160) -> None:
        if size < 32:
            raise ValueError("size must be at least 32 pixels.")
        self.size = size

    def describe(self) -> Mapping[str, str]:
        """Column -> one line with its unit or range."""
        return _DESCRIPTIONS

    def plain(self) -> Callable[[Image], object]:
        """The plain use of scikit-image on the whole picture: patterns, co-occurrence, Canny and Sobel."""
        from skimage.feature import canny
        from skimage.filters import sobel

        def measure(image: Image) -> object:
            luma = np.asarray(image.convert("L"))
            return _local_patterns(luma), _cooccurrence(luma), canny(luma / 255).mean(), sobel(luma).mean()

        return measure

    def _row(self, image: Image) -> list[float]:
        square = (self.size, self.size)
        small = thinned(image, self.size).convert("RGB").resize(square, Resampling.BILINEAR, reducing_gap=1.5)
        rgb, luma = np.asarray(small), np.asarray(small.convert("L"))
        return [
            *_local_patterns(luma),
            *_cooccurrence(luma),
            *_edges(luma),
            _sharpness(luma),
            _symmetry(luma),
            *_spectrum(luma),
            _flat_share(luma),
            *_distinct_colors(rgb),
        ]


def _local_patterns(luma: np.ndarray) -> np.ndarray:
    """Histogram of rotation-invariant uniform patterns (Ojala, Pietikainen and Maenpaa 2002), radius 1."""
    from skimage.feature import local_binary_pattern

    patterns = local_binary_pattern(luma, _LBP_POINTS, 1, "uniform").astype(int)
    return np.bincount(patterns.ravel(), minlength=_LBP_POINTS + 2) / luma.size


def _cooccurrence(luma: np.ndarray) -> np.ndarray:
    """Haralick's (1973) properties: all of distance 1, then all of distance 4."""
    from skimage.feature import graycomatrix, graycoprops

    angles = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
    levels = luma // (256 // _GLCM_LEVELS)
    matrix = graycomatrix(levels, _GLCM_DISTANCES, angles, _GLCM_LEVELS, symmetric=True, normed=True)
    values = np.stack([graycoprops(matrix, name).mean(axis=1) for name in _GLCM_PROPERTIES])
    # skimage gives the entropy in nats
    values[list(_GLCM_PROPERTIES).index("entropy")] /= np.log(2)
    return values.T.ravel()


def _edges(luma: np.ndarray) -> list[float]:
    """Edge density, mean gradient, and the shares of gradient length in each direction modulo 180 degrees."""
    import cv2

    # 8 is the sum of the Sobel kernel's positive half times the step of 2 pixels
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order) / (8 * 255) for order in ((1, 0), (0, 1)))
    length = np.hypot(across, down)
    density = (cv2.Canny(luma, 100, 200) > 0).mean()
    total = length.sum()
    if total == 0:
        return [density, 0.0, *[np.nan] * _ORIENTATIONS]
    step = np.pi / _ORIENTATIONS
    nearest = np.rint(np.arctan2(down, across) / step).astype(int) % _ORIENTATIONS
    shares = np.bincount(nearest.ravel(), length.ravel(), _ORIENTATIONS) / total
    return [density, length.mean(), *shares]


def _sharpness(luma: np.ndarray) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000), on a log scale."""
    import cv2

    return float(np.log10(1 + cv2.Laplacian(luma, cv2.CV_32F).var()))


def _symmetry(luma: np.ndarray) -> float:
    """Correlation with the mirror image; a constant picture is its own mirror image: 1."""
    centred = luma - luma.mean(dtype=np.float64)
    variance = (centred**2).mean()
    return float((centred * centred[:, ::-1]).mean() / variance) if variance > 0 else 1.0


def _spectrum(luma: np.ndarray) -> tuple[float, float]:
    """Slope and residual of log radial power over log frequency (Field 1987), from 4 cycles to Nyquist."""
    from scipy.fft import rfft2

    size = len(luma)
    if luma.min() == luma.max():
        return np.nan, np.nan
    window = np.hanning(size).astype(np.float32)
    # the window keeps the picture's borders from drawing a cross into the spectrum
    power = np.abs(rfft2((luma - luma.mean(dtype=np.float32)) * window * window[:, None])) ** 2
    ring = _rings(size)
    radial = (
        np.bincount(ring.ravel(), power.ravel())[4 : size // 2] / np.bincount(ring.ravel())[4 : size // 2]
    )
    # a spectrum may be exactly 0 somewhere (a pure stripe): keep its log finite
    log_power = np.log10(np.maximum(radial, 1e-12 * power.max()))
    log_frequency = np.log10(np.arange(4, size // 2))
    slope, offset = np.polyfit(log_frequency, log_power, 1)
    residual = log_power - (slope * log_frequency + offset)
    return float(slope), float(np.sqrt((residual**2).mean()))


def _rings(size: int) -> np.ndarray:
    """Whole cycles a picture at each place of `rfft2` of a square."""
    down = np.fft.fftfreq(size, 1 / size)[:, None]
    across = np.fft.rfftfreq(size, 1 / size)[None]
    return np.rint(np.hypot(down, across)).astype(int)


def _flat_share(luma: np.ndarray) -> float:
    import cv2

    neighbourhood = np.ones((3, 3), np.uint8)
    span = cv2.dilate(luma, neighbourhood) - cv2.erode(luma, neighbourhood)
    return float((span <= 4).mean())


def _distinct_colors(rgb: np.ndarray) -> tuple[float, float]:
    counts = np.bincount(((rgb // 8) @ np.array([1024, 32, 1])).ravel())
    counts = np.sort(counts[counts > 0])[::-1]
    return float(np.log10(len(counts))), float(counts[:16].sum() / counts.sum())
