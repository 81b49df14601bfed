"""Logarithms of probabilities, clipped, for pooling and stacking."""

from __future__ import annotations

from typing import Any

import numpy as np

SMALLEST = 1e-6  # probabilities are clipped here: one certain classifier must not silence all others


def log_probabilities(proba: Any) -> np.ndarray:
    """The natural logarithms of probabilities of any shape, at least that of `SMALLEST`."""
    return np.log(np.maximum(proba, SMALLEST))
