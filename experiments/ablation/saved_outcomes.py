"""`predictions.parquet` of a study: what every model said of every cover, for whoever plans the next one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.experiments.ablation.tables import Study, joined_units
from coverfusion.experiments.evaluation.chosen_metric import LOSSES, Metric
from coverfusion.experiments.pipeline.predicted_genres import genres_in_words, truth_of
from coverfusion.experiments.pipeline.results_csv import read_results

FILE = "predictions.parquet"
NOBODY = "largest genre"  # who predicts from no block
KEYS = ["cover_id", "genre", "group"]


def save_outcomes(folder: Path, study: Study, ids: Sequence[str]) -> None:
    """One row a tested cover; three columns a classifier, set of blocks and repeat, of several genres four.

    `predicted` has the position of the predicted genre among all genres in order (of covers of several genres
    their names, joined), the others the cover's losses; the columns are called as `_column` has them.

    Args:
        folder: of the study.
        study: whose outcomes.
        ids: (n,) of the tested covers.
    """
    columns: dict[str, np.ndarray] = {
        "cover_id": np.array(ids, dtype=object),
        "genre": genres_in_words(study.truth, study.genres),
        "group": study.groups,
    }
    for (classifier, units), outcome in study.outcomes.items():
        model = (classifier or NOBODY, joined_units(units))
        for repeat, (codes, losses) in enumerate(zip(outcome.predicted, outcome.losses, strict=True)):
            columns[_column("predicted", repeat, model)] = (
                genres_in_words(codes, study.genres) if study.sets else codes.astype(np.int16)
            )
            for k, name in enumerate(_losses(study.sets)):
                columns[_column(name, repeat, model)] = losses[:, k]
    pd.DataFrame(columns).to_parquet(folder / FILE)


def read_sums(
    frame: pd.DataFrame, classifier: str, units: str, metric: Metric, genres: Sequence[str]
) -> list[np.ndarray]:
    """(n, s) for each repeat: what each cover adds to a metric's sums.

    Args:
        frame: the saved file.
        classifier: as `comparisons.csv` has it.
        units: joined, as `comparisons.csv` has them.
        metric: which.
        genres: of the collection, in order.
    """
    model, sets = (NOBODY if units == "none" else classifier, units), of_sets(frame)
    truth = truth_of(frame["genre"], genres, sets)
    sums: list[np.ndarray] = []
    while (name := _column("predicted", len(sums), model)) in frame:
        losses = frame[[_column(loss, len(sums), model) for loss in _losses(sets)]].to_numpy(np.float64)
        codes = truth_of(frame[name], genres, sets) if sets else frame[name].to_numpy()
        sums.append(metric.sums(truth, codes, losses, len(genres)))
    return sums


def of_sets(frame: pd.DataFrame) -> bool:
    """Whether the saved covers may have several genres."""
    return any(column.startswith("ranking_loss ") for column in frame.columns)


def saved_comparisons(folder: Path) -> pd.DataFrame:
    """`design`, `unit`, `classifier`, `other`, `first` and `second` of each planned comparison."""
    table = read_results(folder / "comparisons.csv")
    # version 0.1 had another name for chance
    table["design"] = table["design"].str.replace(r"alone against \w+$", "alone against chance", regex=True)
    return table[["design", "unit", "classifier", "other", "first", "second"]].astype(str)


def _losses(sets: bool) -> tuple[str, ...]:
    """The columns of `cover_losses`."""
    return (*LOSSES, "ranking_loss") if sets else LOSSES


def _column(what: str, repeat: int, model: tuple[str, str]) -> str:
    return f"{what} {repeat} {model[0]} on {model[1]}"
