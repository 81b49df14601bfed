"""The page of a sweep: the validation curve and what it says; one file, no network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.epochs import epoch_charts, epoch_words
from coverfusion.experiments.drawing.study_pages import read_table, write_study_page
from coverfusion.experiments.drawing.words import gain_words, listed, records
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.tuning.judged import (
    best_words,
    can_choose,
    chance,
    few_words,
    is_corrected,
    judged_words,
    shown_config,
)
from coverfusion.experiments.tuning.sweep_charts import sweep_charts
from coverfusion.experiments.tuning.values import is_number, label
from coverfusion.fusion.registry import parameters_of

COLUMNS = ("accuracy", "log_loss", "f1_macro")  # of the page's table, whatever the metric
TEXT_COLUMNS = ("value", "part", "covers")
SAME = 1e-9  # scores that differ by less are ties


def write_sweep_page(folder: Path) -> Path:
    """Writes `figures/*.svg` and `index.html` from the tables in `folder`."""
    table, study, values = (
        read_values(folder),
        read_json(folder / "study.json"),
        read_json(folder / "values.json"),
    )
    parameter, metric = study["parameter"], SET_METRICS[study["metric"]]
    table = table.assign(top=table["best"])  # others are compared with it, whether it is marked or not
    held_out = table[table["covers"] == VALIDATION]
    if not sweep_chooses(folder):
        table = table.assign(best=False)  # nothing is marked
        held_out = table[table["covers"] == VALIDATION]
    epochs = read_sweep_table(folder / "epochs.csv") if (folder / "epochs.csv").is_file() else None
    charts = sweep_charts(table, values, parameter, chance(folder), metric)
    trainings = epoch_charts(epochs, parameter) if epochs is not None else {}
    pages.save_charts(folder, {f"sweep-{name.replace(' ', '-')}": chart for name, chart in charts.items()})
    pages.save_charts(folder, {f"epochs-{n}": chart for n, chart in enumerate(trainings.values(), 1)})
    context = {
        "corrected": is_corrected(records(held_out)[0]),
        "chooses": held_out["best"].any(),
        "config_text": shown_config(folder),
        "folds": pd.read_csv(folder / "folds.csv")["part"].nunique(),
        "findings": sweep_findings(folder),
        "metric": metric,
        "why": chance(folder).why,
        "has_column": metric.column in COLUMNS,
        "charts": charts,
        "marked": "Ringed" if "curve.svg" in {chart.template for chart in charts.values()} else "\u2605",
        "trainings": trainings,
        "training_words": epoch_words(epochs, parameter) if epochs is not None else "",
        "rows": records(held_out),
        "training": {row["value"]: row for row in records(table[table["covers"] != VALIDATION])},
        "default": label(parameters_of(study["classifier"])[parameter]),
    }
    return write_study_page(folder, "sweep.html", context, {"points": partial(gain_words, metric)})


def sweep_chooses(folder: Path) -> bool:
    """Whether enough covers judged the values to name the best of them."""
    table = read_values(folder)
    return can_choose(records(table[table["covers"] == VALIDATION])[0])


def sweep_findings(folder: Path) -> list[str]:
    """What a sweep says, in sentences."""
    values, study = read_json(folder / "values.json"), read_json(folder / "study.json")
    table, metric = read_values(folder), SET_METRICS[study["metric"]]
    held_out = table[table["covers"] == VALIDATION].set_index("value")
    best = str(held_out.index[held_out["best"].eq(True)][0])
    of_best = {row["covers"]: row for row in records(table[table["value"] == best])}
    row, learnt = of_best[VALIDATION], of_best[TRAINING]
    name = metric.column
    if not can_choose(row):
        return few_words(folder, row, held_out[name], metric)
    others = held_out.drop(index=best)
    worse = others["difference_high"] < 0
    so_far = "" if worse.all() else ", but not significantly so,"
    sentences = [
        (
            f"{study['classifier']} does best{so_far} with {study['parameter']} = {best}: "
            f"{best_words(row, metric)}, "
            f"and {metric.shown(learnt[name])} {'of' if name == 'accuracy' else 'on'} those that it "
            "learnt from."
        ),
    ]
    tied = others.index[np.isclose(others[name], row[name], rtol=0, atol=SAME)].tolist()
    if tied and name != "log_loss":
        losses = [f"{others.loc[value, 'log_loss']:.3f}" for value in tied]
        sentences.append(
            f"{listed(tied)} do{'es' if len(tied) == 1 else ''} as well; {best} has the lower log loss "
            f"({row['log_loss']:.3f} against {listed(losses)})."
        )
    sentences += judged_words(folder, row, metric)
    unit = "points" if metric.percent else metric.gain
    # the intervals hold for all values at once, so "significantly" is said wrongly in at most 5 % of studies
    for which, names in (
        ("Significantly worse", others.index[worse]),
        ("Not significantly worse", others.index[~worse & ~others.index.isin(tied)]),
    ):
        if len(names):
            spoken = ", ".join(
                f"{value} ({gain_words(metric, others.loc[value, 'difference'])} {unit})" for value in names
            )
            sentences.append(f"{which}: {spoken}.")
    ends = (label(values[0]), label(values[-1]))
    top = [value for value in (best, *tied) if value in ends]
    if 0 < len(top) < 2 and len(values) > 2 and all(map(is_number, values)):
        end = "smallest" if top[0] == ends[0] else "largest"
        sentences.append(
            f"{top[0]} is the {end} value tried: a {end.replace('est', 'er')} one may be better still."
        )
    return sentences


def read_values(folder: Path) -> pd.DataFrame:
    """`values.csv`, its values as text."""
    return read_sweep_table(folder / "values.csv")


def read_sweep_table(path: Path) -> pd.DataFrame:
    """A table of a sweep or of the best of a search; what names a value or a part is text."""
    frame = read_table(path, (*TEXT_COLUMNS, "best"))
    return frame.assign(best=frame["best"] == "True") if "best" in frame else frame
