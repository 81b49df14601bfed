"""What a transfer study comes to, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.words import percent, points, records
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.transfer.plan import ALONE
from coverfusion.experiments.transfer.tables import LARGEST_GENRE


def transfer_findings(
    names: Sequence[str], scores: pd.DataFrame, blocks: pd.DataFrame, left_out: Mapping[str, int]
) -> list[str]:
    """What is lost, which block loses most and least alone, which blocks help, and what was left out.

    Args:
        names: of the collections.
        scores: as `tables.scores_table` gives it, of all sources.
        blocks: as `tables.blocks_table` gives it.
        left_out: reason -> covers.
    """
    said = []
    for (test, classifier), own in scores.groupby(["test", "classifier"], sort=False):
        first = own.iloc[0]
        moved = f"{percent(first['accuracy_within'])} within, {percent(first['accuracy_transfer'])} on {test}"
        if classifier == LARGEST_GENRE:
            said.append(f"Always saying the most frequent genre of the training covers: accuracy {moved}.")
            continue
        ends = f"{points(-first['lost_high'])} to {points(-first['lost_low'])}"
        on = "all blocks" if "+" in first["blocks"] else first["blocks"]
        said.append(f"{classifier} on {on}: accuracy {moved}, {points(0 - first['lost'])} points ({ends}).")
        alone = own[own["set"] == ALONE].sort_values("lost")
        if len(alone) > 1:
            least, most = (
                f"{row['block']} {points(0 - row['lost'])} points ({points(-row['lost_high'])} to "
                f"{points(-row['lost_low'])}), to {percent(row['accuracy_transfer'])}"
                for row in records(alone.iloc[[0, -1]])
            )
            verb = "loses" if (alone["lost_low"] > 0).all() else "changes by"
            first_word, last_word = ("least on ", "most on ") if verb == "loses" else ("", "")
            said.append(f"Of single blocks {classifier} {verb} {first_word}{least}, and {last_word}{most}.")
        said += _brought(blocks, str(test), str(classifier))
    said += [f"Left out: {how_many(covers, 'cover')} {what}." for what, covers in left_out.items()]
    source = names[1] if len(names) > 1 else "a source"
    if (scores["lost_low"] > 0).any():
        said.append(
            f"To close the gap, learn from covers of {source} too; coverfusion curve says from how many."
        )
    return said


def _brought(blocks: pd.DataFrame, test: str, classifier: str) -> list[str]:
    if blocks.empty:
        return []
    own = blocks[(blocks["test"] == test) & (blocks["classifier"] == classifier)]
    sure = own[own["p_holm"] < ALPHA].sort_values("brings_transfer", ascending=False)
    if own.empty:
        return []
    if sure.empty:
        return [f"On {test} leaving out no single block changes the accuracy of {classifier} significantly."]
    listed = ", ".join(
        f"{row['block']} {points(row['brings_transfer'])} ({points(row['brings_transfer_low'])} to "
        f"{points(row['brings_transfer_high'])})"
        for row in records(sure)
    )
    return [f"On {test} these blocks change the accuracy of {classifier} significantly, in points: {listed}."]
