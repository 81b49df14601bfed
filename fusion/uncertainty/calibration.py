"""From scores to probabilities, and from probabilities to better ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from coverfusion.fusion.grouped_folds import Split, inner_folds

CALIBRATION_KINDS = ("none", "temperature", "isotonic", "vector")
SMALLEST = 1e-12  # below this a probability has no useful logarithm
VECTOR_PENALTY = 1.0  # of vector scaling, on squared distances from plain temperature scaling, divided by n
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
    """Turns probabilities into better ones; only "vector" may change their order within a row.

    Attributes:
        kind: "none", "temperature", "isotonic" or "vector".
        factor: of the log probabilities, for "temperature".
        x, y: the points of the isotonic curve.
        factors, biases: k of each, of the log probabilities, for "vector".
    """

    kind: str = "none"
    factor: float = 1.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()
    biases: tuple[float, ...] = ()

    @property
    def keeps_order(self) -> bool:
        """Whether the most probable class stays what it was."""
        return self.kind != "vector"

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """(n, k) probabilities -> (n, k) float64 calibrated ones, rows summing to 1."""
        if self.kind == "temperature":
            return softmax(self.factor * _logs(proba), axis=1)
        if self.kind == "isotonic":
            curve = (1 - SLOPE) * np.interp(proba, self.x, self.y) + SLOPE * np.maximum(proba, SMALLEST)
            return curve / curve.sum(axis=1, keepdims=True)
        if self.kind == "vector":
            return softmax(np.asarray(self.factors) * _logs(proba) + np.asarray(self.biases), axis=1)
        return np.asarray(proba, dtype=np.float64)


def fit_calibration(
    kind: str, proba: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None
) -> Calibration:
    """Learns a calibration from rows that the model was not fitted on.

    "temperature" is Guo et al. 2017 on log probabilities. "vector", from there too, has a factor and a bias
    for each class, so that it mends probabilities that answer to other shares of the genres than the rows
    have. "isotonic" is one curve for all classes, fitted to every class's probability against whether it was
    the true one, then normalised: J. Zhang, B. Kailkhura and T. Y.-J. Han, Mix-n-Match, ICML 2020. Unlike one
    curve a class it keeps the answer, and needs fewer rows. All learn as if each class had been the true one
    once more (rule of succession), so that a few rows without a mistake do not make a model certain; J. Platt
    1999 does so too.

    Args:
        kind: one of `CALIBRATION_KINDS`.
        proba: (n, k) probabilities.
        y: (n,) class codes.
        weight: (n,) how much each row counts; None: all alike.

    Raises:
        ValueError: no such kind.
    """
    if kind not in CALIBRATION_KINDS:
        raise ValueError(f"kind must be one of {', '.join(CALIBRATION_KINDS)}, not {kind!r}")
    n, k = proba.shape
    weight = np.ones(n) if weight is None else weight * (n / weight.sum())
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        true = (n * (np.arange(k) == np.asarray(y)[:, None]) + 1) / (n + k)
        fitted = IsotonicRegression().fit(np.ravel(proba), np.ravel(true), np.repeat(weight, k))
        return Calibration(
            kind, x=tuple(fitted.X_thresholds_.tolist()), y=tuple(fitted.y_thresholds_.tolist())
        )
    if kind == "none":
        return Calibration()
    logs = np.tile(_logs(proba), (k + 1, 1))
    codes = np.concatenate([y, np.repeat(np.arange(k), n)])
    weight = np.concatenate([weight, np.full(n * k, 1 / n)])
    factor = inverse_temperature(logs, codes, weight)
    if kind == "temperature":
        return Calibration(kind, factor=factor)
    factors, biases = _vector_scaling(logs, codes, weight, factor, VECTOR_PENALTY / n)
    return Calibration(kind, factors=tuple(factors.tolist()), biases=tuple(biases.tolist()))


def _vector_scaling(
    logs: np.ndarray, y: np.ndarray, weight: np.ndarray, factor: float, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """(k,) factors and (k,) biases of least log loss; the penalty holds them near one factor and no bias."""
    k = logs.shape[1]
    start = np.concatenate([np.full(k, factor), np.zeros(k)])
    share, truth, rows = weight / weight.sum(), np.eye(k)[y], np.arange(len(y))

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        log_proba = log_softmax(point[:k] * logs + point[k:], axis=1)
        error = share[:, None] * (np.exp(log_proba) - truth)
        slope = np.concatenate([(error * logs).sum(axis=0), error.sum(axis=0)])
        away = point - start
        value = -float(share @ log_proba[rows, y]) + penalty * float(away @ away)
        return value, slope + 2 * penalty * away

    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found[:k], found[k:]


def cross_calibrated(
    kind: str, proba: np.ndarray, y: np.ndarray, folds: Sequence[Split], weight: np.ndarray | None = None
) -> np.ndarray:
    """(n, k) probabilities, each row calibrated by other rows; NaN where a row was never held out.

    Args:
        kind: one of `CALIBRATION_KINDS`.
        proba: (n, k) probabilities.
        y: (n,) class codes.
        folds: (rows to learn from, rows held out) pairs.
        weight: (n,) how much each row counts; None: all alike.
    """
    calibrated = np.full(proba.shape, np.nan)
    for learnt, held in folds:
        own = None if weight is None else weight[learnt]
        calibrated[held] = fit_calibration(kind, proba[learnt], y[learnt], own)(proba[held])
    return calibrated


def log_losses(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) -log of the true class's probability, NaN where a row of (n, k) is."""
    return -np.log(np.maximum(proba[np.arange(len(y)), y], SMALLEST))


def log_loss(proba: np.ndarray, y: np.ndarray) -> float:
    """Mean of `log_losses` over the rows that are not NaN."""
    losses = log_losses(proba, y)
    losses = losses[~np.isnan(losses)]
    return float(losses.mean()) if len(losses) else np.nan


def choose_calibration(
    proba: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int = 0, weight: np.ndarray | None = None
) -> Calibration:
    """The kind with the least log loss on rows that it was not fitted on, fitted to all rows.

    Only a gain of more than its standard error counts (L. Breiman et al., Classification and Regression
    Trees, 1984): what helps less on these rows may as well harm new ones.

    Args:
        proba: (n, k) probabilities of rows that the model was not fitted on.
        y: (n,) class codes.
        groups: (n,) rows with the same value are never separated, and count as one for the standard error.
        seed: of the folds.
        weight: (n,) how much each row counts, where probabilities answer to other shares of the genres than
            the rows have; None: all alike.

    Returns:
        Kind "none" where calibrating does not help, or where there are too few groups to tell.
    """
    folds = inner_folds(y, groups, seed=seed)
    if not folds:
        return Calibration()
    weight = np.ones(len(y)) if weight is None else weight * (len(y) / weight.sum())
    losses = {
        kind: weight * log_losses(cross_calibrated(kind, proba, y, folds, weight), y)
        for kind in CALIBRATION_KINDS
    }
    best = min(CALIBRATION_KINDS, key=lambda kind: float(np.nanmean(losses[kind])))
    gain = losses["none"] - losses[best]
    tried = ~np.isnan(gain)
    error = gain[tried].std() / np.sqrt(len(np.unique(groups[tried])))
    return fit_calibration(best if gain[tried].mean() > error else "none", proba, y, weight)


def _logs(proba: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(proba, SMALLEST))
