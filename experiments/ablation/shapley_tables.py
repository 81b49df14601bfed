"""What each block brings, and what each two bring together: tables from the outcomes of all subsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from coverfusion.experiments.ablation.designs import Units
from coverfusion.experiments.ablation.tables import Study, better_folds
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.shapley import shapley_interactions, shapley_values, subsets
from coverfusion.experiments.evaluation.statistics import corrected_t_test, holm
from coverfusion.fusion.prior import prior_shares

VALUE_COLUMNS = ["classifier", "genre", "block", "value", "low", "high", "p", "p_holm"]
INTERACTION_COLUMNS = [
    "classifier", "genre", "block", "other", "interaction", "low", "high", "p", "p_holm",
    "block_without_other", "block_beside_other", "other_without_block", "other_beside_block",
]  # fmt: skip


def shapley_table(study: Study) -> pd.DataFrame:
    """Shapley values of the blocks, over all genres and for each one; needs all subsets.

    Values are of the metric (by genre as `better_folds`), so that more is better. `value`, `low`, `high` and
    `p` are the corrected t-test's of the exact values of each fold, `p_holm` is corrected over the blocks of
    a classifier.
    """
    frames = []
    for classifier, genre, scores in scores_of_subsets(study):
        every = study.every(classifier)
        by_fold = shapley_values(every, scores)
        rows = [
            {"classifier": classifier, "genre": genre, "block": block}
            | _tested(study, genre, "value", by_fold[block])
            for block in every
        ]
        frames.append(_corrected(rows))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=VALUE_COLUMNS)


def interaction_table(study: Study) -> pd.DataFrame:
    """Shapley interactions of each two blocks, over all genres and for each one; needs all subsets of two.

    `interaction`, `low`, `high` and `p` are the corrected t-test's of the exact interactions of each fold,
    `p_holm` is corrected over the pairs of a classifier. `block_without_other` is what the block brings where
    the other is not there, `block_beside_other` what it brings where it is, and so on: folds' means.
    """
    frames = []
    for classifier, genre, scores in scores_of_subsets(study):
        rows = []
        for (block, other), pair in shapley_interactions(study.every(classifier), scores).items():
            by_fold = pair.interaction
            first, second = float(np.mean(pair.first_alone)), float(np.mean(pair.second_alone))
            names: dict[str, str | float] = {
                "classifier": classifier,
                "genre": genre,
                "block": block,
                "other": other,
            }
            test = _tested(study, genre, "interaction", by_fold, parts=2)
            brings = {
                "block_without_other": first,
                "block_beside_other": first + test["interaction"],
                "other_without_block": second,
                "other_beside_block": second + test["interaction"],
            }
            rows.append({**names, **test, **brings})
        if rows:
            frames.append(_corrected(rows)[INTERACTION_COLUMNS])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=INTERACTION_COLUMNS)


def scores_of_subsets(study: Study) -> Iterator[tuple[str, str, Mapping[Units, np.ndarray]]]:
    """Subset -> (folds,) scores, more is better: of each classifier with all subsets, "all" or a genre.

    Without blocks every cover is given the prior's largest genre, whose recall would then be 1 and could only
    fall: by genre the empty set has the recall of guessing by the prior, which is the genre's own proportion.
    Of covers of several genres it has the F1 of calling every cover so.
    """
    for classifier in study.classifiers:
        every = study.every(classifier)
        chosen = subsets(every)
        if not all(study.fitted(classifier, units) for units in chosen):
            continue
        outcomes = {units: study.outcome(classifier, units) for units in chosen}
        for genre in ["all", *study.tested.values()]:
            folds = {units: better_folds(study, outcome, genre) for units, outcome in outcomes.items()}
            if (code := _code(study, genre)) is not None and not study.sets:
                shares = prior_shares(study.prior, np.asarray(study.genres)[study.truth].tolist())
                folds[()] = np.full_like(folds[every], shares[study.genres[code]])
            yield classifier, genre, folds


def _tested(study: Study, genre: str, name: str, by_fold: np.ndarray, parts: int = 1) -> dict[str, float]:
    """The corrected t-test's answer as columns; the mean is called `name`, of so many differences added."""
    metric = study.metric if genre == "all" else METRICS["balanced_accuracy"]  # a genre's is a proportion
    covers = study.covers_a_fold(_code(study, genre))
    test = corrected_t_test(by_fold, study.test_share, covers, most=parts * metric.most)
    return {name: test.difference, "low": test.low, "high": test.high, "p": test.p}


def _code(study: Study, genre: str) -> int | None:
    return None if genre == "all" else list(study.genres).index(genre)


def _corrected(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    return frame.assign(p_holm=holm(frame["p"].to_numpy()))
