"""`index.html` of a transfer study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.forest import (
    Forest,
    Row,
    difference_forest,
    proportion_forest,
)
from coverfusion.experiments.drawing.study_pages import write_study_page
from coverfusion.experiments.drawing.words import p_value, percent, points, records
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.transfer.plan import WITHOUT

PLACES = {"within": "within what was learnt from", "transfer": "on the other source"}


def write_transfer_page(
    folder: Path, sentences: Sequence[str], scores: pd.DataFrame, blocks: pd.DataFrame, left_out: pd.DataFrame
) -> None:
    """Writes the page from the tables of the study; `folder` holds what every study's folder does."""
    charts = {"What was learnt, within and on the other source": lost_chart(scores)}
    if len(blocks):
        charts["What each block brings beside all others"] = brought_chart(blocks)
    pages.save_charts(folder, dict(zip(("lost", "brought"), charts.values(), strict=False)))
    context = {
        "charts": charts,
        "sentences": sentences,
        "scores": records(scores),
        "blocks": records(blocks),
        "left_out": records(left_out),
    }
    write_study_page(
        folder, "transfer.html", context, {"percent": percent, "points": points, "p_value": p_value}
    )


def lost_chart(scores: pd.DataFrame) -> Forest:
    """Accuracy within what was learnt from and there, of every model."""
    fitted = [row for row in records(scores) if row["set"]]
    rows = [
        Row(
            label=name,
            value=row[f"accuracy_{where}"],
            low=row[f"accuracy_{where}_low"],
            high=row[f"accuracy_{where}_high"],
            group=group,
            heading=f"{row['classifier']} on {row['block'] or 'all blocks'}, tested on {row['test']}"
            if row["set"] != WITHOUT
            else f"{row['classifier']} without {row['block']}, tested on {row['test']}",
        ).scaled(100)
        for row in fitted
        for group, (where, name) in enumerate(PLACES.items())
    ]
    title = "Accuracy of every model within what it learnt from, and there"
    return proportion_forest(title, rows, "accuracy, %, 95 % interval", dict(enumerate(PLACES.values())))


def brought_chart(blocks: pd.DataFrame) -> Forest:
    """What each block brings beside all others, within and there; a filled mark is significant there."""
    rows = [
        Row(
            label=name,
            value=row[f"brings_{where}"],
            low=row[f"brings_{where}_low"],
            high=row[f"brings_{where}_high"],
            group=group,
            heading=f"{row['block']}, by {row['classifier']}, tested on {row['test']}",
        ).scaled(100)
        for row in records(blocks)
        for group, (where, name) in enumerate(PLACES.items())
    ]
    title, groups = "Accuracy of all blocks less that of all but one", dict(enumerate(PLACES.values()))
    return difference_forest(title, rows, METRICS["accuracy"], groups=groups)
