"""The tables of a decision study as people read them, on the screen and on its page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.experiments.decision.findings import SPOKEN_GUARANTEE, calibration_words
from coverfusion.experiments.decision.tables import RULE_BY_GENRE, SET_SPLITS, summarised_sets
from coverfusion.experiments.drawing.study_pages import read_table
from coverfusion.experiments.drawing.words import records, scored
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.console import console, print_frame
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.fusion.uncertainty.conformal import DEFAULT, rows_needed
from coverfusion.fusion.uncertainty.decision import BY_GENRE, MARGINAL

THRESHOLD_WORDS = {
    "guaranteed": "one for all, 90 % confidence",
    RULE_BY_GENRE: "one for each genre, 90 % confidence",
    "plain": "one for all, no guarantee",
}
OVER_WORDS = {MARGINAL: "all covers", BY_GENRE: "each genre's covers"}
TRIED_TEXT = (
    "Each threshold is tried on covers that did not set it. The bundle's is set by all of them, one of each "
    "group; its card tells what it keeps of those same covers, so its figures differ a little."
)
NONE = "\u2013"
TEXTS = ("bundle", "classifier", "genre", "kind", "method", "rule", "sets", "target", "thresholds", "when")
PRINTED_ROWS = 20
FEW_COVERS = 10  # of fewer, a percentage says more than is known


@dataclass(frozen=True)
class ShownTable:
    """A table for people: its title, its cells as text, and what a column means."""

    title: str
    rows: pd.DataFrame
    note: str = ""


def shown_tables(classifier: str, tables: Mapping[str, pd.DataFrame], target: float) -> list[ShownTable]:
    """What abstaining brings, over all covers and by genre, and what sets of genres hold.

    Args:
        classifier: whose tables they are.
        tables: name -> table of `experiments.decision.tables`.
        target: the proportion of wrong predictions to speak of.
    """
    return [
        _abstaining(classifier, tables, target),
        _by_genre(tables, target),
        _sets(tables["sets"]),
    ]


def _abstaining(classifier: str, tables: Mapping[str, pd.DataFrame], target: float) -> ShownTable:
    rules, models = records(tables["abstention"]), records(tables["models"])
    own = next(row for row in models if row["classifier"] == classifier)
    asked = [row for row in rules if row["target"] == "error" and row["wished"] == target]
    whole = {"threshold": "none: every cover gets a prediction", "covers kept, %": "100.0"}
    rows = [whole | {"wrong among them, %": _spanned(own, "error_of_all")}]
    rows += [{"threshold": THRESHOLD_WORDS[row["rule"]]} | _kept(row) for row in asked]
    note = "Intervals of at least 95 %."
    if any(row["answered"] for row in asked if row["rule"] != "plain"):
        note += f" {TRIED_TEXT}"
    if not all(row["answered"] for row in asked):
        note += " 0.0: no prediction; the covers are too few, or too hard."
    missed = [row for row in asked if row["rule"] == "plain" and row["error"] > target]
    note += "".join(
        f" Without a guarantee the target was missed here: {round(row['error'] * row['answered'])} of "
        f"{row['answered']:,} predictions are wrong."
        for row in missed
    )
    return ShownTable(f"Abstaining, so that at most {100 * target:g} % are wrong", pd.DataFrame(rows), note)


def _by_genre(tables: Mapping[str, pd.DataFrame], target: float) -> ShownTable:
    """By the guaranteed threshold, or by the plain one where nothing can be guaranteed."""
    genres, sets = tables["genres"], tables["sets_by_genre"]
    answered = genres.loc[genres["rule"] == "guaranteed", "answered"].sum()
    rule = "guaranteed" if answered else "plain"
    spoken = sets[(sets["guarantee"] == SPOKEN_GUARANTEE) & (sets["sets"] == BY_GENRE)].set_index("genre")
    rows = [
        {"genre": row["genre"], "covers": f"{row['covers']:,}"}
        | _kept(row, row["covers"])
        | {"held by sets, %": _spanned(spoken.loc[row["genre"]], "coverage", row["covers"])}
        for row in records(genres[genres["rule"] == rule])
    ]
    needed, fewest = rows_needed(SPOKEN_GUARANTEE), int(spoken["learnt"].min())
    note = (
        f"Threshold: {THRESHOLD_WORDS[rule]}. Sets: of genres, as score makes them, to hold "
        f"{100 * SPOKEN_GUARANTEE:g} % of each genre's covers. Intervals of at least 95 %; of fewer than "
        f"{FEW_COVERS} covers, counts."
    )
    if fewest < needed:
        note += (
            f" A genre with fewer than {needed} held-out covers to learn from is in every set: they are too "
            "few to leave it out."
        )
    return ShownTable(f"By true genre, at a target of {100 * target:g} % wrong", pd.DataFrame(rows), note)


def _sets(sets: pd.DataFrame) -> ShownTable:
    genres = sum(str(name).startswith("coverage_") for name in sets)
    rows = []
    for row in records(summarised_sets(sets)):
        if row["method"] != DEFAULT:
            continue
        held = f"{100 * row['coverage']:.1f}; {100 * row['lowest']:.1f} to {100 * row['highest']:.1f}"
        every = _all_genres(row["size"], genres)  # says nothing: the true one is always among all
        rows.append(
            {
                "guarantee": f"{100 * row['guarantee']:g} % of {OVER_WORDS[row['sets']]}",
                "hold the true genre, %": "100.0" if every else held,
                f"genres in a set, of {genres}": "all" if every else f"{row['size']:.2f}",
            }
        )
    note = (
        "A set holds every genre above a threshold (LAC, least ambiguous classifier). Mean, then lowest to "
        f"highest of {SET_SPLITS} random splits; guaranteed is the mean over new covers. Score makes sets "
        "for each genre's covers."
    )
    return ShownTable("Sets of genres instead of one", pd.DataFrame(rows), note)


def _all_genres(size: float, genres: int) -> bool:
    """Whether a mean size is that of sets of all genres."""
    return math.isclose(size, genres)


def _kept(row: Mapping[str, Any], covers: float = math.inf) -> dict[str, str]:
    """The two columns of a threshold, of so many covers."""
    return {
        "covers kept, %": _spanned(row, "coverage", covers),
        "wrong among them, %": _spanned(row, "error", row["answered"]),
    }


def _spanned(row: Mapping[str, Any] | pd.Series, name: str, of: float = math.inf) -> str:
    """A proportion with its interval, or the counts themselves where it is `of` few covers."""
    value = row[name]
    if math.isnan(value):
        return NONE
    if of < FEW_COVERS:
        return f"{round(value * of)} of {round(of)}"
    return scored(Interval(value, row[f"{name}_low"], row[f"{name}_high"]))


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Name -> table of a study's folder, as `experiments.decision.study` wrote it."""
    return {file.stem: read_table(file, TEXTS) for file in sorted(folder.glob("*.csv"))}


def guaranteed_targets(tables: Mapping[str, pd.DataFrame]) -> list[float]:
    """The targets of a study, as proportions of wrong predictions, that one guaranteed threshold can keep.

    It must leave predictions enough to rely on, and fewer of them wrong than the target.
    """
    rules = tables["abstention"]
    kept = rules[(rules["target"] == "error") & (rules["rule"] == "guaranteed")]
    enough = (kept["answered"] >= FEW_COVERS) & (kept["error"] <= kept["wished"])
    return kept.loc[enough, "wished"].tolist()


def unkept_words(tables: Mapping[str, pd.DataFrame], target: float) -> str:
    """What to do where one guaranteed threshold cannot keep the target; "" where it can."""
    kept = guaranteed_targets(tables)
    if target in kept:
        return ""
    if kept:
        return f"A target of {100 * min(kept):g} % wrong can be guaranteed, and keeps some covers."
    return _sets_instead(tables["sets"])


def sets_in_vain(sets: pd.DataFrame) -> bool:
    """Whether the sets that scoring makes by default name every genre."""
    return _all_genres(_set_size(sets, BY_GENRE), _set_genres(sets))


def _set_genres(sets: pd.DataFrame) -> int:
    return sum(str(name).startswith("coverage_") for name in sets)


def _set_size(sets: pd.DataFrame, kind: str) -> float:
    sizes = summarised_sets(sets).set_index(["method", "sets", "guarantee"])["size"]
    return float(sizes.loc[(DEFAULT, kind, SPOKEN_GUARANTEE)])


def _sets_instead(sets: pd.DataFrame) -> str:
    """What sets of genres give where no threshold keeps the target."""
    genres, marginal = _set_genres(sets), _set_size(sets, MARGINAL)
    said = f"Sets for {100 * SPOKEN_GUARANTEE:g} % of {OVER_WORDS[BY_GENRE]}, as score makes them,"
    if not sets_in_vain(sets):
        size = _set_size(sets, BY_GENRE)
        return f"{said} can be guaranteed: {size:.2f} of {genres} genres in a set. More covers may help."
    if _all_genres(marginal, genres):
        return f"{said} name every genre, and so do those of {OVER_WORDS[MARGINAL]}: learn from more covers."
    return (
        f"{said} name every genre. Learn from more covers, or take --sets {MARGINAL} of score: "
        f"{marginal:.2f} of {genres} genres in a set, which guarantees nothing for single genres."
    )


def print_decision(folder: Path) -> None:
    """Prints what a study found: how much is wrong, what abstaining brings, and what sets hold."""
    asked, tables = read_json(folder / "environment.json"), read_tables(folder)
    findings = (folder / "findings.txt").read_text(encoding="utf-8").splitlines()
    for sentence in findings[:2]:
        console.print(sentence)
    print_tables(shown_tables(asked["classifier"], tables, asked["target_error"]))
    console.print(f"\n{calibration_words(tables['calibration'])}")


def print_tables(tables: Sequence[ShownTable]) -> None:
    """Prints tables with their notes, the first rows of long ones."""
    for table in tables:
        print_frame(table.rows.head(PRINTED_ROWS), f"\n{table.title}")
        if len(table.rows) > PRINTED_ROWS:
            console.print(f"{len(table.rows) - PRINTED_ROWS:,} more rows stand on the page.")
        if table.note:
            console.print(table.note)
