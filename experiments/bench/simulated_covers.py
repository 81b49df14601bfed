"""Simulated covers whose truth is known: what tests and intervals say of them can be held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

FOLDS = 5
SHARE = 1 / (FOLDS - 1)  # n_test / n_train
LEVEL = 0.05
Found = Mapping[str, float]  # what was said -> 1 if so, else 0 (or a number to average)
GENRES = 3
NEW_COVERS = 500  # that fitted models are judged on beside
PLANTED = np.array([0.5, 0.3, 0.13, 0.05, 0.02])  # proportions of genres of unequal size
WITHIN = 0.7  # of a cover's difficulty, what it has in common with its group


@dataclass(frozen=True)
class Judged:
    """What m models got right on n simulated covers.

    Attributes:
        right: (n, m) bool.
        groups: (n,) codes.
        genres: (n,) true codes.
        fold: (n,) in which the cover was judged; all 0 where the models were fitted once.
        fresh: (m,) accuracy of the same fitted models on new covers.
    """

    right: np.ndarray
    groups: np.ndarray
    genres: np.ndarray
    fold: np.ndarray
    fresh: np.ndarray


def judged_once(
    rng: np.random.Generator, groups: int, size: int, accuracy: np.ndarray, alike: float = 0.5
) -> Judged:
    """Fitted models with known accuracies on new covers in groups, as in one 8:1:1 split.

    Args:
        rng: of the draws.
        groups: how many.
        size: covers in each.
        accuracy: (m,) of each model.
        alike: how far the models find the same covers hard, 0 to 1.
    """
    models, group = len(accuracy), np.arange(groups * size) // size

    def difficulty(columns: int) -> np.ndarray:
        own = rng.normal(size=(groups * size, columns))
        return np.sqrt(WITHIN) * rng.normal(size=(groups, columns))[group] + np.sqrt(1 - WITHIN) * own

    hard = np.sqrt(alike) * difficulty(1) + np.sqrt(1 - alike) * difficulty(models)
    genres = rng.integers(0, GENRES, groups)[group]
    return Judged(hard < norm.ppf(accuracy), group, genres, np.zeros(len(group), int), accuracy)


def judged_in_folds(
    rng: np.random.Generator, groups: int, size: int, views: int, folds: int = 5, columns: int = 8
) -> Judged:
    """Linear models cross-validated on a collection: one on each of several equally good views, one on all.

    The views are independent and equally hard, so that models on one view are equally good on average.

    Args:
        rng: of the draws.
        groups: how many.
        size: covers in each.
        views: models on one view each; the last model sees all.
        folds: that keep groups whole.
        columns: of a view.
    """
    group = np.arange(groups * size) // size
    genres = rng.integers(0, GENRES, groups)[group]
    fold = (rng.permutation(groups) % folds)[group]
    X = drawn_features(rng, genres, group, views, columns)
    every = np.moveaxis(X, 0, 1).reshape(1, len(group), -1)
    right, fresh = np.zeros((len(group), views + 1), bool), np.zeros(views + 1)
    new_genres = rng.integers(0, GENRES, NEW_COVERS)
    new = drawn_features(rng, new_genres, np.arange(NEW_COVERS), views, columns)
    every_new = np.moveaxis(new, 0, 1).reshape(1, NEW_COVERS, -1)
    for number in range(folds):
        train, test = fold != number, fold == number
        for models, known, other in (
            (slice(views), X, new),
            (slice(views, views + 1), every, every_new),
        ):
            unseen = np.concatenate([known[:, test], other], axis=1)
            told = linear_answers(known[:, train], genres[train], unseen)
            right[test, models] = (told[:, :-NEW_COVERS] == genres[test]).T
            fresh[models] += (told[:, -NEW_COVERS:] == new_genres).mean(axis=1) / folds
    return Judged(right, group, genres, fold, fresh)


def judged_apart(rng: np.random.Generator, groups: int, size: int, folds: int = 5) -> Judged:
    """Linear models cross-validated on two blocks that add up: each tells the genre of other covers.

    Args:
        rng: of the draws.
        groups: how many.
        size: covers in each.
        folds: that keep groups whole.

    Returns:
        Of four models: without a block (the largest genre), on the first, on the second, on both. What both
        bring is on average exactly what the first and what the second bring.
    """
    group = np.arange(groups * size) // size
    genres = rng.integers(0, GENRES, groups)[group]
    fold = (rng.permutation(groups) % folds)[group]
    seen_by = rng.integers(0, 4, groups)[group]  # by the first block, by the second, or by none of them
    blocks = [np.eye(GENRES)[genres] * (seen_by == block)[:, None] for block in (0, 1)]
    models = [np.zeros((len(group), 0)), *blocks, np.hstack(blocks)]
    right = np.zeros((len(group), len(models)), bool)
    for number in range(folds):
        train, test = fold != number, fold == number
        for model, X in enumerate(models):
            told = linear_answers(X[None, train], genres[train], X[None, test])[0]
            right[test, model] = told == genres[test]
    return Judged(right, group, genres, fold, right.mean(axis=0))


def judged_in_repeats(
    rng: np.random.Generator, groups: int, size: int, weaker: float, repeats: int, folds: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two linear models, each on its own view, over repeated folds of a collection.

    Args:
        rng: of the draws.
        groups: how many.
        size: covers in each.
        weaker: the signal of the second view, as a part of the first one's.
        repeats: of the folds.
        folds: that keep groups whole.

    Returns:
        (repeats, n, 2) bool, what was right; (repeats, n) the fold that judged it; (n,) group codes.
    """
    group = np.arange(groups * size) // size
    genres = rng.integers(0, GENRES, groups)[group]
    X = drawn_features(rng, genres, group, 2, 8, np.array([1.0, weaker]))
    right = np.zeros((repeats, len(group), 2), bool)
    fold = np.stack([(rng.permutation(groups) % folds)[group] for _ in range(repeats)])
    for repeat in range(repeats):
        for number in range(folds):
            train, test = fold[repeat] != number, fold[repeat] == number
            told = linear_answers(X[:, train], genres[train], X[:, test])
            right[repeat, test] = (told == genres[test]).T
    return right, fold, group


def drawn_features(
    rng: np.random.Generator,
    genres: np.ndarray,
    group: np.ndarray,
    views: int,
    columns: int,
    strength: np.ndarray | float = 1.0,
) -> np.ndarray:
    """(views, n, columns): the genre's signal, the same in all collections, and noise that groups share.

    `strength` is the signal's, of all views or (views,) of each.
    """
    signal = np.random.default_rng(1).normal(size=(GENRES, columns))
    shared = rng.normal(size=(views, group.max() + 1, columns))[:, group]
    own = rng.normal(size=(views, len(group), columns))
    told = 0.4 * np.broadcast_to(strength, views)[:, None, None] * signal[genres]
    return told + np.sqrt(WITHIN) * shared + np.sqrt(1 - WITHIN) * own


def planted_genres(
    rng: np.random.Generator, genres: np.ndarray, size: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The right probabilities of covers whose genres are as common as `PLANTED`.

    Marginal sets of 90 % hold 0.99, 0.94, 0.76, 0.43 and 0.16 of the genres' covers.

    Args:
        rng: of the draws.
        genres: (g,) codes of the groups, such as `rng.choice(5, g, p=PLANTED)`.
        size: covers in each group.

    Returns:
        (n, 5) probabilities, (n,) codes and (n,) groups, n = g * size.
    """
    group = np.arange(len(genres) * size) // size
    shared, own = rng.normal(size=(len(genres), len(PLANTED))), rng.normal(size=(len(group), len(PLANTED)))
    noise = np.sqrt(WITHIN) * shared[group] + np.sqrt(1 - WITHIN) * own
    likelihood = PLANTED * np.exp(np.eye(len(PLANTED))[genres[group]] + noise)
    return likelihood / likelihood.sum(axis=1, keepdims=True), genres[group], group


def linear_answers(seen: np.ndarray, genres: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """(m, t) genres that ridge regression on the genres' indicators gives (m, t, d) unseen covers."""
    A, B = (np.concatenate([np.ones((*X.shape[:2], 1)), X], axis=2) for X in (seen, unseen))
    gram = np.swapaxes(A, 1, 2) @ A + np.eye(A.shape[2])
    weights = np.linalg.solve(gram, np.swapaxes(A, 1, 2) @ np.eye(GENRES)[genres])
    return (B @ weights).argmax(axis=2)


def fold_means(fold: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(folds,) means of (n,) values, for the (n,) folds that they are of."""
    return np.bincount(fold, weights=values) / np.bincount(fold)
