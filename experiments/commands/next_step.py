"""The one line after a command that says what comes next, ready to paste."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coverfusion.experiments.pipeline.console import console

if TYPE_CHECKING:
    from coverfusion.experiments.pipeline.config import Config

# what is learnt from and what results are judged by: fields of a config, each with the option that several
# commands have for it
TASK_OPTIONS = {
    "blocks": "-b",
    "metadata": "--metadata",
    "preset": "--preset",
    "keep": "--keep",
    "labels": "--labels",
    "separator": "--separator",
    "sides": "--sides",
    "prior": "--prior",
    "metric": "--metric",
    "seed": "--seed",
    "split_file": "--split-file",
    "store": "--store",
}
_WITHOUT_OPTION = ("genres", "groups", "plugins")  # that change the task too


def print_next(purpose: str, *words: object, program: str = "coverfusion") -> None:
    """Prints a command to go on with, on one line however long.

    Args:
        purpose: what it is for, after "Next, to".
        words: the command's name, arguments and options, quoted here where a shell needs it.
        program: that takes them.
    """
    console.print(f"Next, to {purpose}: {shlex.join([program, *map(str, words)])}", soft_wrap=True)


def given_options(options: Mapping[str, object]) -> list[object]:
    """The words of options that differ from their defaults.

    Args:
        options: name with its dashes -> value; None or an empty list: it was left out. A list repeats it.
    """
    words: list[object] = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            words += [name, one]
    return words


def same_task(source: str, config: Config) -> list[object]:
    """The source and the options under which another command works on the same task.

    Args:
        source: a config or a collection, as the user named it.
        config: of what was done; what the source does not say by itself becomes an option.
    """
    from coverfusion.experiments.pipeline.config import read_source

    base, options = read_source("the source", source, run_plugins=False), dict[str, object]()
    if base.metric == base.usual_metric():  # it goes with the labels
        base.metric = config.usual_metric()
    for field, option in TASK_OPTIONS.items():
        if (value := getattr(config, field)) != getattr(base, field):
            options[option] = _in_words(value)
    return [source, *given_options(options)]


def task_of_run(folder: Path) -> list[object]:
    """The same of a finished run; where no options say its task, its own config is the source."""
    from coverfusion.experiments.pipeline.config import read_config, read_source

    file = folder / "config.yaml"
    config = read_config(file, run_plugins=False)
    place = from_here(str(config.collection))
    base = read_source("the source", place, run_plugins=False)
    unsaid = any(getattr(config, field) != getattr(base, field) for field in _WITHOUT_OPTION)
    if unsaid or not isinstance(config.prior, str) or any((config.blocks or {}).values()):
        return [file]
    # another kind of study draws its own folds
    changes = {"split_file": None, "store": Path(from_here(str(config.store)))}
    return same_task(place, config.model_copy(update=changes))


def _in_words(value: object) -> object:
    """A field of a config as its option takes it."""
    from coverfusion.experiments.pipeline.config import MetadataChoice

    if isinstance(value, MetadataChoice):
        return [f"{kind}={','.join(columns)}" for kind, columns in value if columns]
    return list(value) if isinstance(value, Mapping) else value


def from_here(place: str) -> str:
    """A path as it is seen from the working directory, where it lies in there; else as it is."""
    with contextlib.suppress(ValueError):
        return str(Path(place).relative_to(Path.cwd()))
    return place
