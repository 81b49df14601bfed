"""What all classifiers here share: checking their input, naming their classes, files on disk."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, validate_data

from coverfusion.data.errors import UserError
from coverfusion.data.identity_order import group_numbers
from coverfusion.data.registry import origin_of
from coverfusion.fusion.blocks import columns_by_block
from coverfusion.fusion.cannot_learn import CannotLearnError
from coverfusion.fusion.categories import Values, check_categories, encoded, learnt_categories
from coverfusion.fusion.pictures import Pictures
from coverfusion.fusion.prior import shifted
from coverfusion.fusion.state_files import read_state, write_state
from coverfusion.fusion.texts import Texts, chosen_texts, is_text, learnt_vocabularies, split_texts, text_rows

Rows = pd.DataFrame | np.ndarray


# parameters that several classifiers have, and what scikit-learn, CatBoost and torch take of them
ABOVE_0 = ("C",)
AT_LEAST_1 = ("iterations", "k", "max_iter", "members", "min_samples_leaf", "n_estimators", "pca")


class StartingNetwork(NamedTuple):
    """A pretrained network that a fit started from.

    Attributes:
        classifier: the registered name of the one that was fitted.
        network: its name.
        checkpoint: a local weight file of it; None: the packaged or fetched weights.
    """

    classifier: str
    network: str
    checkpoint: str | None


class BlockClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A scikit-learn classifier over named blocks of columns, where NaN means "not there".

    A subclass has a constructor with `random_state` (and `class_weight`, if it can use it) and two methods,
    which see checked float32 rows and class codes 0, 1, ...:

    - `_fit(X, y, weight, groups)`: learns from (n, d) rows, (n,) codes, (n,) weights, (n,) groups or None;
    - `_probabilities(X)`: (n, n_classes) for (n, d) rows; they need not sum to 1 exactly.

    One that sets `many` may be given an (n, n_classes) frame of 0 and 1 for y: rows may have several classes.
    Its probabilities are then of each class by itself. `fusion.several_genres` fits all others one against
    the rest.

    Probabilities answer to the classes' shares of the weight that was learnt from. One whose fit makes other
    shares of them, as by balanced draws, says so in `_learnt_prior`.

    X may hold text too (`fusion.texts`). One that sets `reads_text` is given it by both methods as `texts`,
    column -> n texts; all others never see it. Columns of categories (`fusion.categories`) reach both methods
    as 0/1 columns, of values that are learnt here.

    Attributes after `fit`:
        classes_: (n_classes,) sorted labels.
        learnt_prior_: (n_classes,) how common the classes were in what was learnt from.
        prior_: (n_classes,) how common probabilities take them to be: the same, until `answer_to`.
        blocks_: block name -> positions of its columns.
        vocabularies_: text column -> what was learnt from it, of those that read text.
        categories_: column of categories -> its values with a column of their own, where X has such columns.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    name: ClassVar[str]
    # fitted attributes that are not written with the others but by `_save_parts`, in their own format
    own_files: ClassVar[tuple[str, ...]] = ()
    pictures: ClassVar[Pictures] = Pictures.NONE
    reads_text: ClassVar[bool] = False
    needs_text: ClassVar[bool] = False  # it learns from nothing else
    many: ClassVar[bool] = False  # it learns several genres of a row in one fit
    classes_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def starting_networks(self) -> list[StartingNetwork]:
        """The pretrained networks that the fit started from; its members' too."""
        return []

    def fit(
        self, X: Rows, y: Sequence[Any], sample_weight: Sequence[float] | None = None, groups: Any = None
    ) -> Self:
        """Learns from covers and their genres.

        Args:
            X: (n, d) float32 frame with `block.column` names, or an array (one block); NaN = not there.
                Columns of text hold texts, and None where nothing is known.
            y: (n,) genres; of a classifier with `many` also an (n, k) bool frame, a column a genre.
            sample_weight: (n,) weights, not negative; rows of weight 0 are left out.
            groups: (n,) covers that no inner split may separate. The label of a group alone decides where it
                goes: labels that stay the same when other covers come or go keep inner splits the same.

        Raises:
            CannotLearnError: there is a single class, or `class_weight` does not fit the classes.
            ValueError: as in scikit-learn, for input of the wrong shape or kind.
        """
        self._learn_categories(X, sample_weight)
        numbers, texts = self._split(X)
        several = y if self.many and isinstance(y, pd.DataFrame) else None
        sets = several is not None
        X_checked, labels = validate_data(
            self, numbers, y, dtype=np.float32, ensure_all_finite="allow-nan", multi_output=sets
        )
        check_classification_targets(labels)
        weight = _check_sample_weight(sample_weight, X_checked, dtype=np.float64, ensure_non_negative=True)
        used = weight > 0
        grouping = None if groups is None else group_numbers(groups)
        if grouping is not None and len(grouping) != len(labels):
            raise ValueError(f"groups has {len(grouping)} values for {len(labels)} rows")
        X_checked, labels, weight = X_checked[used], labels[used], weight[used]
        texts = chosen_texts(texts, np.flatnonzero(used))
        self.__dict__.pop("several_", None)
        if several is not None:
            self.several_ = True
            self.classes_ = np.array([*several.columns], dtype=object)
            codes = labels.astype(np.float64)
        else:
            self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise CannotLearnError(
                f"{type(self).__name__} needs two or more classes; y has one class: {labels[0]}"
            )
        if getattr(self, "class_weight", None) is not None:
            if sets:
                raise CannotLearnError("class_weight: a cover of several genres has no weight of one")
            try:
                weight = weight * compute_sample_weight(self.class_weight, labels)
            except ValueError as error:  # weights of genres that are not here
                raise CannotLearnError(f"class_weight: {error}") from error
        self.prior_ = self.learnt_prior_ = (
            np.average(codes, axis=0, weights=weight) if sets else self._learnt_prior(codes, weight)
        )
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        self.blocks_ = columns_by_block(names)
        self._fit(
            X_checked,
            codes,
            weight / weight.mean(),
            None if grouping is None else grouping[used],
            **self._also(texts),
        )
        if (texts or self._categories()) and isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
            self.n_features_in_ = X.shape[1]
        return self

    def answer_to(self, prior: Mapping[Any, float]) -> Self:
        """Makes the fitted classifier's probabilities answer to other proportions of the classes.

        Args:
            prior: class -> proportion above 0, in any unit; of classes that it does not know nothing is
                taken.

        Raises:
            ValueError: a class is not named, or its proportion is not above 0.
        """
        check_is_fitted(self)
        shares = np.array([prior.get(label, np.nan) for label in self.classes_], np.float64)
        if not (shares > 0).all():
            raise ValueError(f"the prior needs a proportion above 0 for {', '.join(map(str, self.classes_))}")
        shares /= shares.sum()
        self.prior_ = self.learnt_prior_ if np.allclose(shares, self.learnt_prior_, 1e-9) else shares
        return self

    def check_parameters(self) -> None:
        """Raises ValueError for values that `fit` would refuse, where that can be told without data."""
        chosen = getattr(self, "class_weight", None)
        if isinstance(chosen, str) and chosen != "balanced":
            raise ValueError(f"class_weight must be 'balanced', weights by genre or null, not '{chosen}'")
        for name, value in self.get_params(deep=False).items():
            if name in ABOVE_0 and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
            if name in AT_LEAST_1 and value is not None and value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")

    def predict_proba(self, X: Rows) -> np.ndarray:
        """(n, n_classes) float64 probabilities, columns in the order of `classes_`."""
        check_is_fitted(self)
        if not self._categories() and not any(map(is_text, getattr(self, "feature_names_in_", ()))):
            checked = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
            return self._normalised(checked)
        numbers, texts = self._split(self._columns_of_fit(X))
        return self._normalised(check_array(numbers, dtype=np.float32, ensure_all_finite="allow-nan"), texts)

    def predict(self, X: Rows) -> np.ndarray:
        """(n,) the most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def save(self, folder: Path) -> None:
        """Writes the fitted classifier into `folder`, in formats that hold no code."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v for k, v in vars(self).items() if k not in self.own_files}
        if "feature_names_in_" in state:  # of objects, each name would be a part of its own in the file
            state["feature_names_in_"] = np.asarray(self.feature_names_in_, str)
        write_state(folder / "state.skops", state)
        self._save_parts(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing, broken, of another classifier, or holds anything but plain numbers
                and known types.
        """
        classifier = cls()
        state = read_state(folder / "state.skops")
        strange = {name for name in state if not name.endswith("_")} - set(cls._get_param_names())
        if strange and not origin_of(cls):  # a class of somebody else's may keep what it likes
            raise UserError(
                f"{folder} was saved by another classifier or version than this {cls.name}, which has no "
                f"{', '.join(sorted(strange)[:3])}. Train again."
            )
        if "feature_names_in_" in state:
            state["feature_names_in_"] = np.asarray(state["feature_names_in_"], object)
        classifier.__dict__.update(state)
        classifier._load_parts(folder)
        for vocabulary in getattr(classifier, "vocabularies_", {}).values():
            vocabulary.check()
        check_categories(classifier._categories())
        classifier._check_loaded()
        return classifier

    # `Any`: subclasses that read text have one more argument, `texts`
    _fit: Any
    _probabilities: Any

    def seen(self, X: pd.DataFrame) -> tuple[pd.DataFrame, Texts]:
        """The numbers that `_fit` and `_probabilities` see of the fit's columns, and the text beside them."""
        numbers, texts = split_texts(self._columns_of_fit(X))
        return encoded(numbers, self._categories()), texts

    def _categories(self) -> Values:
        return getattr(self, "categories_", {})

    def _learn_categories(self, X: Any, sample_weight: Sequence[float] | None) -> None:
        """Learns `categories_` from rows that have a weight; without such columns there is no attribute."""
        self.__dict__.pop("categories_", None)
        if not isinstance(X, pd.DataFrame):
            return
        weighed = sample_weight is not None and np.shape(sample_weight) == (len(X),)
        if values := learnt_categories(X, np.asarray(sample_weight) > 0 if weighed else None):
            self.categories_ = values

    def _split(self, X: Any) -> tuple[Any, Texts]:
        """The numbers of X and its text; a column that says nothing where there are no numbers."""
        numbers, texts = split_texts(X)
        if values := self._categories():
            numbers = encoded(numbers, values)
        if texts and not numbers.shape[1]:
            if not self.reads_text:
                raise CannotLearnError(f"X has columns of text alone, which {self.name} does not read")
            numbers = np.full((len(X), 1), np.nan, np.float32)
        return numbers, texts

    def _columns_of_fit(self, X: Any) -> pd.DataFrame:
        """X with the columns of the fit, in their order.

        Raises:
            ValueError: X is no frame, or lacks one.
        """
        wanted = [str(name) for name in self.feature_names_in_]
        absent = [name for name in wanted if name not in X] if isinstance(X, pd.DataFrame) else wanted
        if absent:
            raise ValueError(
                f"X must be a frame with the columns of the fit; it lacks {', '.join(absent[:3])}"
            )
        return X[wanted]

    def _also(self, texts: Texts) -> dict[str, Texts]:
        """What `_fit` and `_probabilities` are given beside numbers."""
        return {"texts": texts} if self.reads_text else {}

    def _learnt_text(self, texts: Texts) -> dict[str, csr_matrix]:
        """Learns a vocabulary from each column; column -> (n, terms) float32 rows of length 1."""
        self.vocabularies_ = learnt_vocabularies(texts)
        return self._text_rows(texts)

    def _text_rows(self, texts: Texts) -> dict[str, csr_matrix]:
        """Column -> (n, terms) float32 rows of length 1, by the vocabularies that were learnt."""
        return text_rows(self.vocabularies_, texts)

    def _shares(self, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(n_classes,) proportions of the weight, for (n,) class codes or (n, n_classes) of 0 and 1."""
        if y.ndim == 2:
            return np.asarray(np.average(y, axis=0, weights=weight))
        return np.bincount(y, weight, len(self.classes_)) / weight.sum()

    def _learnt_prior(self, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(n_classes,) shares of the weight, for (n,) class codes and weights."""
        shares = np.bincount(codes, weight, len(self.classes_))
        return np.asarray(shares / shares.sum())

    def _normalised(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        """(n, n_classes) float64 that sum to 1, for checked rows."""
        probabilities = self._probabilities(X, **self._also(texts or {})).astype(np.float64)
        if getattr(self, "several_", False):
            return np.clip(probabilities, 0, 1)
        probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
        if not hasattr(self, "prior_") or np.array_equal(self.prior_, self.learnt_prior_):
            return probabilities  # of a bundle without a prior, as it learnt
        return shifted(probabilities, self.learnt_prior_, self.prior_)

    def _save_parts(self, folder: Path) -> None:
        """Writes what `own_files` names."""

    def _load_parts(self, folder: Path) -> None:
        """Reads what `_save_parts` wrote."""

    def _check_loaded(self) -> None:
        """Raises UserError where loaded numbers could break the machine rather than the prediction."""

    def _seed(self) -> int:
        """A seed for libraries that take a plain number; another one each time where random_state is None."""
        if isinstance(state := getattr(self, "random_state", None), numbers.Integral):
            return int(state)
        return int(np.random.default_rng().integers(2**31) if state is None else state.randint(2**31))
