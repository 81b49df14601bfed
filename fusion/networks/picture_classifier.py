"""Classifiers whose X may hold pictures: they are split off the table, and kept at hand while it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, check_is_fitted

from coverfusion.fusion.base import BlockClassifier, Rows
from coverfusion.fusion.pictures import COLUMN, Pictures, split_pictures


class PictureClassifier(BlockClassifier):
    """A classifier that takes pictures in the column `pixels.picture`, alone or beside the blocks.

    A subclass says in `pictures` which of both; its `_fit` and `_probabilities` find the pictures of their
    rows in `_pictures` (None where X has none). A fit may take hours, so it may be watched and stopped.

    Attributes:
        watch: called while it is fitted with what is going on, covers done, and covers in all.
        stop: called after each epoch with its number and its row of the history; True ends the fit.
    """

    pictures: ClassVar[Pictures]
    own_files: ClassVar[tuple[str, ...]] = ("watch", "stop", "_pictures")
    watch: Callable[[str, int, int], None] | None = None
    stop: Callable[[int, dict[str, float]], bool] | None = None
    _pictures: list[np.ndarray | None] | None = None

    def fit(
        self, X: Rows, y: Sequence[Any], sample_weight: Sequence[float] | None = None, groups: Any = None
    ) -> Self:
        """Learns from covers and their genres.

        Args:
            X: (n, d) frame of `block.column` names; pictures in `pixels.picture`.
            y: (n,) genres.
            sample_weight: (n,) weights, not negative; rows of weight 0 are left out.
            groups: (n,) covers that no inner split may separate.

        Raises:
            ValueError: as `BlockClassifier.fit`; pictures are needed and X has none; a parameter's value is
                not known.
        """
        table, self._pictures = split_pictures(X)
        if self.pictures is Pictures.ONLY or (self._pictures is not None and not table.shape[1]):
            table = self._no_table()
        if self._pictures is not None and sample_weight is not None:
            used = np.asarray(sample_weight) > 0
            self._pictures = [p for p, use in zip(self._pictures, used, strict=True) if use]
        try:
            super().fit(table, y, sample_weight, groups)
        finally:
            pictures, self._pictures = self._pictures, None
        if isinstance(X, pd.DataFrame) and pictures is not None:
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
            self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X: Rows) -> np.ndarray:
        """(n, n_classes) float64 probabilities, columns in the order of `classes_`.

        Raises:
            ValueError: X lacks a column of the fit, or its column of pictures holds something else.
        """
        check_is_fitted(self)
        pictures = split_pictures(X)[1]
        if pictures is None and COLUMN not in getattr(self, "feature_names_in_", ()):
            return super().predict_proba(X)
        rows = split_pictures(self._columns_of_fit(X))[0]
        self._pictures = pictures
        try:
            if self.pictures is Pictures.ONLY or not rows.shape[1]:
                return self._normalised(self._no_table())
            numbers, texts = self._split(rows)
            checked = check_array(numbers, dtype=np.float32, ensure_all_finite="allow-nan")
            return self._normalised(checked, texts)
        finally:
            self._pictures = None

    def _no_table(self) -> np.ndarray:
        """A column that says nothing, for scikit-learn's checks, where pictures are all there is."""
        if self._pictures is None:
            raise ValueError(f"{self.name} learns from pictures: X must have the column {COLUMN}")
        return np.full((len(self._pictures), 1), np.nan, np.float32)
