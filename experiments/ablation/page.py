"""The page of an ablation: what matters, with pictures and every number; one file, no network."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.experiments.ablation.charts import (
    DESIGN_WORDS,
    ablation_charts,
    comparison_words,
    study_metric,
)
from coverfusion.experiments.ablation.interactions import SAYS_SAME, interaction_sentences
from coverfusion.experiments.ablation.verdict import ablation_verdict
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import Chart
from coverfusion.experiments.drawing.heat_map import HeatMap
from coverfusion.experiments.drawing.pages import Filters
from coverfusion.experiments.drawing.study_pages import write_study_page
from coverfusion.experiments.drawing.words import FEW_FOLDS, p_value, region, signed
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric
from coverfusion.experiments.pipeline.config import Config, read_config
from coverfusion.experiments.pipeline.results_csv import NAMES, read_results

P_COLUMNS, SET_COLUMNS = ("p", "p_holm"), ("units", "first", "second")
# what the columns of a table mean that their names do not say
NOTES = {
    "comparisons": (
        "difference, low, high and detectable are fractions, not points. only_first and only_second: how "
        "many covers one of the two alone got right in the first repeat."
    ),
    "genres": (
        "loss: the genre's F1 with all blocks less its F1 without this one, as a fraction, so that more than "
        "0 says that the block helps."
    ),
    "greedy": "units: the blocks so far. The score is the mean over the folds.",
}


def write_ablation_page(folder: Path) -> Path:
    """Writes `figures/*.svg` and `index.html` from the tables in `folder`."""
    charts = ablation_charts(folder)
    pages.save_charts(folder, charts)
    metric, comparisons = study_metric(folder), read_results(folder / "comparisons.csv")
    together, config = folder / "interactions.csv", read_config(folder / "config.yaml")
    said = interaction_sentences(read_results(together), metric) if together.is_file() else None
    context = {
        "charts": charts,
        "verdict": ablation_verdict(comparisons, metric),
        "interactions": said,
        "same": any(SAYS_SAME in sentence for sentence in said or ()),
        "baseline": baseline_words(config, metric),
        "findings": ablation_findings(comparisons, metric),
        "metric": metric,
        "sets": config.labels == "many",
        "tests": " and ".join(str(count) for count in map(tests_in, charts.values()) if count),
        "folds": config.folds,
        "few_folds": FEW_FOLDS,
        "several": comparisons["classifier"].nunique() > 1,
        "notes": NOTES,
        "tables": {
            file.stem: _shown(read_csv(file, dtype=NAMES, keep_default_na=False))
            for name in ("comparisons", "leaderboard", "shapley", "interactions", "genres", "greedy")
            if (file := folder / f"{name}.csv").is_file()
        },
    }
    digits = 1 if metric.percent else 3
    filters: Filters = {
        "signed": partial(signed, digits=digits),
        "region": partial(region, percent=metric.percent),
    }
    return write_study_page(folder, "ablation.html", context, filters)


def baseline_words(config: Config, metric: Metric) -> str:
    """What Shapley values over all genres count from: what is right without any block."""
    if not metric.percent:
        return "knowing only how common genres are"
    if config.labels == "many":
        return "calling every cover every genre"
    return "always saying the largest genre" if config.prior == "natural" else "guessing by the prior"


def tests_in(chart: Chart) -> int:
    """How many tests the cells of a heat map are; of pairs of blocks each stands in it twice."""
    if not isinstance(chart, HeatMap):
        return 0
    filled = sum(cell is not None for row in chart.cells for cell in row)
    return filled // 2 if list(chart.rows) == list(chart.columns) else filled


def ablation_findings(
    comparisons: pd.DataFrame, metric: Metric = METRICS["accuracy"]
) -> list[dict[str, object]]:
    """Rows of `comparisons.csv` as people read them, the largest difference of each design first.

    Each has design, what, classifier, difference, low, high (of proportions in points), detectable in words,
    p after Holm's correction, whether that is significant, and the probability that the models are
    practically equal (NaN where nothing says which differences matter).
    """
    rows = []
    for _, part in comparisons.groupby(["design", "classifier"], sort=False):
        for _, row in part.sort_values("difference", ascending=False).iterrows():
            rows.append(
                {
                    "design": DESIGN_WORDS[str(row["design"])],
                    "what": comparison_words(row),
                    "classifier": row["classifier"],
                    "difference": metric.scale * row["difference"],
                    "low": metric.scale * row["low"],
                    "high": metric.scale * row["high"],
                    "p": p_value(row["p_holm"]),
                    "detectable": metric.size_words(row["detectable"]),
                    "equal": row["equal"],
                    "sure": bool(row["p_holm"] < ALPHA),
                }
            )
    return rows


def _shown(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Header and rows with rounded numbers."""
    shown = table.copy().astype(object)
    for name in table.columns:
        words = p_value if name in P_COLUMNS else _set if name in SET_COLUMNS else _brief
        shown[name] = table[name].map(words)
    return {"header": list(table.columns), "rows": shown.to_numpy().tolist()}


def _brief(value: object) -> str:
    return f"{value:.4g}".replace("-", "\u2212") if isinstance(value, float) else str(value)


def _set(value: object) -> str:
    return "no block" if value == "none" else str(value)
