"""`train --nested R`: how sure the accuracy of the model that learns from all covers is, by nested folds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.splits import folds
from coverfusion.experiments.drawing.words import percent, records, spread
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.nested import NestedFold, nested_accuracy
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.predicted_genres import named_genres
from coverfusion.experiments.pipeline.progress import counted, watched

NESTED_FILE = "nested.csv"  # in the run folder
FEWEST_FOLDS = 3


def check_nested(config: Config) -> None:
    """Raises UserError where nested folds are asked for and cannot be drawn."""
    if config.nested and (config.folds or 0) < FEWEST_FOLDS:
        raise UserError(f"--nested {config.nested} needs --folds of {FEWEST_FOLDS} or more.")
    if config.nested and config.labels == "many":
        raise UserError(
            "--nested judges the accuracy of one genre a cover, not labels: many. Leave it out, and take "
            "`coverfusion ablate --repeats` for intervals over repeated folds."
        )
    if config.nested and config.split_file is not None:
        raise UserError("--nested draws folds of its own and cannot take --split-file. Leave out one.")


def nested_table(
    fits: CachedFits, models: Sequence[Model], covers: pd.DataFrame, config: Config
) -> pd.DataFrame:
    """Fits each model on all but one and all but two folds of repeated folds.

    Args:
        fits: where fits are kept.
        models: that are judged.
        covers: frame with `cover_id`, `genre` and `group`.
        config: with `folds`, `nested` (repeats) and `seed`.

    Returns:
        One row a model: `classifier`, `blocks`, `repeats`, `accuracy` with `low` and `high`, `folds` (mean
        accuracy of the plain folds) and `inflation` (`experiments.evaluation.nested`).
    """
    assert config.folds is not None
    drawn = folds(covers, config.folds, config.nested, config.seed)
    group = covers.drop_duplicates("cover_id").set_index("cover_id")["group"]
    plans = [_parts(drawn[name], str(name)) for name in drawn]
    rows = []
    with counted("fitting nested folds", len(models) * sum(len(parts) for parts in plans)) as bar:
        fits.watch = lambda what, done, total: watched(bar, what, done, total)
        for model in models:
            repeats = []
            for parts in plans:
                right: dict[tuple[int, ...], pd.Series] = {}
                for without, part in parts.items():
                    right[without] = _right(fits.predictions(model, part))
                    bar.advance(bar.task_ids[0])
                repeats.append([_fold(number, parts, right, group) for number in range(config.folds)])
            found = nested_accuracy(repeats)
            rows.append(
                {
                    "classifier": model.classifier,
                    "blocks": "+".join(model.blocks),
                    "repeats": config.nested,
                    "accuracy": found.value,
                    "low": found.low,
                    "high": found.high,
                    "folds": found.folds,
                    "inflation": found.inflation,
                }
            )
    return pd.DataFrame(rows)


def _parts(numbers: pd.Series, repeat: str) -> dict[tuple[int, ...], Part]:
    """Folds that are not learnt from -> that fit: each fold, and each two of them."""
    count = int(numbers.max()) + 1
    parts = {}
    for without in [*((fold,) for fold in range(count)), *combinations(range(count), 2)]:
        name = f"nested-{repeat}-{'-'.join(map(str, without))}"
        train = numbers.index[~numbers.isin(without)].tolist()
        parts[without] = Part(name, train, {"held out": numbers.index[numbers.isin(without)].tolist()})
    return parts


def _fold(
    number: int,
    parts: dict[tuple[int, ...], Part],
    right: dict[tuple[int, ...], pd.Series],
    group: pd.Series,
) -> NestedFold:
    """What a fold was told, and what the other covers were told by models that had not seen it either."""
    own = parts[(number,)].predicted["held out"]
    inside = [
        right[without].loc[~right[without].index.isin(own)]
        for without in parts
        if len(without) > 1 and number in without
    ]
    outside = right[(number,)].loc[own]
    return NestedFold(
        np.concatenate([values.to_numpy(float) for values in inside]),
        outside.to_numpy(float),
        group.loc[own].to_numpy(),
    )


def _right(frame: pd.DataFrame) -> pd.Series:
    """cover_id -> whether its genre is the most probable one."""
    return pd.Series(named_genres(frame) == frame["genre"].to_numpy(), frame.index)


def nested_words(folder: Path) -> list[str]:
    """What `nested.csv` in a run folder says, in sentences; none where there is none."""
    if not (folder / NESTED_FILE).is_file():
        return []
    table = pd.read_csv(folder / NESTED_FILE)
    models = [
        f"{row['classifier']} {percent(row['accuracy'])} "
        f"({spread(Interval(row['accuracy'], row['low'], row['high']))})"
        for row in records(table)
    ]
    judged = f"Nested folds, {table['repeats'].max()} times, judge the model that learns from all covers"
    return [
        f"{judged} (Bates, Hastie and Tibshirani 2024): {', '.join(models)}.",
        "The leaderboard's intervals are of the procedure, over other covers to learn from.",
        "Few repeats make nested intervals wide.",
    ]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """`nested.csv` for the screen, in percent."""
    shown = {name: (100 * table[name]).map("{:.1f}".format) for name in ("accuracy", "low", "high", "folds")}
    return pd.DataFrame(
        {
            "model": table["classifier"],
            "accuracy": shown["accuracy"],
            "interval": shown["low"] + "\u2013" + shown["high"],
            "mean of folds": shown["folds"],
            "widened by": table["inflation"].map("{:.2f}".format),
        }
    )
