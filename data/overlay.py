"""Laying one picture over another: do they show the same thing, though one is cropped, turned or askew?

The enhanced correlation coefficient finds how the one lies on the other. It is high for any two covers of one
layout, so small windows decide: each must look alike by itself, whatever its brightness and contrast.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

# Two scans of one sleeve agree by this much or more: `coverfusion bench duplicates` measures it.
SAME_AGREEMENT = 0.7

COARSE_SIDE = 32
_DISAGREEING = 0.3  # share of the windows that may show something else: a finger, a sticker, a stain
_WINDOW = 11  # pixels of 64, on a side
_MIN_CONTRAST = 4.0  # standard deviation, of 255, in one window of a pair that is compared
_MIN_INSIDE, _MIN_TOLD = 0.5, 0.1  # share of all windows: that lie in both pictures; that have contrast
_HOPELESS = 0.35  # agreement on coarse pictures that fine ones will not mend
_STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 20, 1e-3)
_BLUR = 5  # pixels
_FLAGS = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR


class Part(NamedTuple):
    """A square part of a picture: its side, its turn in degrees, how far it lies off the middle."""

    side: float = 1.0
    turn: float = 0.0
    right: float = 0.0
    down: float = 0.0

    def placing(self, pixels: int) -> np.ndarray:
        """(2, 3) float32: from pixels of the part to those of the whole, each `pixels` on a side."""
        angle, middle = np.deg2rad(self.turn), (pixels - 1) / 2
        axes = self.side * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        corner = middle + pixels * np.array([self.right, self.down]) - axes @ [middle, middle]
        return np.column_stack([axes, corner]).astype(np.float32)


WHOLE = Part()


def agreement(picture: np.ndarray, other: np.ndarray, part: Part = WHOLE) -> float:
    """How well two pictures agree when one is laid over the other, at most 1.

    Args:
        picture: (64, 64) uint8 luma.
        other: likewise; this one is moved.
        part: of `other`, about what `picture` shows.

    Returns:
        The correlation that 70 % of their windows reach where they overlap; 0 where too little can be
        compared. The search ends where `SAME_AGREEMENT` is reached, so above it the value is not the highest.
    """
    placed = _square(part.placing(len(picture)))
    agreed = _windows_agree(picture, other, placed)
    if agreed >= SAME_AGREEMENT:
        return agreed
    try:
        small = coarse(picture), coarse(other), part.placing(COARSE_SIDE)
        moved = _finer(_moved(*small, cv2.MOTION_AFFINE))
        agreed, placed = max(
            (agreed, placed), (_windows_agree(picture, other, moved), moved), key=lambda one: one[0]
        )
        if not _HOPELESS <= agreed < SAME_AGREEMENT:
            return agreed
        moved = _moved(picture, other, placed, cv2.MOTION_HOMOGRAPHY)
    except cv2.error:  # nothing in them to hold on to
        return agreed
    return max(agreed, _windows_agree(picture, other, moved))


def _moved(picture: np.ndarray, other: np.ndarray, placed: np.ndarray, kind: int) -> np.ndarray:
    """Where `other` lies best; raises cv2.error where the search finds nothing."""
    search: Any = cv2.findTransformECC  # its stubs know no blur without a mask
    moved: np.ndarray = search(picture, other, placed, kind, _STEPS, None, _BLUR)[1]
    return moved


def coarse(pictures: np.ndarray) -> np.ndarray:
    """(..., 64, 64) to (..., 32, 32) uint8: the mean of each four pixels."""
    fours = pictures.reshape(*pictures.shape[:-2], COARSE_SIDE, 2, COARSE_SIDE, 2)
    return fours.mean(axis=(-3, -1)).astype(np.uint8)


def _square(affine: np.ndarray) -> np.ndarray:
    return np.vstack([affine, [0, 0, 1]]).astype(np.float32)


def _finer(affine: np.ndarray) -> np.ndarray:
    """(3, 3): the same placing for pixels of half the size, whose middles lie elsewhere."""
    finer = affine.copy()
    finer[:, 2] = 2 * affine[:, 2] + 0.5 - 0.5 * affine[:, :2].sum(axis=1)
    return _square(finer)


def _windows_agree(picture: np.ndarray, other: np.ndarray, placed: np.ndarray) -> float:
    one = picture.astype(np.float32)
    two, there = (
        cv2.warpPerspective(values, placed, one.shape, flags=_FLAGS)
        for values in (other.astype(np.float32), np.ones_like(one))
    )
    mean_one, mean_two, inside = _means(one), _means(two), _means(there) > 0.999
    spread_one = np.sqrt(np.maximum(_means(one * one) - mean_one**2, 1))
    spread_two = np.sqrt(np.maximum(_means(two * two) - mean_two**2, 1))
    told = inside & (np.maximum(spread_one, spread_two) >= _MIN_CONTRAST)
    if inside.mean() < _MIN_INSIDE or told.mean() < _MIN_TOLD:
        return 0.0
    together = _means(one * two) - mean_one * mean_two
    return float(np.quantile(together[told] / (spread_one[told] * spread_two[told]), _DISAGREEING))


def _means(values: np.ndarray) -> np.ndarray:
    """(27, 27): of the window around every second pixel whose window lies within the picture."""
    half = _WINDOW // 2
    return cv2.boxFilter(values, -1, (_WINDOW, _WINDOW))[half:-half:2, half:-half:2]
