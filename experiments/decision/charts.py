"""Charts of a decision study: risk against coverage, reliability, genre sets and genres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from coverfusion.experiments.decision.findings import SPOKEN_GUARANTEE
from coverfusion.experiments.decision.tables import RULE_BY_GENRE, summarised_sets
from coverfusion.experiments.drawing.charts import Axis, Chart
from coverfusion.experiments.drawing.curves import (
    PERCENT,
    Counted,
    Curve,
    Series,
    Spot,
    calibration_curve,
    height_axis,
)
from coverfusion.experiments.drawing.forest import END, START, Forest, Row, proportion_forest
from coverfusion.experiments.drawing.words import records
from coverfusion.fusion.uncertainty.decision import BY_GENRE, MARGINAL

RULES = {
    "guaranteed": "one threshold, 90 % confidence",
    RULE_BY_GENRE: "a threshold for each genre, 90 % confidence",
    "plain": "one threshold, no guarantee",
}
KINDS = {BY_GENRE: "each genre's covers", MARGINAL: "all covers together"}
THRESHOLDS = {BY_GENRE: "one for each genre", MARGINAL: "one for all"}
BY_GENRE_HEADING = "By genre"
CALIBRATED = "Are the probabilities right?"
FIRST_POINTS = 4  # of the curve: they stand for so few covers that their intervals would fill the plot


def decision_charts(tables: Mapping[str, pd.DataFrame], target: float) -> dict[str, dict[str, Chart]]:
    """Heading -> charts by their titles.

    Args:
        tables: of `decision.study`.
        target: proportion of wrong predictions to speak of.
    """
    return {
        "How many are wrong among the most confident predictions": {
            "Wrong against coverage": risk_coverage_chart(
                tables["risk_coverage"], tables["abstention"], target
            )
        },
        CALIBRATED: _calibrations(tables["reliability"]),
        "What genre sets hold, and how large they are": dict(_sets(tables["sets"])),
        BY_GENRE_HEADING: dict(_genres(tables, target)),
    }


def _calibrations(bins: pd.DataFrame) -> dict[str, Chart]:
    """Before and after, or one chart where calibration left all as it was."""
    before, after = (bins[bins["when"] == when].drop(columns="when") for when in ("before", "after"))
    if np.allclose(before.to_numpy(float), after.to_numpy(float)) if len(before) == len(after) else False:
        return {"Probabilities, left as they were": _reliability(before, "uncalibrated")}
    return {
        "Before calibration": _reliability(before, "before calibration"),
        # each point by what other covers chose, which the bundle, that learns from all, may not use
        "After calibration (method chosen on other covers)": _reliability(
            after, "after calibration by the method chosen on other covers"
        ),
    }


def _genres(tables: Mapping[str, pd.DataFrame], target: float) -> Iterator[tuple[str, Forest]]:
    """What sets hold by genre, and how many predictions are wrong, where there are any."""
    yield (
        "Sets that hold the genre's covers",
        _by_genre(
            tables["sets_by_genre"].query("guarantee == @SPOKEN_GUARANTEE"),
            "sets",
            "coverage",
            f"{100 * SPOKEN_GUARANTEE:g} % sets that hold the true genre, %",
            SPOKEN_GUARANTEE,
            "guarantee",
        ),
    )
    if tables["predicted"]["answered"].any():
        yield (
            "Wrong among covers predicted as the genre",
            _by_genre(
                tables["predicted"],
                "thresholds",
                "error",
                "wrong among its predictions by guaranteed thresholds, %",
                target,
                "target",
                THRESHOLDS,
            ),
        )


def risk_coverage_chart(curve: pd.DataFrame, abstention: pd.DataFrame, target: float) -> Curve:
    """The error among predictions against coverage, and where the target's thresholds end up."""
    rows = [{name: 100 * float(value) for name, value in row.items()} for row in records(curve)]
    stable = rows[FIRST_POINTS:] or rows
    asked = abstention[(abstention["target"] == "error") & (abstention["wished"] == target)]
    series = [
        Series(
            "most confident first, with its interval",
            0,
            line=[(row["coverage"], row["error"]) for row in rows],
            band=[(row["coverage"], row["low"], row["high"]) for row in rows],
        ),
        Series(
            "a perfect order: all mistakes last",
            6,
            dashes=[(row["coverage"], row["perfect_order"]) for row in rows],
        ),
    ]
    for number, (rule, words) in enumerate(RULES.items(), 1):
        kept = records(asked[(asked["rule"] == rule) & (asked["answered"] > 0)])
        spots = [
            Spot(*(100 * row[name] for name in ("coverage", "error", "error_low", "error_high")))
            for row in kept
        ]
        series += [Series(words, number, spots)] if spots else []
    ends = [spot.high for each in series for spot in each.spots]
    y = height_axis([0, 5, *ends, *(row["high"] for row in stable), 100 * target], 0, 100)
    return Curve(
        title="Wrong among predictions, the most confident first",
        x=PERCENT,
        y=y,
        x_label="coverage: covers with a prediction, %",
        y_label="wrong among them, %",
        series=series,
        x_ticks=[(float(tick), str(tick)) for tick in range(0, 101, 20)],
        shown="{:.1f}".format,
        line=100 * target,
        line_label=f"target: {100 * target:g} %",
    )


def _reliability(bins: pd.DataFrame, when: str) -> Curve:
    names = ("confidence", "accuracy", "accuracy_low", "accuracy_high")
    rows = records(bins)
    return calibration_curve(
        f"How often predictions are right against their probability, {when}",
        [Spot(*(100 * row[name] for name in names)) for row in rows],
        [Counted(100 * row["low"], 100 * row["high"], int(row["covers"])) for row in rows],
    )


def _sets(sets: pd.DataFrame) -> dict[str, Forest]:
    """How often sets hold the true genre over the splits, and how many genres they name."""
    summary = records(summarised_sets(sets).sort_values(["guarantee", "method", "sets"], kind="stable"))
    genres = sum(str(name).startswith("coverage_") for name in sets)
    held, sizes = [], []
    for row in summary:
        group = list(KINDS).index(row["sets"])
        label = f"{row['method'].upper()}, {KINDS[row['sets']]}"
        heading = f"guarantee {100 * row['guarantee']:g} %"
        value, low, high = (row[name] for name in ("coverage", "lowest", "highest"))
        held.append(Row(label, value, low, high, group=group, heading=heading).scaled(100))
        sizes.append(Row(label, row["size"], group=group, heading=heading))
    return {
        "Sets that hold the true genre": proportion_forest(
            "Sets that hold the true genre, mean, lowest and highest of the splits",
            held,
            "coverage, %: mean, lowest and highest split",
        ),
        "Genres in a set": Forest(
            title="Genres in a set, mean",
            rows=sizes,
            axis=Axis(0.0, float(genres), START, END),
            axis_label=f"genres in a set, mean, of {genres}",
            shown="{:.2f}".format,
            tick="{:g}".format,
            bars=True,
        ),
    }


def _by_genre(
    rows: pd.DataFrame,
    column: str,
    value: str,
    axis_label: str,
    line: float,
    line_label: str,
    kinds: Mapping[str, str] = KINDS,
) -> Forest:
    """A row a genre and kind, beside what was asked for."""
    drawn = [
        Row(
            label=kinds[row[column]],
            value=row[value],
            low=row[f"{value}_low"],
            high=row[f"{value}_high"],
            group=list(kinds).index(row[column]),
            heading=str(row["genre"]),
            missing="no prediction",
        ).scaled(100)
        for _, part in rows.groupby("genre", sort=False)
        for row in records(part)
    ]
    return Forest(
        title=axis_label,
        rows=drawn,
        axis=Axis(0.0, 100.0, START, END),
        axis_label=axis_label,
        shown="{:.1f}".format,
        tick="{:g}".format,
        line=100 * line,
        line_label=f"{line_label}: {100 * line:g} %",
    )
