"""From scores to probabilities, and from probabilities to better ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from coverfusion.fusion.grouped_folds import Split, inner_folds

CALIBRATION_KINDS = ("none", "temperature", "isotonic")
SMALLEST = 1e-12  # below this a probability has no useful logarithm
SLOPE = 0.01  # share of the old probability in an isotonic curve, so that no two become equal


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


@dataclass(frozen=True)
class Calibration:
    """Turns probabilities into better ones; never changes their order within a row.

    Attributes:
        kind: "none", "temperature" or "isotonic".
        factor: of the log probabilities, for "temperature".
        x, y: the points of the isotonic curve.
    """

    kind: str = "none"
    factor: float = 1.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """(n, k) probabilities -> (n, k) float64 calibrated ones, rows summing to 1."""
        if self.kind == "temperature":
            return softmax(self.factor * _logs(proba), axis=1)
        if self.kind == "isotonic":
            curve = (1 - SLOPE) * np.interp(proba, self.x, self.y) + SLOPE * np.maximum(proba, SMALLEST)
            return curve / curve.sum(axis=1, keepdims=True)
        return np.asarray(proba, dtype=np.float64)


def fit_calibration(kind: str, proba: np.ndarray, y: np.ndarray) -> Calibration:
    """Learns a calibration from rows that the model was not fitted on.

    "temperature" is Guo et al. 2017 on log probabilities. "isotonic" is one curve for all classes, fitted to
    every class's probability against whether it was the true one, then normalised: J. Zhang, B. Kailkhura
    and T. Y.-J. Han, Mix-n-Match, ICML 2020. Unlike one curve a class it keeps the answer, and needs fewer
    rows. Both learn as if each class had been the true one once more (rule of succession), so that a few rows
    without a mistake do not make a model certain; J. Platt 1999 does so too.

    Args:
        kind: one of `KINDS`.
        proba: (n, k) probabilities.
        y: (n,) class codes.

    Raises:
        ValueError: no such kind.
    """
    if kind not in CALIBRATION_KINDS:
        raise ValueError(f"kind must be one of {', '.join(CALIBRATION_KINDS)}, not {kind!r}")
    n, k = proba.shape
    if kind == "temperature":
        codes = np.concatenate([y, np.repeat(np.arange(k), n)])
        weight = np.concatenate([np.ones(n), np.full(n * k, 1 / n)])
        return Calibration(kind, factor=inverse_temperature(np.tile(_logs(proba), (k + 1, 1)), codes, weight))
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        true = (n * (np.arange(k) == np.asarray(y)[:, None]) + 1) / (n + k)
        fitted = IsotonicRegression().fit(np.ravel(proba), np.ravel(true))
        return Calibration(
            kind, x=tuple(fitted.X_thresholds_.tolist()), y=tuple(fitted.y_thresholds_.tolist())
        )
    return Calibration()


def cross_calibrated(kind: str, proba: np.ndarray, y: np.ndarray, folds: Sequence[Split]) -> np.ndarray:
    """(n, k) probabilities, each row calibrated by other rows; NaN where a row was never held out.

    Args:
        kind: one of `KINDS`.
        proba: (n, k) probabilities.
        y: (n,) class codes.
        folds: (rows to learn from, rows held out) pairs.
    """
    calibrated = np.full(proba.shape, np.nan)
    for learnt, held in folds:
        calibrated[held] = fit_calibration(kind, proba[learnt], y[learnt])(proba[held])
    return calibrated


def log_losses(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) -log of the true class's probability, NaN where a row of (n, k) is."""
    return -np.log(np.maximum(proba[np.arange(len(y)), y], SMALLEST))


def log_loss(proba: np.ndarray, y: np.ndarray) -> float:
    """Mean of `log_losses` over the rows that are not NaN."""
    losses = log_losses(proba, y)
    losses = losses[~np.isnan(losses)]
    return float(losses.mean()) if len(losses) else np.nan


def choose_calibration(proba: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int = 0) -> Calibration:
    """The kind with the least log loss on rows that it was not fitted on, fitted to all rows.

    Only a gain of more than its standard error counts (L. Breiman et al., Classification and Regression
    Trees, 1984): what helps less on these rows may as well harm new ones.

    Args:
        proba: (n, k) probabilities of rows that the model was not fitted on.
        y: (n,) class codes.
        groups: (n,) rows with the same value are never separated, and count as one for the standard error.
        seed: of the folds.

    Returns:
        Kind "none" where calibrating does not help, or where there are too few groups to tell.
    """
    folds = inner_folds(y, groups, seed=seed)
    if not folds:
        return Calibration()
    losses = {kind: log_losses(cross_calibrated(kind, proba, y, folds), y) for kind in CALIBRATION_KINDS}
    best = min(CALIBRATION_KINDS, key=lambda kind: float(np.nanmean(losses[kind])))
    gain = losses["none"] - losses[best]
    tried = ~np.isnan(gain)
    error = gain[tried].std() / np.sqrt(len(np.unique(groups[tried])))
    return fit_calibration(best if gain[tried].mean() > error else "none", proba, y)


def _logs(proba: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(proba, SMALLEST))
