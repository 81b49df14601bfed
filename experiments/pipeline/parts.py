"""Which covers a fit learns from and which it predicts: of one 8:1:1 split, or of folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import genre_names
from coverfusion.data.splits import IN_NO_FOLD, SPLIT_COLUMN, save_splits
from coverfusion.experiments.pipeline.cached_fits import Part
from coverfusion.experiments.pipeline.chosen_splits import check_folds, chosen_folds, chosen_split
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console

GROUPS_ENOUGH = 100  # with so many an 8:1:1 split leaves something for each part
RUN_HELD_OUT = ("validation", "test")
ALL_FOLDS = "folds"  # the split's name where predictions of all folds are scored together
TrainTest = tuple[list[str], list[str]]


def split_ids(
    covers: pd.DataFrame, config: Config, folder: Path, held_out: Sequence[str]
) -> dict[str, list[str]]:
    """Name of the part -> its cover ids, for "train" and those held out; saved as `splits.parquet`.

    Args:
        covers: frame with `cover_id`, `genre` and `group`.
        config: with `seed` or `split_file`.
        folder: of the study.
        held_out: parts that must not be empty, out of "validation" and "test".

    Raises:
        UserError: too few covers for one of them; as `chosen_split`.
    """
    names = chosen_split(covers, config, say=True)
    save_splits(names.to_frame(SPLIT_COLUMN), folder / "splits.parquet")
    _check_held_out(names, config, held_out)
    return {name: names.index[names == name].tolist() for name in ("train", *held_out)}


def check_parts(covers: pd.DataFrame, config: Config, held_out: Sequence[str]) -> None:
    """Finds out before any feature is made whether these covers can be split.

    Args:
        covers: frame with `cover_id`, `genre` and `group`.
        config: of the study.
        held_out: as for `split_ids`.

    Raises:
        UserError: as `split_ids` and `fold_ids`.
    """
    if config.folds is not None:
        check_folds(covers, config)
    elif covers["group"].nunique() < GROUPS_ENOUGH or config.split_file is not None:
        _check_held_out(chosen_split(covers, config), config, held_out)


def _check_held_out(names: pd.Series, config: Config, held_out: Sequence[str]) -> None:
    if empty := [name for name in held_out if not (names == name).any()]:
        raise UserError(
            f"{config.collection} has too few covers that differ for an 8:1:1 split: nothing is left for "
            f"{' and '.join(empty)}. Add covers, or use --folds."
        )


def fold_ids(covers: pd.DataFrame, config: Config, file: Path) -> dict[str, TrainTest]:
    """Name of the fold -> its cover ids; saved.

    Args:
        covers: frame with `cover_id`, `genre` and `group`.
        config: with `folds`, and with `seed` or `split_file`.
        file: where they are saved.

    Raises:
        UserError: as `chosen_folds`.
    """
    numbers = chosen_folds(covers, config, say=True).iloc[:, 0]
    save_splits(numbers.to_frame("fold"), file)
    return {f"fold-{number}": ids for number, ids in train_test(numbers).items()}


def train_test(numbers: pd.Series) -> dict[int, TrainTest]:
    """Number of a fold -> the cover ids outside it and inside it, from cover_id -> fold."""
    return {
        int(number): (numbers.index[numbers != number].tolist(), numbers.index[numbers == number].tolist())
        for number in sorted(numbers.unique())
        if number != IN_NO_FOLD
    }


def run_parts(covers: pd.DataFrame, config: Config, folder: Path) -> list[Part]:
    """One part for the 8:1:1 split, or one for each fold; saved as `splits.parquet`.

    Args:
        covers: frame with `cover_id`, `genre` and `group`.
        config: of the run.
        folder: of the run.

    Raises:
        UserError: too few covers.
    """
    if config.folds is None:
        ids = split_ids(covers, config, folder, RUN_HELD_OUT)
        return [Part("split", ids.pop("train"), ids)]
    by_name = fold_ids(covers, config, folder / "splits.parquet")
    return [Part(name, train, {ALL_FOLDS: test}) for name, (train, test) in by_name.items()]


def say_untested(covers: pd.DataFrame, parts: Iterable[Part], config: Config, scored: Sequence[str]) -> str:
    """Warns of genres that no score speaks of; the warning is a note for readers of the results.

    Args:
        covers: frame with `cover_id` and `genre`.
        parts: of the study.
        config: of the study.
        scored: names of the predicted sets that are scored.

    Returns:
        "" where every genre is tested.
    """
    tested = (cover for part in parts for split in scored for cover in part.predicted.get(split, []))
    lacking = sorted(
        set(genre_names(covers)) - set(genre_names(covers[covers["cover_id"].isin(set(tested))]))
    )
    if not lacking:
        return ""
    said = (
        f"Too few covers of {', '.join(lacking)} to test on: the scores say nothing about "
        f"{'it' if len(lacking) == 1 else 'them'}. Add covers, or "
        f"{'take fewer folds' if config.folds else 'use folds'}."
    )
    console.print(said, style="yellow", highlight=False, markup=False)
    return said
