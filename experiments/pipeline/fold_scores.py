"""Out-of-fold predictions of one model over repeated folds, and its scores in each fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from coverfusion.data.splits import save_splits
from coverfusion.experiments.evaluation.chosen_metric import LOSSES, Metric, cover_losses
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.experiments.pipeline.chosen_splits import chosen_folds, tested_covers
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.guess import guess
from coverfusion.experiments.pipeline.leaderboard import genres_of
from coverfusion.experiments.pipeline.parts import train_test
from coverfusion.fusion.prior import Prior


@dataclass(frozen=True)
class Outcome:
    """What one model did.

    Attributes:
        predicted: (repeats, n) codes of the predicted genres, covers in one order for all models.
        losses: (repeats, n, 2) float32 log loss and Brier score of each cover, in the same order.
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
            truth: (n,) true codes.
            k: genres.
        """
        repeats = zip(self.predicted, self.losses, strict=True)
        return np.sum([metric.sums(truth, codes, losses, k) for codes, losses in repeats], axis=0)

    def right(self, truth: np.ndarray) -> np.ndarray:
        """(repeats, n) bool for (n,) true codes."""
        return self.predicted == truth


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
    repeats = max(fold.repeat for fold in folds) + 1
    predicted = np.full((repeats, len(ids)), -1)
    losses = np.full((repeats, len(ids), len(LOSSES)), np.nan, np.float32)
    rows = []
    for fold in folds:
        frame = fits.predictions(model, fold.part)
        proba = frame.reindex(columns=[f"p_{genre}" for genre in genres], fill_value=0.0).to_numpy()
        own = [list(genres).index(genre) for genre in genres_of(frame)]
        truth = pd.Index(genres).get_indexer(pd.Index(frame["genre"]))
        codes = np.asarray(own)[proba[:, own].argmax(axis=1)]
        places = ids.get_indexer(frame.index)
        predicted[fold.repeat, places], losses[fold.repeat, places] = codes, cover_losses(truth, proba)
        row = {
            "repeat": fold.repeat,
            "fold": fold.number,
            "train_covers": len(fold.part.train),
            "test_covers": len(frame),
            **fold_scores(truth, codes, proba, genres),
            "seconds": fits.seconds(model, fold.part),
        }
        rows.append(row)
    return Outcome(predicted, losses, pd.DataFrame(rows))


def nothing_known(
    genre: pd.Series, folds: Sequence[Fold], ids: pd.Index, genres: Sequence[str], prior: Prior = "natural"
) -> Outcome:
    """The outcome of knowing nothing of a cover: as `experiments.pipeline.guess.guess` has it.

    Args:
        genre: by cover_id, of all covers.
        folds: of all repeats.
        ids: as for `read_outcome`.
        genres: as for `read_outcome`.
        prior: that probabilities answer to.
    """
    code = pd.Series(pd.Index(genres).get_indexer(pd.Index(genre)), genre.index)
    repeats = max(fold.repeat for fold in folds) + 1
    predicted = np.full((repeats, len(ids)), -1)
    losses = np.full((repeats, len(ids), len(LOSSES)), np.nan, np.float32)
    rows = []
    for fold in folds:
        train, test = fold.part.train, fold.part.predicted["test"]
        truth, places = code[test].to_numpy(), ids.get_indexer(pd.Index(test))
        codes, proba = guess(genre, train, test, genres, prior, fold.repeat)
        predicted[fold.repeat, places], losses[fold.repeat, places] = codes, cover_losses(truth, proba)
        row = {
            "repeat": fold.repeat,
            "fold": fold.number,
            "train_covers": len(train),
            "test_covers": len(test),
            **fold_scores(truth, codes, proba, genres),
            "seconds": 0.0,
        }
        rows.append(row)
    return Outcome(predicted, losses, pd.DataFrame(rows))


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
        truth: (n,) true codes.
        codes: (n,) predicted codes.
        proba: (n, k).
        genres: k names.
    """
    labels = np.arange(len(genres))
    f1 = f1_score(truth, codes, labels=labels, average=None, zero_division=0)
    counts = np.bincount(truth, minlength=len(genres))
    recall = np.bincount(truth[truth == codes], minlength=len(genres)) / np.maximum(counts, 1)
    return {
        "accuracy": float((truth == codes).mean()),
        "balanced_accuracy": float(recall[counts > 0].mean()),  # scikit-learn's warns of others
        "f1_macro": float(f1[counts > 0].mean()),
        **dict(zip(LOSSES, cover_losses(truth, proba).mean(axis=0).tolist(), strict=True)),
        **{f"recall_{genre}": float(recall[code]) for code, genre in enumerate(genres)},
        **{f"f1_{genre}": float(f1[code]) for code, genre in enumerate(genres)},
    }
