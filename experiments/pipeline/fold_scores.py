"""Out-of-fold predictions of one model over repeated folds, and its scores in each fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from coverfusion.data.splits import save_splits
from coverfusion.experiments.evaluation.chosen_metric import LOSSES, SET_METRICS, Metric, cover_losses
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.experiments.pipeline.chosen_splits import chosen_folds, tested_covers
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.genre_thresholds import with_named
from coverfusion.experiments.pipeline.guess import guessed
from coverfusion.experiments.pipeline.parts import train_test
from coverfusion.experiments.pipeline.predicted_genres import Predicted, predicted_of
from coverfusion.fusion.prior import Prior


@dataclass(frozen=True)
class Outcome:
    """What one model did.

    Attributes:
        predicted: (repeats, n) codes of the predicted genres, covers in one order for all models; of covers
            of several genres (repeats, n, k) bool.
        losses: (repeats, n, l) float32 of `cover_losses`, in the same order.
        folds: one row a fold: repeat, fold, covers of training and test, scores, `recall_<genre>` and
            `f1_<genre>` of each genre, seconds.
    """

    predicted: np.ndarray
    losses: np.ndarray
    folds: pd.DataFrame

    def sums(self, metric: Metric, truth: np.ndarray, k: int) -> np.ndarray:
        """(n, s) what each cover adds to the sums of a metric, over all repeats.

        Args:
            metric: which.
            truth: (n,) true codes, or (n, k) bool.
            k: genres.
        """
        repeats = zip(self.predicted, self.losses, strict=True)
        return np.sum([metric.sums(truth, codes, losses, k) for codes, losses in repeats], axis=0)

    def right(self, truth: np.ndarray) -> np.ndarray:
        """(repeats, n) bool for (n,) true codes; of several genres whether all are right."""
        same = self.predicted == truth
        return same.all(axis=2) if truth.ndim == 2 else same


@dataclass(frozen=True)
class Fold:
    """One part of repeated cross-validation."""

    repeat: int
    number: int
    part: Part


def save_folds(
    folder: Path, covers: pd.DataFrame, config: Config, repeats: int
) -> tuple[list[Fold], pd.DataFrame]:
    """Repeated, grouped, stratified cross-validation; saved as `splits.parquet`.

    Covers of genres that cannot be tested (`data.splits.covers_in_folds`) are learnt from in every fold.

    Args:
        folder: of the study.
        covers: frame with `cover_id`, `genre` and `group`.
        config: with `folds`, and with `seed` or `split_file`.
        repeats: each with another shuffle.

    Returns:
        The folds, and the covers that they test.

    Raises:
        UserError: as `chosen_folds`.
    """
    numbers = chosen_folds(covers, config, repeats, say=True)
    save_splits(numbers, folder / "splits.parquet")
    return make_folds(numbers), tested_covers(covers, numbers)


def make_folds(numbers: pd.DataFrame) -> list[Fold]:
    """Parts from numbered folds.

    Args:
        numbers: by cover_id, one column a repeat with the fold in which the cover is tested
            (`data.splits.folds`).
    """
    made = []
    for repeat, column in enumerate(numbers.columns):
        for number, (train, test) in train_test(numbers[column]).items():
            made.append(Fold(repeat, number, Part(f"repeat-{repeat}-fold-{number}", train, {"test": test})))
    return made


def read_outcome(
    fits: CachedFits, model: Model, folds: Sequence[Fold], ids: pd.Index, genres: Sequence[str]
) -> Outcome:
    """Gathers one model's kept predictions.

    Args:
        fits: where they are kept.
        model: whose.
        folds: of all repeats.
        ids: (n,) ids of the tested covers, in the order of the outcome.
        genres: their codes are positions in this list.
    """
    frames = [fits.predictions(model, fold.part) for fold in folds]
    if fits.sets:
        groups = fits.covers["group"]
        for repeat in {fold.repeat for fold in folds}:
            of_repeat = [at for at, fold in enumerate(folds) if fold.repeat == repeat]
            made = with_named([frames[at] for at in of_repeat], groups, fits.seed)
            for at, frame in zip(of_repeat, made, strict=True):
                frames[at] = frame
    found = [predicted_of(frame, genres) for frame in frames]
    seconds = [fits.seconds(model, fold.part) for fold in folds]
    return _gathered(folds, [frame.index for frame in frames], found, seconds, ids)


def _gathered(
    folds: Sequence[Fold],
    tested: Sequence[pd.Index],
    found: Sequence[Predicted],
    seconds: Sequence[float],
    ids: pd.Index,
) -> Outcome:
    """The outcome of what was predicted in each fold, of the covers that it tests."""
    repeats = max(fold.repeat for fold in folds) + 1
    sets, k = found[0].truth.ndim == 2, len(found[0].genres)
    predicted = np.zeros((repeats, len(ids), k), bool) if sets else np.full((repeats, len(ids)), -1)
    every = cover_losses(found[0].truth[:1], found[0].proba[:1]).shape[1]
    losses = np.full((repeats, len(ids), every), np.nan, np.float32)
    rows = []
    for fold, covers, own, took in zip(folds, tested, found, seconds, strict=True):
        places = ids.get_indexer(covers)
        predicted[fold.repeat, places] = own.named
        losses[fold.repeat, places] = cover_losses(own.truth, own.proba)
        row = {
            "repeat": fold.repeat,
            "fold": fold.number,
            "train_covers": len(fold.part.train),
            "test_covers": len(covers),
            **fold_scores(own.truth, own.named, own.proba, own.genres),
            "seconds": took,
        }
        rows.append(row)
    return Outcome(predicted, losses, pd.DataFrame(rows))


def nothing_known(
    genre: pd.Series | pd.DataFrame,
    folds: Sequence[Fold],
    ids: pd.Index,
    genres: Sequence[str],
    prior: Prior = "natural",
) -> Outcome:
    """The outcome of knowing nothing of a cover: as `experiments.pipeline.guess.guess` has it.

    Args:
        genre: by cover_id, of all covers, as `data.genre_sets.labels_of` has it.
        folds: of all repeats.
        ids: as for `read_outcome`.
        genres: as for `read_outcome`.
        prior: that probabilities answer to.
    """
    tested, found = [], []
    for fold in folds:
        ids_of_fold = fold.part.predicted["test"]
        tested.append(pd.Index(ids_of_fold))
        found.append(guessed(genre, fold.part.train, ids_of_fold, genres, prior, fold.repeat))
    return _gathered(folds, tested, found, [0.0] * len(folds), ids)


def genre_columns(genres: Iterable[str]) -> list[str]:
    """What `fold_scores` calls the scores of these genres."""
    return [f"{score}_{genre}" for score in ("recall", "f1") for genre in genres]


def fold_scores(
    truth: np.ndarray, codes: np.ndarray, proba: np.ndarray, genres: Sequence[str]
) -> dict[str, float]:
    """Scores of one fold, as scikit-learn defines them.

    Macro F1 and balanced accuracy are over the genres that the fold has covers of; the F1 and the recall of
    another genre are 0.

    Args:
        truth: (n,) true codes; of covers of several genres (n, k) bool.
        codes: (n,) predicted codes, or (n, k) bool.
        proba: (n, k).
        genres: k names.
    """
    if truth.ndim == 2:
        return _set_scores(truth, codes, proba, genres)
    labels = np.arange(len(genres))
    f1 = f1_score(truth, codes, labels=labels, average=None, zero_division=0)
    counts = np.bincount(truth, minlength=len(genres))
    recall = np.bincount(truth[truth == codes], minlength=len(genres)) / np.maximum(counts, 1)
    return {
        "accuracy": float((truth == codes).mean()),
        "balanced_accuracy": float(recall[counts > 0].mean()),  # scikit-learn's warns of others
        "f1_macro": float(f1[counts > 0].mean()),
        **dict(zip(LOSSES, cover_losses(truth, proba).mean(axis=0).tolist(), strict=True)),
        **_by_genre(recall, f1, genres),
    }


def _by_genre(recall: np.ndarray, f1: np.ndarray, genres: Sequence[str]) -> dict[str, float]:
    """The columns of `genre_columns`, from (k,) values."""
    return dict(zip(genre_columns(genres), np.concatenate([recall, f1]).tolist(), strict=True))


def _set_scores(
    truth: np.ndarray, named: np.ndarray, proba: np.ndarray, genres: Sequence[str]
) -> dict[str, float]:
    losses, k = cover_losses(truth, proba), len(genres)
    values = {
        metric.column: float(metric.value(metric.sums(truth, named, losses, k).sum(axis=0, keepdims=True))[0])
        for metric in SET_METRICS.values()
    }
    hits, support = (truth & named).sum(axis=0), truth.sum(axis=0)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + named.sum(axis=0), 1)
    return values | _by_genre(recall, f1, genres)
