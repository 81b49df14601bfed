"""How the lines of text stand on a cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coverfusion.features.text.lines import Line

LAYOUT_COLUMNS = {
    "found": "presence of text: 1 if any was found, 0 if none",
    "failed": "failure of reading: 1 if it failed on this picture (all else is missing then), 0 if not",
    "words": "number of words: as read, separated by spaces",
    "area_share": "area of text: proportion of the picture inside text boxes, 0 to 1",
    "confidence_mean": "confidence of reading: mean over the lines, 0 to 1",
    "height_max": "height of the tallest line: as a proportion of the picture's height",
    "center_x": "horizontal place of text: centre of its area, 0 (the left edge) to 1 (the right edge)",
    "center_y": "vertical place of text: centre of its area, 0 (the top edge) to 1 (the bottom edge)",
}


def layout(lines: Sequence[Line] | None, picture: np.ndarray) -> dict[str, float]:
    """The values of one picture, keys as in `LAYOUT_COLUMNS`.

    Args:
        lines: what was read; None where reading failed.
        picture: (height, width, 3) uint8 RGB.
    """
    nothing = dict.fromkeys(LAYOUT_COLUMNS, np.nan)
    if lines is None:
        return nothing | {"failed": 1.0}
    if not lines:
        return nothing | {"found": 0.0, "failed": 0.0, "words": 0.0, "area_share": 0.0}
    import cv2

    height, width = picture.shape[:2]
    covered = np.zeros((height, width), dtype=np.uint8)
    tallest = 0.0
    for line in lines:
        corners = np.clip(np.array(line.box), 0, [width, height])
        sides = np.linalg.norm(corners[[3, 2]] - corners[[0, 1]], axis=1)  # left and right
        tallest = max(tallest, float(sides.mean()) / height)
        cv2.fillConvexPoly(
            covered, np.clip(np.round(corners), 0, [width - 1, height - 1]).astype(np.int32), 1
        )
    y, x = np.nonzero(covered)
    return {
        "found": 1.0,
        "failed": 0.0,
        "words": float(sum(len(line.text.split()) for line in lines)),
        "area_share": float(covered.mean()),
        "confidence_mean": float(np.mean([line.confidence for line in lines])),
        "height_max": tallest,
        "center_x": float((x.mean() + 0.5) / width),
        "center_y": float((y.mean() + 0.5) / height),
    }
