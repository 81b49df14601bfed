"""A comparison as the terminal says it: the verdict first, then the best model against each of the others."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from coverfusion.experiments.drawing.words import FEW_FOLDS, headed, p_value, records, scored
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.evaluation.compared import METHODS
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.console import console, print_frame

PRINTED_ROWS = 15
WIDE = 100  # columns of a terminal that has room for what matters least
WHOLE = r" on (both blocks|all \d+ blocks|the .+ of .+|.+, the only block)$"
REPORT_NOTE = (
    "A report of folds tests the models that its choice is among by a bootstrap of groups. "
    "Where the two disagree, the difference is not settled."
)
SETS_NOTE = "Right: a cover that is called all its genres and no other."
FOLDS_NOTE = (
    "Values and differences by folds are means over the folds; a leaderboard pools all folds. "
    f"A run has {FEW_FOLDS}; coverfusion ablate can repeat folds."
)


def print_comparison(
    table: pd.DataFrame, metric: Metric, runs: int, written: bool = False, sets: bool = False
) -> None:
    """Prints the verdict, and the best model against the others.

    Args:
        table: from `experiments.comparison.compare.compare_runs`.
        metric: that was compared.
        runs: how many were named; the letter of a single one says nothing.
        written: whether a folder has all comparisons.
        sets: whether covers may have several genres.
    """
    rows = against_best(named(table, runs), metric)
    for sentence in verdict(rows, metric, len(table)):
        console.print(sentence)
    printed = _printed(rows, metric).head(PRINTED_ROWS)
    print_frame(printed, f"\n{rows['first'].iloc[0]} against the others")
    if sets:
        console.print(SETS_NOTE)
    how = " and ".join(METHODS[name] for name in table["method"].unique())
    holm = (
        f" p is corrected for all {len(table):,} pairs (Holm), intervals are not." if len(table) > 1 else ""
    )
    console.print(f"Intervals of 95 % and p: {how}.{holm}")
    for note in folds_notes(table):
        console.print(note)
    if len(table) > min(len(rows), PRINTED_ROWS):
        console.print("The page has all pairs." if written else "--out FOLDER writes all pairs.")


def folds_notes(table: pd.DataFrame) -> list[str]:
    """What to know of differences over folds; nothing where no pair is compared so."""
    return [FOLDS_NOTE, REPORT_NOTE] if "folds" in set(table["method"]) else []


def print_differences(differences: pd.DataFrame) -> None:
    """Prints what the runs' configs have different, from `experiments.comparison.compare`."""
    if len(differences):
        print_frame(differences.head(PRINTED_ROWS), "\nWhat the runs have different")
    if len(differences) > PRINTED_ROWS:
        console.print(f"{len(differences) - PRINTED_ROWS:,} more: --out FOLDER writes all.")


def named(table: pd.DataFrame, runs: int) -> pd.DataFrame:
    """The table with names as short as they can be: "svc" instead of "A svc on all 5 blocks".

    What a model that is on no single block saw follows from its classifier: `text` reads words.
    """
    shortened = table.copy()
    for column in ("first", "second"):
        names = table[column] if runs > 1 else table[column].str.removeprefix("A ")
        shortened[column] = names.map(lambda name: re.sub(WHOLE, "", name))
    return shortened


def against_best(table: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The comparisons of the model with the best value, as `first` of each; the best other comes first."""
    values = dict(zip(table["first"], table[f"{metric.column}_first"], strict=True))
    values |= dict(zip(table["second"], table[f"{metric.column}_second"], strict=True))
    best = max(values, key=lambda name: metric.better(values[name]))
    forward, backward = table[table["first"] == best], table[table["second"] == best]
    rows = pd.concat([forward, _turned(backward)])
    return rows.sort_values(f"{metric.column}_second", ascending=not metric.higher_is_better, kind="stable")


def _turned(table: pd.DataFrame) -> pd.DataFrame:
    """The same comparisons the other way round."""
    swapped = {name: name.replace("first", "second") for name in map(str, table.columns) if "first" in name}
    turned = table.rename(columns=swapped | {new: old for old, new in swapped.items()})
    return turned.assign(difference=-table["difference"], low=-table["high"], high=-table["low"])


def verdict(rows: pd.DataFrame, metric: Metric, pairs: int) -> list[str]:
    """Which model is best, and which others are significantly worse.

    Args:
        rows: from `against_best`.
        metric: that was compared.
        pairs: all comparisons that p is corrected for.
    """
    best, value = rows["first"].iloc[0], metric.shown(rows[f"{metric.column}_first"].iloc[0])
    worse = rows.loc[rows["p_holm"] < ALPHA, "second"].tolist()
    rest = [name for name in rows["second"] if name not in worse]
    if pairs == 1:
        row = records(rows)[0]
        spans = [metric.in_words(row[name]) for name in ("difference", "low", "high")]
        difference = f"{spans[0]} {metric.unit} ({spans[1]} to {spans[2]}), p {p_value(row['p_holm'])}"
        other = f"{row['second']} ({metric.shown(row[f'{metric.column}_second'])})"
        if worse:
            return [f"{best} ({value}) is better than {other}: {difference}."]
        return [f"No significant difference between {best} ({value}) and {other}: {difference}."]
    if not worse:
        return [
            f"{best} has the best {metric.label} ({value}), but is not significantly better than any other."
        ]
    said = [f"{best} has the best {metric.label} ({value}). It is better than {_listed(worse)}."]
    if rest:
        said.append(f"It is not significantly better than {_listed(rest)}.")
    return said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"


def _printed(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    spans = [map(metric.in_words, span) for span in rows[["difference", "low", "high"]].to_numpy()]
    values = [Interval(value, float("nan"), float("nan")) for value in rows[f"{metric.column}_second"]]
    means = "\n(mean of folds)" if set(rows["method"]) == {"folds"} else ""
    printed = pd.DataFrame(
        {
            "model": rows["second"],
            headed(metric.label, metric.percent) + means: [scored(value, metric.percent) for value in values],
            f"{metric.unit} behind" if metric.percent else "loss more": [
                f"{value} ({low} to {high})".replace(" ", "\u00a0") for value, low, high in spans
            ],
            "only best\nright": rows["only_first"],
            "only this\nright": rows["only_second"],
            "p": rows["p_holm"].map(p_value),
        }
    )
    if rows["equal"].notna().all() and console.width >= WIDE:
        printed["equal"] = rows["equal"].map("{:.2f}".format)
    return printed
