"""The page of a search: what was found, its course, every trial; one file, no network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import Chart
from coverfusion.experiments.drawing.study_pages import write_study_page
from coverfusion.experiments.drawing.words import brief, gain_words, records
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.pipeline.cached_fits import VALIDATION
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.tuning.judged import (
    best_words,
    can_choose,
    chance,
    few_words,
    is_corrected,
    judged_words,
)
from coverfusion.experiments.tuning.search_charts import (
    best_of,
    best_spot,
    course_title,
    history_chart,
    importance_chart,
    parameter_charts,
)
from coverfusion.experiments.tuning.sweep_page import SAME, read_sweep_table

EDGE = 0.02  # of a range, at either end


def write_search_page(folder: Path) -> Path:
    """Writes `figures/*.svg` and `index.html` from the tables in `folder`."""
    study = read_json(folder / "study.json")
    metric = SET_METRICS[study["metric"]]
    trials, importance = read_trials(folder, metric), read_csv(folder / "importance.csv")
    rows = read_sweep_table(folder / "best.csv")
    line = chance(folder)
    folds = read_config(folder / "config.yaml").folds or 1
    course = course_title(metric, folds)
    found = best_spot(trials, rows, metric, search_chooses(folder))
    courses: dict[str, Chart] = {
        "The course of the search": history_chart(trials, metric, found, line, course)
    }
    if len(importance):
        courses["Which parameter mattered"] = importance_chart(importance)
    parameters = parameter_charts(trials, study["space"], metric, found, line, course)
    pages.save_charts(folder, dict(zip(("history", "importance"), courses.values(), strict=False)))
    pages.save_charts(folder, {f"parameter-{name}": chart for name, chart in parameters.items()})
    held_out = {row["value"]: row for row in records(rows[rows["covers"] == VALIDATION])}
    context = {
        "corrected": is_corrected(held_out["best"]),
        "brought": search_chooses(folder) and "own" in held_out,
        "folds": folds,
        "findings": search_findings(folder),
        "courses": courses,
        "stopped": bool((trials["state"] == "stopped").any()),
        "ranked": len(importance) > 0,
        "parameters": parameters,
        "trials": records(trials),
        "chooses": search_chooses(folder),
        "best_number": best_of(trials)["trial"] if search_chooses(folder) else 0,
        "metric": metric,
        "why": line.why if metric.name == "accuracy" else "",
        "course": course,
        "best_text": (folder / "best.yaml").read_text(encoding="utf-8"),
    }
    return write_study_page(
        folder, "search.html", context, {"shown": lambda value: metric.shown(value).removesuffix(" %")}
    )


def search_findings(folder: Path) -> list[str]:
    """What a search says, in sentences."""
    study = read_json(folder / "study.json")
    metric = SET_METRICS[study["metric"]]
    trials, name = read_trials(folder, metric), metric.column
    rows = read_sweep_table(folder / "best.csv")
    held_out = {row["value"]: row for row in records(rows[rows["covers"] == VALIDATION])}
    best, top = held_out["best"], best_of(trials)
    chosen = ", ".join(f"{key} = {_spoken(top[key])}" for key in study["space"])
    counts = trials["state"].value_counts()
    parts = [f"{n} {state}" for state, n in counts.items()]
    done = f"{how_many(len(trials), 'trial')}{': ' + ', '.join(parts) if len(parts) > 1 else ''}."
    if not can_choose(best):
        return [*few_words(folder, best, trials[name], metric), done]
    sentences = [f"{study['classifier']} did best with {chosen}: {best_words(best, metric)}."]
    tied = int(np.isclose(trials[name].dropna(), top[name], rtol=0, atol=SAME).sum()) - 1
    if tied:
        sentences.append(
            f"{tied} other trial{' does' if tied == 1 else 's do'} as well; this one has the lowest log loss."
        )
    sentences += judged_words(folder, best, metric)
    sentences += [word for key, of in study["space"].items() if (word := _edge_words(key, of, top[key]))]
    if own := held_out.get("own"):
        gain, low, high = -own["difference"], -own["difference_high"], -own["difference_low"]
        if own["best"]:  # the mean of the folds and all folds together may disagree
            gain, low, high = (best[f"difference{end}"] for end in ("", "_low", "_high"))
        sure = "" if low > 0 else ", not significantly more"
        sentences.append(
            f"With the default values {metric.shown(own[name])}; the search brought "
            f"{gain_words(metric, gain)} {'points' if metric.percent else metric.gain} "
            f"({gain_words(metric, low)} to {gain_words(metric, high)}){sure}."
        )
    elif top["own"]:
        sentences.append("Those are the default values: nothing better was found.")
    return [*sentences, done]


def search_chooses(folder: Path) -> bool:
    """Whether enough covers judged the trials to recommend the best of them."""
    rows = read_sweep_table(folder / "best.csv")
    return can_choose(records(rows[rows["covers"] == VALIDATION])[0])


def _spoken(value: str) -> str:
    """A value as a sentence has it: a number with three digits."""
    try:
        return brief(float(value))
    except ValueError:
        return value


def _edge_words(name: str, of: Mapping[str, Any], value: str) -> str:
    """That the best lies at an end of its range, where it does."""
    if "values" in of:
        return ""
    low, high, at = (math.log(x) if of["log"] else float(x) for x in (of["low"], of["high"], float(value)))
    place = (at - low) / (high - low) if high > low else 0.5
    if EDGE <= place <= 1 - EDGE:
        return ""
    end, other = ("lower", "smaller") if place < EDGE else ("upper", "larger")
    return f"{name} is at the {end} end of its range: a {other} one may be better still."


def read_trials(folder: Path, metric: Metric) -> pd.DataFrame:
    """`trials.csv`, its parameters as text."""
    # a value may be called "null" or "none"
    frame = read_csv(folder / "trials.csv", dtype=str, keep_default_na=False, na_values={})
    numbers = {name: pd.to_numeric(frame[name]) for name in (metric.column, "last", "after", "seconds")}
    flags = {name: frame[name] == "True" for name in ("own", "best")}
    return frame.assign(**numbers, trial=frame["trial"].astype(int), **flags)
