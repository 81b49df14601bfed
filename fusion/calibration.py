"""From scores to probabilities."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def inverse_temperature(
    logits: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, offset: np.ndarray | float = 0.0
) -> float:
    """The factor for which softmax(factor * logits + offset) has the least log loss.

    Temperature scaling: C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017. scikit-learn's
    CalibratedClassifierCV(method="temperature") does the same, but only over folds that cover every row,
    which a class with a single group does not allow.

    Args:
        logits: (n, n_classes) scores of rows that the model was not fitted on.
        y: (n,) class codes.
        weight: (n,) sample weights.
        offset: (n_classes,) added behind the factor; 0: nothing.
    """
    rows = np.arange(len(y))

    def log_loss(log_factor: float) -> float:
        losses = -log_softmax(np.exp(log_factor) * logits + offset, axis=1)[rows, y]
        return float(np.average(losses, weights=weight))

    return float(np.exp(minimize_scalar(log_loss, bounds=(-5.0, 5.0), method="bounded").x))
