"""Which covers test: drawn by the config's seed, or as the config's `split_file` has it."""

from __future__ import annotations

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.splits import (
    IN_NO_FOLD,
    SPLIT_COLUMN,
    covers_in_folds,
    folds,
    read_splits,
    split,
    take_splits,
)
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console


def holds_folds(config: Config) -> bool:
    """Whether there is a `split_file`, and it holds folds. Raises UserError as `read_splits`."""
    return config.split_file is not None and SPLIT_COLUMN not in read_splits(config.split_file)


def with_saved_folds(config: Config, repeats: int = 1) -> tuple[Config, int]:
    """The config with the number of folds that its `split_file` holds, and the repeats there.

    Raises:
        UserError: the file cannot be read, or holds one 8:1:1 split, or another number of folds or repeats,
            where folds are asked for.
    """
    if config.split_file is None:
        return config, repeats
    if not holds_folds(config):
        if config.folds is not None:
            raise UserError(
                f"--split-file {config.split_file} holds an 8:1:1 split, and folds are needed. Name the "
                f"splits.parquet of a run or study with folds; `train` can do without --folds."
            )
        return config, repeats
    saved = read_splits(config.split_file)
    count = int(saved.to_numpy().max()) + 1
    if config.folds not in (None, count):
        raise UserError(
            f"--folds {config.folds}: --split-file {config.split_file} holds {count} folds. Leave out "
            f"--folds."
        )
    return config.model_copy(update={"folds": count}), len(saved.columns)


def chosen_split(covers: pd.DataFrame, config: Config, say: bool = False) -> pd.Series:
    """cover_id -> "train", "validation" or "test".

    Args:
        covers: frame with `cover_id`, `genre` and `group`.
        config: with `seed` or `split_file`.
        say: how the file's covers and these differ.

    Raises:
        UserError: as `take_splits`; the file holds folds.
    """
    if config.split_file is None:
        return split(covers, config.seed)
    if holds_folds(config):
        raise UserError(
            f"--split-file {config.split_file} holds folds, and an 8:1:1 split is asked for. Name the "
            f"splits.parquet of a run without folds, or of a search."
        )
    return _taken(covers, config, say)[SPLIT_COLUMN]


def chosen_folds(covers: pd.DataFrame, config: Config, repeats: int = 1, say: bool = False) -> pd.DataFrame:
    """As `data.splits.folds`: one column of fold numbers a repeat, `repeat_0` and so on.

    Args:
        covers: frame with `cover_id`, `genre` and `group`.
        config: with `folds`, and with `seed` or a `split_file` that holds folds.
        repeats: of drawn folds.
        say: how the file's covers and these differ.

    Raises:
        UserError: as `data.splits.folds` and `take_splits`.
    """
    assert config.folds is not None
    if not holds_folds(config):
        return folds(covers, config.folds, repeats, config.seed)
    numbers = _taken(covers, config, say)
    return numbers.set_axis([f"repeat_{repeat}" for repeat in range(len(numbers.columns))], axis=1)


def check_folds(covers: pd.DataFrame, config: Config) -> None:
    """Finds out whether these covers can be tested by folds. Raises UserError as `chosen_folds`."""
    assert config.folds is not None
    if holds_folds(config):
        _taken(covers, config, say=False)
    else:
        covers_in_folds(covers, config.folds)


def tested_covers(covers: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
    """The covers that are tested in every repeat, from the folds of `chosen_folds`."""
    tested = (numbers != IN_NO_FOLD).all(axis=1)
    return covers[covers["cover_id"].map(tested).to_numpy(bool)]


def _taken(covers: pd.DataFrame, config: Config, say: bool) -> pd.DataFrame:
    assert config.split_file is not None
    saved, changes = take_splits(config.split_file, covers)
    for change in changes if say else ():
        console.print(change, style="yellow", highlight=False, markup=False)
    return saved
