"""What to say of covers that may have several genres: which they are called, and a set that misses few.

several.json        where the held-out covers come from
held_out.parquet    their probabilities, true genres and groups
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.identity_order import group_numbers
from coverfusion.fusion.uncertainty.genre_thresholds import best_thresholds, called


@dataclass(frozen=True, eq=False)
class SeveralDecision:
    """Held-out covers and what follows from them.

    Attributes:
        source: "validation" or "folds".
        proba: (n, k) float64 probabilities by a model that was not fitted on these covers.
        truth: (n, k) bool.
        groups: (n,) int; covers with the same value belong together.
    """

    source: str
    proba: np.ndarray
    truth: np.ndarray
    groups: np.ndarray

    @cached_property
    def thresholds(self) -> np.ndarray:
        """(k,) from which probability on a cover is called each genre."""
        return best_thresholds(self.truth, self.proba)

    def named(self, proba: np.ndarray, classes: Sequence[Any]) -> list[list[Any]]:
        """The genres that each of n covers is called, the most probable first."""
        return _by_name(called(proba, self.thresholds), proba, classes)

    def sets(self, proba: np.ndarray, coverage: float, classes: Sequence[Any]) -> list[list[Any]]:
        """Sets that hold this proportion of a cover's genres on average, the most probable first.

        Args:
            proba: (n, k).
            coverage: 1 less the false-negative rate that is controlled.
            classes: k genres.
        """
        limit = false_negative_threshold(self.proba, self.truth, self.groups, 1 - coverage)
        return _by_name(proba >= limit, proba, classes)

    def save(self, folder: Path) -> None:
        """Writes the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "several.json").write_text(json.dumps({"source": self.source}))
        codes = range(self.proba.shape[1])
        held_out = pd.DataFrame(self.proba, columns=[f"p_{code}" for code in codes])
        truth = pd.DataFrame(self.truth, columns=[f"y_{code}" for code in codes])
        pd.concat([held_out, truth], axis=1).assign(group=self.groups).to_parquet(
            folder / "held_out.parquet", index=False
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; raises UserError where a file is missing or broken."""
        try:
            held_out = pd.read_parquet(folder / "held_out.parquet")
            return cls(
                source=str(json.loads((folder / "several.json").read_text())["source"]),
                proba=held_out.filter(regex=r"^p_\d+$").to_numpy(np.float64),
                truth=held_out.filter(regex=r"^y_\d+$").to_numpy(bool),
                groups=held_out["group"].to_numpy(np.int64),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder} is not whole: {error}. Train again or copy it anew.") from error


def learn_several_decision(
    proba: np.ndarray, truth: np.ndarray, groups: np.ndarray, source: str
) -> SeveralDecision:
    """Keeps held-out covers.

    Args:
        proba: (n, k) probabilities by a model that was not fitted on these covers, nor chosen by them.
        truth: (n, k) bool.
        groups: (n,) labels; covers with the same one belong together.
        source: "validation" or "folds".
    """
    return SeveralDecision(
        source, np.asarray(proba, np.float64), np.asarray(truth, bool), group_numbers(groups)
    )


def false_negative_threshold(proba: np.ndarray, truth: np.ndarray, groups: np.ndarray, rate: float) -> float:
    """The highest threshold whose sets miss at most this proportion of a new cover's genres, on average.

    Conformal risk control of the false-negative rate: A. N. Angelopoulos et al., Conformal Risk Control,
    ICLR 2024. A group counts once, by the mean over its covers. The promise is of a new group that comes
    from where these come from. 0, so that every genre is in, where the groups are too few.

    Args:
        proba: (n, k).
        truth: (n, k) bool; covers without a genre have no part.
        groups: (n,).
        rate: between 0 and 1.
    """
    has = truth.any(axis=1)
    proba, truth = proba[has], truth[has]
    names, group = np.unique(groups[has], return_inverse=True)
    if not len(names):
        return 0.0
    # what each genre of a cover adds to the rate once the threshold is above its probability
    share = 1 / truth.sum(axis=1) / np.bincount(group)[group]
    rows, codes = np.nonzero(truth)
    order = np.argsort(proba[rows, codes], kind="stable")
    ranked = proba[rows, codes][order]
    missed = np.cumsum(share[rows][order])  # of all groups together, once the threshold is above each
    allowed = rate * (len(names) + 1) - 1
    inside = int(np.searchsorted(missed, allowed + 1e-12, side="right"))
    if allowed < 0:
        return 0.0
    return float(ranked[inside]) if inside < len(ranked) else float(np.nextafter(ranked[-1], 2))


def _by_name(inside: np.ndarray, proba: np.ndarray, classes: Sequence[Any]) -> list[list[Any]]:
    order = np.argsort(-proba, axis=1, kind="stable")
    return [
        [classes[code] for code in ranked if own[code]] for ranked, own in zip(order, inside, strict=True)
    ]
