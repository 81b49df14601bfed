"""Numbers and names as pages say them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from math import floor, isnan, log10
from typing import Any

import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.evaluation.intervals import Interval

NOISE = 1e-6  # a value nearer to 0 is 0 but for rounding
# score -> what the page calls it; all but the log loss are proportions, shown in percent
SCORE_LABELS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "top3_accuracy": "top-3 accuracy",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
    "precision_macro": "macro precision",
    "recall_macro": "macro recall",
    "precision_weighted": "weighted precision",
    "recall_weighted": "weighted recall",
    "f1_weighted": "weighted F1",
}
# of covers that may have several genres
SET_LABELS = {
    "f1_macro": "macro F1",
    "f1_micro": "micro F1",
    "average_precision": "average precision",
    "accuracy": "all genres right",
    "balanced_accuracy": "macro recall",
    "hamming_loss": "Hamming loss",
    "ranking_loss": "ranking loss",
    "log_loss": "log loss",
    "brier": "Brier score",
}
MAIN_SET_SCORES = ("f1_macro", "f1_micro", "average_precision", "accuracy", "hamming_loss", "log_loss")
MAIN_SCORES = ("accuracy", "balanced_accuracy", "f1_macro", "top3_accuracy", "log_loss", "ece")
# what a split is called: in a heading, and after a number of covers
SPLIT_LABELS = {"test": "test", "validation": "validation", "folds": "all folds"}
HELD_OUT_WORDS = {
    "test": "test {}s",
    "validation": "validation {}s",
    "folds": "{}s, each judged by a model that had not seen it",
}


def held_out_words(split: str, item: str) -> str:
    """What covers of a split are called after their number; `item`: what one is called."""
    return HELD_OUT_WORDS[split].format(item)


# of folds that were drawn once
FEW_FOLDS = "few folds: some intervals come out too short, others too long"
SHOWN_CONFIDENCE = 0.4  # a text box read less surely is no word: most of what lies below is no word at all


def percent(proportion: float, digits: int = 1) -> str:
    """0.5132 -> "51.3 %", with a space that does not break."""
    return f"{100 * proportion:.{digits}f}\u00a0%"


def spread(interval: Interval, scale: float = 100, digits: int = 1) -> str:
    """The two ends of an interval, in percent by default: "46.3 to 56.1"."""
    return f"{scale * interval.low:.{digits}f}\u2013{scale * interval.high:.{digits}f}"


def scored(interval: Interval, proportion: bool = True) -> str:
    """A score over its interval under a heading of `headed`: "28.0 (24.1-32.2)", with an en dash.

    Args:
        interval: of the score; one without ends is the value alone.
        proportion: shown in percent; of a loss as it is.
    """
    scale, digits = (100, 1) if proportion else (1, 3)
    value = f"{scale * interval.value:.{digits}f}"
    return value if isnan(interval.low) else f"{value} ({spread(interval, scale, digits)})"


def headed(label: str, proportion: bool = True) -> str:
    """What stands above a column of scores: "accuracy, %"; a loss has no unit."""
    return f"{label}, %" if proportion else label


def points(difference: float) -> str:
    """0.031 -> "+3.1", as `signed`."""
    return signed(100 * difference, 1)


def value_words(metric: Metric, value: float) -> str:
    """A value of a metric: in percent where it is a proportion, else with three digits."""
    return percent(value) if metric.percent else f"{value:.3f}"


def interval_words(metric: Metric, interval: Interval) -> str:
    """The two ends of a metric's interval, as `value_words` shows its value."""
    return spread(interval) if metric.percent else spread(interval, 1, 3)


def gain_words(metric: Metric, difference: float) -> str:
    """How much better something is by a metric, with a true minus sign."""
    return metric.in_words(difference)


def score_labels(several: bool = False) -> dict[str, str]:
    """Score -> what it is called, of covers of one genre each or of several."""
    return SET_LABELS if several else SCORE_LABELS


def main_scores(metric: Metric, genres: int, several: bool = False) -> tuple[str, ...]:
    """The scores that tables show: the usual ones, and that of the metric that models are ranked by.

    Of three genres or fewer the right one is always among the top three.
    """
    if several:
        return tuple(dict.fromkeys((metric.column, *MAIN_SET_SCORES)))
    void = {"top3_accuracy"} if genres <= 3 else set()
    return tuple(name for name in dict.fromkeys((*MAIN_SCORES, metric.column)) if name not in void)


def region(rope: float, percent: bool = True) -> str:
    """0.01 -> "1 point", as differences that do not matter are named; of a loss as it is."""
    if not percent:
        return f"{rope:g}"
    return f"{100 * rope:g} point{'' if rope == 0.01 else 's'}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each by its columns' names."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def signed(value: float, digits: int = 2) -> str:
    """0.5 -> "+0.50", with a true minus sign; what rounds to nothing has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "\u2212")


def digits_of(doubt: float) -> int:
    """How many digits a value with this half-interval needs: 3, or up to 6 so that two of it show."""
    return min(max(3, 1 - floor(log10(doubt))), 6) if doubt > 0 else 3


def effect(value: float) -> str:
    """An effect on a prediction: one digit, two below 1, with a true minus sign; "0" where it is nothing."""
    text = signed(value, 1 if abs(value) >= 0.995 else 2)
    return "0" if text == "0.00" else text


def p_value(p: float) -> str:
    """A p as people read it: "< 0.001" or three digits. Tables for programs keep the number."""
    return "<\u00a00.001" if p < 0.001 else f"{p:.3f}"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return ", ".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"


def day(stamp: str) -> str:
    """When something was made: an ISO stamp as people write it, "29 November 2026, 18:00 UTC"."""
    when = datetime.fromisoformat(stamp)
    zone = f" {when.tzname()}" if when.tzname() else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def capital(text: str) -> str:
    """With a capital at its beginning; the rest stays: "Macro F1"."""
    return text[:1].upper() + text[1:]


def brief(value: float, digits: int = 3) -> str:
    """So many significant digits, all of those before the point, with a true minus sign.

    Four digits have no comma: a year is 1975. What only rounding parts from 0 is 0.
    """
    if abs(value) < NOISE:
        return "0"
    whole = f"{value:.0f}" if abs(value) < 9999.5 else f"{value:,.0f}"
    text = whole if abs(value) >= 10**digits else f"{value:.{digits}g}"
    return text.replace("-", "\u2212")


def in_folder(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The folder that holds all covers, "" where there is none, and the paths as seen from it."""
    folder = common_folder(paths)
    return folder, [os.path.relpath(path, folder) if folder else path for path in paths]


def common_folder(paths: Sequence[str]) -> str:
    """The folder that holds all covers, "" where there is none."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # some absolute, some not
        return ""
