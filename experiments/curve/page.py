"""The page of a learning-curve study: what more covers would bring; one file, no network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.experiments.curve.balance import BALANCES
from coverfusion.experiments.curve.charts import balance_charts, curve_charts
from coverfusion.experiments.curve.power_law import MIN_SIZES
from coverfusion.experiments.curve.room import Room, room_of
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.pages import Filters
from coverfusion.experiments.drawing.study_pages import read_table, write_study_page
from coverfusion.experiments.drawing.words import interval_words, points, records
from coverfusion.experiments.evaluation.chosen_metric import METRICS, SET_METRICS, Metric
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.provenance import read_json

# why a curve is not believed: in a word and in a sentence
DOUBTS = {
    "short": ("", ""),  # `short_of` says what is lacking
    "flat": (
        "no significant rise",
        "no significant rise (too flat, or too few covers), so nothing is predicted",
    ),
    "unsure": ("may be nothing", "this may be nothing"),
    "rising": ("", ""),
}
ALPHA = 0.05
TEXT_COLUMNS = ("classifier", "balance", "genre", "score", "verdict")


def write_curve_page(folder: Path) -> Path:
    """Writes `figures/*.svg` and `index.html` from the tables in `folder`."""
    laws, pooled, balance = (
        read_table(folder / f"{name}.csv", TEXT_COLUMNS) for name in ("powerlaw", "pooled", "balance")
    )
    metric, facts = curve_metric(folder), read_json(folder / "curve.json")
    charts, balances = curve_charts(pooled, laws, facts["baseline"], metric), {}
    if balance["balance"].nunique() > 1:
        balances = balance_charts(balance)
    pages.save_charts(folder, {f"curve-{name}": chart for name, chart in charts.items()})
    pages.save_charts(folder, {f"balance-{name}": chart for name, chart in balances.items()})
    context = {
        "findings": curve_findings(laws, room_of(folder), metric),
        "metric": metric,
        "unit": _unit(metric),
        "costs": [cost for cost in map(balance_finding, _balanced(balance)) if cost],
        "charts": charts,
        "balance_charts": balances,
        "laws": records(laws),
        "fitted": bool((laws["verdict"] != "short").any()),
        "forecast": bool(laws["verdict"].isin(["unsure", "rising"]).any()),
        "points": records(pooled[pooled["score"] == metric.column]),
        "balance": records(balance[balance["score"].isin(["accuracy", "f1_macro", "f1"])]),
        "balances": BALANCES,
        "doubts": DOUBTS,
        "short_of": short_of,
    }
    filters: Filters = {
        "points": points,
        "gain": partial(_signed, metric=metric),
        "shown": lambda value: metric.shown(value).removesuffix(" %"),
    }
    return write_study_page(folder, "curve.html", context, filters, study="curve.json")


def curve_metric(folder: Path) -> Metric:
    """The metric that a study's curves are of."""
    return SET_METRICS[read_json(folder / "curve.json")["metric"]]


def curve_findings(laws: pd.DataFrame, room: Room, metric: Metric = METRICS["accuracy"]) -> list[str]:
    """What doubling the data would bring, in words: a sentence a classifier, for the balance tried first."""
    return [_finding(law, room, metric) for law in records(laws[laws["balance"] == laws["balance"].iloc[0]])]


def _finding(law: dict[str, Any], room: Room, metric: Metric) -> str:
    doubt = DOUBTS[law["verdict"]][1]
    start = (
        f"{law['classifier']} ({BALANCES[law['balance']]}): {_value(law, metric)} with "
        f"{law['largest']:,} training covers"
    )
    so_far = f"each doubling so far brought {_spread(law, 'per_doubling', metric)} on average"
    last = ""
    if law["last_step_low"] > 0 and not pd.isna(law["per_doubling"]):
        last = f", the last step {_spread(law, 'last_step', metric)}"
    if law["verdict"] == "short":
        if law["per_doubling_low"] <= 0 <= law["per_doubling_high"]:
            so_far += ", which is not significant"
        rise = f"; {so_far}{last}" if law["per_doubling"] == law["per_doubling"] else ""
        return f"{start}{rise}. No forecast, {_too_short(law)}. {room.advice(int(law['largest']))}"
    if law["verdict"] == "flat":
        return f"{start}; {so_far}{last}: {doubt}."
    ahead = f"the next would bring about {_spread(law, 'gain', metric)}"
    check = ""
    if law["missed"] == law["missed"]:
        missed = f"{_signed(law['missed'], metric)} {_unit(metric)}"
        check = f" (without the last size the same curve would have missed it by {missed})"
    return f"{start}; {so_far}, {ahead}{check}{'; ' + doubt if doubt else ''}."


def short_of(law: Mapping[str, Any]) -> str:
    """What a curve lacks to be fitted, in a word or two; "" where it is fitted."""
    if law["verdict"] != "short":
        return ""
    return "sizes too few" if law["sizes"] < MIN_SIZES else "sizes too close"


def _too_short(law: dict[str, Any]) -> str:
    """Why no curve is fitted."""
    if law["sizes"] < MIN_SIZES:
        return f"sizes too few: there are {law['sizes']:.0f}"
    return f"sizes too close: the largest is {law['largest'] / law['smallest']:.1f} times the smallest"


def _value(law: dict[str, Any], metric: Metric) -> str:
    value = metric.shown(law[metric.column])
    ends = interval_words(metric, Interval(*(law[f"{metric.column}{end}"] for end in ("", "_low", "_high"))))
    return f"{value} right ({ends})" if metric.name == "accuracy" else f"{metric.label} {value} ({ends})"


def balance_finding(scores: dict[str, Any]) -> str:
    """What one balance gives and costs against none, in words; "" where there is nothing to compare with.

    Args:
        scores: row of `balance.csv` by its score (of all genres), and `genres` with those of F1.
    """
    accuracy, f1 = scores["accuracy"], scores["f1_macro"]
    if pd.isna(accuracy["difference"]):
        return ""
    sure = [row for row in scores["genres"] if row["p_holm"] < ALPHA]
    named = ", ".join(f"{row['genre']} {points(row['difference'])}" for row in sure)
    return (
        f"{accuracy['classifier']}, {BALANCES[accuracy['balance']]} against no balancing: accuracy "
        f"{_spread(accuracy, 'difference')}, macro F1 {_spread(f1, 'difference')}; F1 of genres that "
        f"significantly changed: {named or 'none'}."
    )


def _spread(row: dict[str, Any], name: str, metric: Metric = METRICS["accuracy"]) -> str:
    """A gain with its interval: "+1.9 points (+0.4 to +3.3)"."""
    gain, low, high = (_signed(row[f"{name}{end}"], metric) for end in ("", "_low", "_high"))
    return f"{gain} {_unit(metric)} ({low} to {high})"


def _signed(gain: float, metric: Metric) -> str:
    return metric.in_words(gain)


def _unit(metric: Metric) -> str:
    return "points" if metric.percent else metric.gain


def _balanced(balance: pd.DataFrame) -> list[dict[str, Any]]:
    """For each classifier and balance: the rows of `balance_finding`."""
    compared = []
    for _, part in balance.groupby(["classifier", "balance"], sort=False):
        overall = {row["score"]: row for row in records(part[part["genre"] == ""])}
        genres = records(part[(part["genre"] != "") & (part["score"] == "f1")])
        compared.append({**overall, "genres": genres})
    return compared
