"""Which labels are probably wrong, from probabilities by models that had not seen the cover.

C. G. Northcutt, L. Jiang and I. L. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR
70, 2021. The rule is that of `cleanlab.filter.find_label_issues(filter_by="confident_learning")`, with its
ranking by normalized margin; `cleanlab` brings much more than these lines.
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 1e-6  # as cleanlab's: a probability that is a class's threshold reaches it


def confident_classes(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The class that each row is confidently of, by what is usual for that class.

    A row may be of a class where its probability is at least the mean probability that the class has among
    the rows that bear its label. Among several such classes the most probable one counts.

    Args:
        proba: (n, k) probabilities by models that were not fitted on the row.
        y: (n,) class codes, as labelled.

    Returns:
        (n,) class codes, -1 where no class is reached. A class without rows is never reached.
    """
    k = proba.shape[1]
    thresholds = np.array(
        [proba[y == code, code].mean() if np.any(y == code) else np.inf for code in range(k)]
    )
    reached = proba >= thresholds - TOLERANCE
    return np.where(reached.any(axis=1), np.where(reached, proba, -np.inf).argmax(axis=1), -1)


def doubtful_labels(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) bool: rows that are confidently of another class, and are not predicted as labelled either."""
    confident = confident_classes(proba, y)
    return (confident >= 0) & (confident != y) & (proba.argmax(axis=1) != y)


def label_margins(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) the label's probability less that of the most probable other class: -1 speaks most against it."""
    rows = np.arange(len(y))
    others = np.array(proba, dtype=np.float64)
    others[rows, y] = -np.inf
    return proba[rows, y] - others.max(axis=1)
