"""`index.html` of a comparison: the verdict, every pair on one axis, and what the runs have different."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.experiments.comparison.shown import (
    SETS_NOTE,
    against_best,
    folds_notes,
    named,
    verdict,
)
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.forest import Forest, Row, difference_forest
from coverfusion.experiments.drawing.run_pages import link_run_pages
from coverfusion.experiments.drawing.words import p_value, records
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.evaluation.compared import METHODS
from coverfusion.experiments.pipeline.run_folder import read_run


def write_comparison_page(
    folder: Path, table: pd.DataFrame, differences: pd.DataFrame, made: Mapping[str, Any]
) -> Path:
    """Writes the page and `figures/comparison.svg`.

    Args:
        folder: of the comparison.
        table: from `compare.compare_runs`.
        differences: from `compare.config_differences`.
        made: the facts of `environment.json`, with the runs.
    """
    metric, runs = SET_METRICS[table["metric"].iloc[0]], made["runs"]
    shown = named(table, len(runs))
    chart = comparison_chart(shown, metric)
    pages.save_charts(folder, {"comparison": chart})
    context = {
        "verdict": verdict(against_best(shown, metric), metric, len(table)),
        "chart": chart,
        "rows": records(shown),
        "metric": metric,
        "how": " and ".join(METHODS[name] for name in table["method"].unique()),
        "note": " ".join(folds_notes(table)),
        "means": ", mean of folds" if set(table["method"]) == {"folds"} else "",
        "sets_note": SETS_NOTE if read_run(runs[0]).several else "",
        "name": read_run(runs[0]).name if len(runs) == 1 else "",
        "runs": dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", runs, strict=False)),
        "differences": differences.to_dict("split"),
        "environment": made,
    }
    pages.write(folder / "index.html", pages.render("comparison.html", context, {"p_value": p_value}))
    if len(runs) == 1:
        link_run_pages(Path(runs[0]), "Comparison", folder / "index.html")
    return folder / "index.html"


def comparison_chart(table: pd.DataFrame, metric: Metric) -> Forest:
    """How much better the first of each pair is; a filled mark is significant."""
    rows = [
        Row(
            label=f"{row['first']} against {row['second']}",
            value=row["difference"],
            low=row["low"],
            high=row["high"],
            filled=row["p_holm"] < ALPHA,
        ).scaled(metric.scale)
        for row in records(table)
    ]
    return difference_forest(f"How much better the first is, {metric.gain}", rows, metric)
