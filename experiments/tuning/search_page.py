"""The page of a search: what was found, its course, every trial; one file, no network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import Chart
from coverfusion.experiments.drawing.study_pages import write_study_page
from coverfusion.experiments.drawing.words import gain_words, records
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric
from coverfusion.experiments.pipeline.cached_fits import VALIDATION
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.tuning.search_charts import (
    best_of,
    course_title,
    history_chart,
    importance_chart,
    parameter_charts,
)
from coverfusion.experiments.tuning.sweep_page import corrected_words, read_sweep_table


def write_search_page(folder: Path) -> Path:
    """Writes `figures/*.svg` and `index.html` from the tables in `folder`."""
    study = read_json(folder / "study.json")
    metric = METRICS[study["metric"]]
    trials, importance = read_trials(folder, metric), read_csv(folder / "importance.csv")
    courses: dict[str, Chart] = {"The course of the search": history_chart(trials, metric)}
    if len(importance):
        courses["Which parameter mattered"] = importance_chart(importance)
    parameters = parameter_charts(trials, study["space"], metric)
    pages.save_charts(folder, dict(zip(("history", "importance"), courses.values(), strict=False)))
    pages.save_charts(folder, {f"parameter-{name}": chart for name, chart in parameters.items()})
    context = {
        "folds": read_config(folder / "config.yaml").folds or 1,
        "findings": search_findings(folder),
        "courses": courses,
        "parameters": parameters,
        "trials": records(trials),
        "best_number": best_of(trials, metric)["trial"],
        "metric": metric,
        "course": course_title(metric),
        "best_text": (folder / "best.yaml").read_text(encoding="utf-8"),
    }
    return write_study_page(
        folder, "search.html", context, {"shown": lambda value: metric.shown(value).removesuffix(" %")}
    )


def search_findings(folder: Path) -> list[str]:
    """What a search says, in sentences."""
    study = read_json(folder / "study.json")
    metric = METRICS[study["metric"]]
    trials, name = read_trials(folder, metric), metric.column
    rows = read_sweep_table(folder / "best.csv")
    held_out = {row["value"]: row for row in records(rows[rows["covers"] == VALIDATION])}
    best, top = held_out["best"], best_of(trials, metric)
    chosen = ", ".join(f"{key} = {top[key]}" for key in study["space"])
    ends = (metric.shown(best[f"{name}_{end}"]).removesuffix(" %") for end in ("low", "high"))
    sentences = [
        (
            f"{study['classifier']} did best with {chosen}: {metric.of(best[name], 'validation covers')} "
            f"({' to '.join(ends)})."
        ),
        *corrected_words(best, metric),
    ]
    if own := held_out.get("own"):
        gain, low, high = -own["difference"], -own["difference_high"], -own["difference_low"]
        if own["best"]:  # the mean of the folds and all folds together may disagree
            gain, low, high = (best[f"difference{end}"] for end in ("", "_low", "_high"))
        sure = "" if low > 0 else ": this may be nothing"
        sentences.append(
            f"With the classifier's own values {metric.shown(own[name])}; the search brought "
            f"{gain_words(metric, gain)} {'points' if metric.percent else metric.gain} "
            f"({gain_words(metric, low)} to {gain_words(metric, high)}){sure}."
        )
    elif top["own"]:
        sentences.append("Those are the classifier's own values: nothing better was found.")
    counts = trials["state"].value_counts()
    others = ", ".join(f"{n} {state}" for state, n in counts.items() if state != "finished")
    sentences.append(
        f"{how_many(len(trials), 'trial')}, {counts['finished']} finished{f', {others}' if others else ''}."
    )
    return sentences


def read_trials(folder: Path, metric: Metric) -> pd.DataFrame:
    """`trials.csv`, its parameters as text."""
    # a value may be called "null" or "none"
    frame = read_csv(folder / "trials.csv", dtype=str, keep_default_na=False, na_values={})
    numbers = {name: pd.to_numeric(frame[name]) for name in (metric.column, "last", "after", "seconds")}
    return frame.assign(**numbers, trial=frame["trial"].astype(int), own=frame["own"] == "True")
