"""What interactions of blocks mean, in words."""

from __future__ import annotations

import pandas as pd

from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import Metric

SAYS_SAME = "say the same"
SAME = 0.75  # of what a block brings alone: where another takes more than that away, both say the same


def interaction_sentences(interactions: pd.DataFrame, metric: Metric) -> list[str]:
    """One sentence a pair of blocks that surely interact, over all genres; the largest interactions first.

    A pair is named only where Holm's p is below 0.05, so that its interval excludes no interaction.

    Args:
        interactions: as `experiments.ablation.shapley_tables.interaction_table` gives them.
        metric: that they are in.
    """
    sure = interactions[(interactions["genre"] == "all") & (interactions["p_holm"] < ALPHA)]
    ordered = sure.sort_values("interaction", key=abs, ascending=False, kind="stable")
    return [_sentence(row, metric) for _, row in ordered.iterrows()]


def _sentence(row: pd.Series, metric: Metric) -> str:
    block, other = str(row["block"]), str(row["other"])
    sides = [
        (float(row["block_without_other"]), float(row["block_beside_other"]), block, other),
        (float(row["other_without_block"]), float(row["other_beside_block"]), other, block),
    ]
    without, beside, weaker, stronger = min(sides)
    said = _relation(float(row["interaction"]), without)
    interaction, low, high = (metric.in_words(float(row[name])) for name in ("interaction", "low", "high"))
    return (
        f"{block} and {other} {said} ({row['classifier']}): {weaker} brings {metric.in_words(without)} "
        f"{metric.gain} without {stronger}, {metric.in_words(beside)} beside it; interaction {interaction} "
        f"({low} to {high})."
    )


def _relation(interaction: float, without: float) -> str:
    """What the sign says, and of overlap how much of the weaker block's worth is gone."""
    if interaction > 0:
        return "work together"
    if without <= 0:
        return "get in each other's way"
    return SAYS_SAME if -interaction >= SAME * without else "overlap"
