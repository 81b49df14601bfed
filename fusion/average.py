"""Log-linear pooling: the geometric mean of several classifiers' probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from coverfusion.fusion.base import BlockClassifier, Rows, StartingNetwork
from coverfusion.fusion.listed_files import member_folder
from coverfusion.fusion.log_probabilities import log_probabilities
from coverfusion.fusion.registry import classifier_class, create, register
from coverfusion.fusion.texts import Texts


@register("average")
class FusionAverage(BlockClassifier):
    """Fits the named classifiers on the same rows and pools what they say (late fusion).

    The pool is log-linear: the geometric mean of the members' probabilities, made to sum to 1 (C. Genest and
    J. V. Zidek, Combining Probability Distributions, Statistical Science 1, 1986). A genre that one member
    all but excludes stays improbable, so the pool of members that know different things is sharper than
    their plain mean.

    A run that has fitted the members already need not fit them again:

        FusionAverage.of({"kernel_ridge": fitted_kernel, "mlp": fitted_mlp})

    Args:
        classifiers: registered names, each made with its default parameters.
        random_state: handed to every member.

    Attributes after `fit`:
        members_: name -> fitted classifier.
    """

    own_files = ("members_",)
    reads_text = True

    def __init__(
        self,
        *,
        classifiers: Sequence[str] = ("kernel_ridge", "catboost"),
        random_state: int | None = 0,
    ) -> None:
        self.classifiers = classifiers
        self.random_state = random_state

    @classmethod
    def of(cls, fitted: Mapping[str, BlockClassifier]) -> Self:
        """The average of classifiers that were fitted on the same columns and classes.

        Args:
            fitted: registered name -> fitted classifier; they are used as they are, not copied.

        Raises:
            ValueError: there are none, or they differ in their classes, columns or prior.
        """
        if not fitted:
            raise ValueError("an average needs at least one fitted classifier")
        average = cls(classifiers=tuple(fitted))
        first = next(iter(fitted.values()))
        for name, member in fitted.items():
            if list(member.classes_) != list(first.classes_) or member.n_features_in_ != first.n_features_in_:
                raise ValueError(
                    f"'{name}' was fitted on other classes or columns than '{next(iter(fitted))}'"
                )
            if not np.allclose(member.prior_, first.prior_):
                raise ValueError(f"'{name}' answers to another prior than '{next(iter(fitted))}'")
        for attribute in ("classes_", "blocks_", "n_features_in_", "feature_names_in_", "categories_"):
            if hasattr(first, attribute):
                setattr(average, attribute, getattr(first, attribute))
        average.prior_ = average.learnt_prior_ = first.prior_  # a geometric mean keeps its members' prior
        average.members_ = dict(fitted)
        return average

    def fit(
        self, X: Rows, y: Sequence[Any], sample_weight: Sequence[float] | None = None, groups: Any = None
    ) -> Self:
        """Fits every member on the same rows; arguments and errors as in `BlockClassifier.fit`."""
        super().fit(X, y, sample_weight, groups)
        members = {name: create(name, random_state=self.random_state) for name in self.classifiers}
        self.members_ = {name: member.fit(X, y, sample_weight, groups) for name, member in members.items()}
        return self

    def starting_networks(self) -> list[StartingNetwork]:
        """Of all members."""
        return [found for member in self.members_.values() for found in member.starting_networks()]

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        """Nothing beyond the checks: each member checks and learns on its own."""

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        proba = [member._normalised(X, texts) for member in self.members_.values()]
        return geometric_mean(proba)

    def _save_parts(self, folder: Path) -> None:
        for name, member in self.members_.items():
            member.save(folder / name)

    def _load_parts(self, folder: Path) -> None:
        self.members_ = {
            name: classifier_class(name).load(member_folder(folder, name)) for name in self.classifiers
        }


def geometric_mean(proba: Sequence[np.ndarray]) -> np.ndarray:
    """(n, k) probabilities that sum to 1, of the members' (n, k)."""
    if len(proba) == 1:
        return proba[0]
    mean = np.exp(np.mean(log_probabilities(proba), axis=0))
    return np.asarray(mean / mean.sum(axis=1, keepdims=True))
