"""A decision study of covers that may have several genres, as people read it: findings, tables and charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from coverfusion.experiments.decision.findings import SPOKEN_GUARANTEE
from coverfusion.experiments.decision.several_tables import sets_of_genres, summarised_several
from coverfusion.experiments.decision.shown import ShownTable, print_tables, read_tables
from coverfusion.experiments.decision.tables import SET_SPLITS
from coverfusion.experiments.drawing.charts import Axis, Chart
from coverfusion.experiments.drawing.curves import Counted, Spot, calibration_curve
from coverfusion.experiments.drawing.forest import END, START, Forest, Row, proportion_forest
from coverfusion.experiments.drawing.words import percent, records, scored
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.console import console

GENRES_RIGHT = "Are each genre's probabilities right?"
PROBABILITY_OF = "Probability of "  # and the genre: a chart's title
SETS_HOLD = "What genre sets hold"
SURE = 1.96  # standard deviations of one split; the mean of several varies by less
SPLITS_TEXT = f"mean, then lowest to highest of {SET_SPLITS} random splits"
CAPTIONS = {
    GENRES_RIGHT: "Bars: how many covers stand behind each point. On the dashed line they are right.",
    SETS_HOLD: "A set holds each genre whose probability is above one threshold, learnt on the other half of "
    "these covers. The guarantee is over the genres of a cover on average, not over those of one genre.",
}


def several_findings(
    classifier: str, covers: int, tables: Mapping[str, pd.DataFrame], nearest: str
) -> list[str]:
    """Sentences on one classifier.

    Args:
        classifier: whose tables they are.
        covers: how many were held out.
        tables: name -> table of `several_tables`.
        nearest: from `pipeline.genre_thresholds.nearest_words`.
    """
    genres = tables["calibration"]
    sets = next(
        row for row in records(summarised_several(tables["sets"])) if row["guarantee"] == SPOKEN_GUARANTEE
    )
    worst = records(genres.assign(more=genres["ece"] - genres["chance_ece"]).nlargest(1, "more"))[0]
    guarantee, wrong = f"{100 * SPOKEN_GUARANTEE:g} %", percent(worst["ece"])
    by_genre = records(sets_of_genres(tables["sets"], SPOKEN_GUARANTEE))
    return [
        (
            f"Sets that guarantee {guarantee} of a cover's genres hold {percent(sets['held'])} of them, with "
            f"{sets['size']:.2f} of {len(genres)} genres on average. {_chance_words(sets)} "
            "The guarantee is of a new cover, on average over all that sets may be learnt from."
        ),
        (
            f"{classifier}, on {covers:,} covers not used to choose the model: the probability of "
            f"{worst['genre']} has the largest calibration error beyond chance, {wrong} "
            f"({percent(worst['chance_ece'])} by chance alone)."
        ),
        "No prediction is held back: a cover is called each genre whose probability reaches its threshold. "
        + nearest,
        *(
            f"{row['genre']}: {guarantee} sets hold it for {percent(row['held'])} of its covers, "
            f"and for {percent(row['beside'])} of the others."
            for row in by_genre
        ),
    ]


def _chance_words(sets: Mapping[str, float]) -> str:
    """Whether what sets hold differs from their guarantee by more than splits differ."""
    over = (
        f"Over {SET_SPLITS} random splits it was {percent(sets['lowest'])} to {percent(sets['highest'])}, "
        "with a standard deviation of "
        f"{100 * sets['deviation']:.1f} points"
    )
    away = sets["held"] - sets["guarantee"]
    if abs(away) <= SURE * sets["deviation"]:
        return f"{over}: the difference is within chance."
    return f"{over}: {'more' if away > 0 else 'less'} than guaranteed, beyond chance."


def several_shown(tables: Mapping[str, pd.DataFrame]) -> list[ShownTable]:
    """What sets hold, over all covers and by genre, and how far each genre's probability is off."""
    genres = len(tables["calibration"])
    held = "hold of a cover's genres, %"
    sets = pd.DataFrame(
        [
            {
                "guarantee": f"{100 * row['guarantee']:g} % of a cover's genres",
                held: _over_splits(row),
                "hold all its genres, %": f"{100 * row['whole']:.1f}",
                f"genres in a set, of {genres}": f"{row['size']:.2f}",
            }
            for row in records(summarised_several(tables["sets"]))
        ]
    )
    by_genre = pd.DataFrame(
        [
            {
                "genre": row["genre"],
                "sets hold it for its covers, %": _over_splits(row),
                "for other covers, %": f"{100 * row['beside']:.1f}",
            }
            for row in records(sets_of_genres(tables["sets"], SPOKEN_GUARANTEE))
        ]
    )
    probabilities = pd.DataFrame(
        [
            {
                "genre": row["genre"],
                "covers": f"{row['covers']:,}",
                "have it, %": scored(Interval(row["having"], row["having_low"], row["having_high"])),
                "mean probability, %": f"{100 * row['probability']:.1f}",
                "calibration error, %": f"{100 * row['ece']:.1f}",
                "by chance alone, %": f"{100 * row['chance_ece']:.1f}",
            }
            for row in records(tables["calibration"])
        ]
    )
    return [
        ShownTable("Sets of genres", sets, f"{SPLITS_TEXT.capitalize()}. The command score makes such sets."),
        ShownTable(
            f"By genre, sets that guarantee {100 * SPOKEN_GUARANTEE:g} % of a cover's genres",
            by_genre,
            f"{SPLITS_TEXT.capitalize()}. No genre has a guarantee of its own.",
        ),
        ShownTable(
            "The probability of each genre",
            probabilities,
            "By chance alone: the error that perfect probabilities would show on so few covers.",
        ),
    ]


def several_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Chart]]:
    """Heading -> charts by their titles."""
    bins = tables["reliability"]
    return {
        SETS_HOLD: {
            "Genres that sets hold": _held_chart(summarised_several(tables["sets"])),
            "By genre": _genre_chart(sets_of_genres(tables["sets"], SPOKEN_GUARANTEE)),
        },
        GENRES_RIGHT: {
            f"{PROBABILITY_OF}{genre}": _calibration(str(genre), own)
            for genre, own in bins.groupby("genre", sort=False)
        },
    }


def _held_chart(sets: pd.DataFrame) -> Forest:
    rows = [
        Row(f"guarantee {100 * row['guarantee']:g} %", row["held"], row["lowest"], row["highest"]).scaled(100)
        for row in records(sets)
    ]
    title = "Proportion of a cover's genres that its set holds"
    return proportion_forest(title, rows, "held, %: mean, lowest and highest split")


def _genre_chart(genres: pd.DataFrame) -> Forest:
    return Forest(
        title=f"Covers of a genre whose {100 * SPOKEN_GUARANTEE:g} % set holds it",
        rows=[
            Row(row["genre"], row["held"], row["lowest"], row["highest"]).scaled(100)
            for row in records(genres)
        ],
        axis=Axis(0.0, 100.0, START, END),
        axis_label="its covers, %: mean, lowest and highest split",
        shown="{:.1f}".format,
        tick="{:g}".format,
    )


def _calibration(genre: str, bins: pd.DataFrame) -> Chart:
    rows = records(bins)
    names = ("probability", "having", "having_low", "having_high")
    curve = calibration_curve(
        f"How often covers are {genre} against the probability of it",
        [Spot(*(100 * row[name] for name in names)) for row in rows],
        [Counted(100 * row["low"], 100 * row["high"], int(row["covers"])) for row in rows],
    )
    line, having = curve.series
    return replace(
        curve,
        x_label=f"probability of {genre}, %",
        y_label=f"covers that are {genre}, %",
        series=[line, replace(having, name="covers, with a 95 % interval")],
    )


def _over_splits(row: Mapping[str, float]) -> str:
    return f"{100 * row['held']:.1f}; {100 * row['lowest']:.1f} to {100 * row['highest']:.1f}"


def print_several(folder: Path) -> None:
    """Prints what a study of several genres found."""
    for sentence in (folder / "findings.txt").read_text(encoding="utf-8").splitlines()[:3]:
        console.print(sentence)
    print_tables(several_shown(read_tables(folder)))
