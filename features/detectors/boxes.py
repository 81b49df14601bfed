"""Boxes that overlap: of several on one thing, the most confident is kept."""

from __future__ import annotations

import numpy as np


def nms(boxes: np.ndarray, scores: np.ndarray, threshold: float, of_smaller: bool = False) -> np.ndarray:
    """Non-maximum suppression.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,) confidences.
        threshold: a box that overlaps a kept, more confident one by more than this is dropped, 0..1.
        of_smaller: overlap is the shared area over that of the smaller box, borders counted as a pixel,
            rather than over the union.

    Returns:
        The indices of the kept boxes, most confident first.
    """
    order = np.argsort(-scores, kind="stable")
    left, top, right, bottom = boxes[order].T
    border = 1 if of_smaller else 0
    areas = (right - left + border) * (bottom - top + border)
    width = np.minimum.outer(right, right) - np.maximum.outer(left, left) + border
    height = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top) + border
    shared = width.clip(0) * height.clip(0)
    whole = np.minimum.outer(areas, areas) if of_smaller else np.add.outer(areas, areas) - shared
    overlapping = shared > threshold * whole
    kept = np.ones(len(order), bool)
    for i in range(len(order)):
        if kept[i]:
            kept[i + 1 :] &= ~overlapping[i, i + 1 :]
    return order[kept]
