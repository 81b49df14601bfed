"""A warning where genres are of unequal size: what the prior in use makes of that."""

from __future__ import annotations

import pandas as pd

from coverfusion.data.genre_sets import each_genre, has_sets
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console
from coverfusion.fusion.prior import Prior

UNEQUAL = 2.0  # the largest genre has more than so many times the covers of the smallest
_OF_SETS = (
    "From which probability on a cover is called a genre is learnt for the best F1 of each, so that a small "
    "genre may be called more often than covers have it."
)


def say_unequal(covers: pd.DataFrame, config: Config) -> str:
    """Warns of genres of unequal size; the warning is a note for readers of the results.

    Args:
        covers: frame with `genre`, and `genres` where each may have several.
        config: whose prior counts.

    Returns:
        "" where no genre has more than twice the covers of another.
    """
    counts = each_genre(covers)["genre"].value_counts()
    if counts.iloc[0] <= UNEQUAL * counts.iloc[-1]:
        return ""
    said = (
        f"Genres are of unequal size: {counts.index[0]} has {counts.iloc[0]:,} covers, {counts.index[-1]} "
        f"{counts.iloc[-1]:,}. {_OF_SETS if has_sets(covers) else _meaning(config.prior)}"
    )
    console.print(said, style="yellow", highlight=False, markup=False)
    return said


def _meaning(prior: Prior) -> str:
    if prior == "natural":
        return (
            "Probabilities count on that (prior: natural), so that as many predictions as possible are "
            "right, and small genres are seldom named. `prior: balanced` takes all genres as equally common."
        )
    if prior == "balanced":
        return (
            "Probabilities take all as equally common (prior: balanced), so that small genres are found. "
            "More predictions are wrong than under `prior: natural`, and more may be than of always saying "
            "the largest genre."
        )
    return (
        "Probabilities count on the prior that the config gives. Scores speak of covers as common as they "
        "are in this collection."
    )
