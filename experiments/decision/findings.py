"""What a decision study found, in sentences; also the text alternative of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from coverfusion.data.plurals import how_many
from coverfusion.experiments.decision.tables import RULE_BY_GENRE, SET_SPLITS, summarised_sets
from coverfusion.experiments.drawing.words import listed, percent, records, signed
from coverfusion.fusion.uncertainty.conformal import rows_needed
from coverfusion.fusion.uncertainty.decision import BY_GENRE, MARGINAL

SET_METHODS_TEXT = (
    "Genre sets are made in two ways. LAC (least ambiguous classifier) takes every genre above a "
    "threshold, as score does; mostly its sets are the smaller ones. APS (adaptive prediction sets) adds up "
    "the most probable genres, so that harder covers get larger sets."
)
SET_KINDS_TEXT = (
    "Their guarantee is over all covers together (marginal), or over the covers of each genre (by genre). "
    "Score makes sets by genre, unless --sets or a bundle of an older version says otherwise."
)
SPOKEN_GUARANTEE = 0.9  # of the sets that are spoken of genre by genre
RULE_THRESHOLDS = {"guaranteed": "one guaranteed threshold", "plain": "one threshold without a guarantee"}
RULE_WORDS = {
    "guaranteed": "guaranteed with 90 % confidence",
    RULE_BY_GENRE: "guaranteed for each predicted genre, each with 90 % confidence",
    "plain": "no guarantee",
}


def decision_findings(classifier: str, tables: Mapping[str, pd.DataFrame], target: float) -> list[str]:
    """Sentences on one classifier.

    Args:
        classifier: whose tables they are.
        tables: name -> table of `experiments.decision.tables`.
        target: the proportion of wrong predictions to speak of.
    """
    chosen = next(row for row in records(tables["models"]) if row["classifier"] == classifier)
    rows = records(tables["abstention"])
    own = [row for row in rows if row["target"] == "error" and row["wished"] == target]
    kinds = {row["kind"]: row for row in records(tables["calibration"])}
    return [
        verdict(tables, target),
        (
            f"{classifier}, on {kinds['none']['covers']:,} covers not used to choose the model: "
            f"{_spanned(chosen, 'error_of_all')} of the predictions are wrong without abstaining."
            f"{_choosing_words(chosen)}"
        ),
        f"Area under the risk-coverage curve: {_spanned(chosen, 'aurc', 1, 3)}.",
        *(_abstention_words(row) for row in own),
        *_genres_words(records(tables["genres"])),
        *_predicted_words(records(tables["predicted"]), target),
        calibration_words(tables["calibration"]),
        SET_METHODS_TEXT,
        SET_KINDS_TEXT,
        *(_set_words(row) for row in records(summarised_sets(tables["sets"]))),
        *_sets_by_genre_words(records(tables["sets_by_genre"])),
    ]


def verdict(tables: Mapping[str, pd.DataFrame], target: float) -> str:
    """What can be guaranteed over all covers, and for which predicted genres that says too little.

    Args:
        tables: `abstention` and `predicted` of `experiments.decision.tables`.
        target: the proportion of wrong predictions.
    """
    rules = tables["abstention"].query("target == 'error' and wished == @target").set_index("rule")
    aim, one = f"At most {100 * target:g} % wrong", rules.loc["guaranteed"].to_dict()
    if not one["answered"]:
        return f"{aim} cannot be guaranteed here by one threshold with 90 % confidence."
    said = [
        (
            f"{aim} over all covers, with 90 % confidence, by one threshold: it keeps "
            f"{percent(float(one['coverage']))} of the covers."
        )
    ]
    predicted = tables["predicted"].set_index("thresholds")
    true = tables["genres"].query("rule == 'guaranteed' and error > @target")
    said += _worse_genres(records(predicted.loc[[MARGINAL]].query("error > @target")), records(true), target)
    own = predicted.loc[[BY_GENRE]]
    without = own.loc[own["answered"] == 0, "genre"].tolist()
    if without:
        gets = "gets" if len(without) == 1 else "get"
        said.append(f"With a threshold for each predicted genre, {listed(without)} {gets} no prediction.")
    return " ".join(said)


def _worse_genres(rows: list[dict[str, Any]], true: list[dict[str, Any]], target: float) -> list[str]:
    """Of which genres more are wrong than the target, and whether their intervals show it.

    Args:
        rows: predicted genres of which more are wrong.
        true: true genres of which more are wrong.
        target: the proportion of wrong predictions.
    """
    if not rows and not true:
        return []
    said = ["Single genres have no such guarantee."]
    surely, _ = _among(rows, true, lambda row: row["error_low"] > target)
    if surely:
        said.append(f"More are wrong among {surely}.")
    perhaps, count = _among(rows, true, lambda row: not row["error_low"] > target)
    if perhaps:
        own = "its interval includes" if count == 1 else "their intervals include"
        said.append(f"More are wrong here, but not significantly, among {perhaps}: {own} {100 * target:g} %.")
    return said


def _among(
    predicted: list[dict[str, Any]], true: list[dict[str, Any]], chosen: Callable[[dict[str, Any]], bool]
) -> tuple[str, int]:
    """The chosen rows, "those predicted Pop (…) and those that are Rock (…)", and how many they are."""
    parts = [("those predicted", predicted), ("those that are", true)]
    named = [(what, [_wrong(row) for row in rows if chosen(row)]) for what, rows in parts]
    said = [f"{what} {listed(wrong)}" for what, wrong in named if wrong]
    return " and ".join(said), sum(len(wrong) for _, wrong in named)


def _wrong(row: dict[str, Any]) -> str:
    ends = f"{100 * row['error_low']:.1f} to {100 * row['error_high']:.1f}"
    return f"{row['genre']} ({percent(row['error'])}, {ends})"


def _spanned(row: dict[str, Any], name: str, factor: float = 100, digits: int = 1) -> str:
    value, low, high = (factor * row[key] for key in (name, f"{name}_low", f"{name}_high"))
    unit = " %" if factor == 100 else ""
    return f"{value:.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"


def _choosing_words(row: Mapping[str, Any]) -> str:
    """Why a report's figure differs: it counts the covers that chose the model, too."""
    if not row["choosing"]:
        return ""
    return (
        f" A report counts the other {how_many(row['choosing'], 'cover')} too, which chose the model; of "
        f"those {percent(row['error_choosing'])} are wrong."
    )


def _abstention_words(row: dict[str, Any]) -> str:
    begin = f"At a target of {100 * row['wished']:g} % error ({RULE_WORDS[row['rule']]})"
    if not row["answered"]:
        return f"{begin} no cover gets a prediction: these covers are too few, or too hard."
    return (
        f"{begin} {how_many(row['answered'], 'cover')} get a prediction, "
        f"{_spanned(row, 'coverage')} of all; {_spanned(row, 'error')} of these predictions are wrong."
    )


def _genres_words(rows: list[dict[str, Any]]) -> list[str]:
    """By the guaranteed threshold, or by the plain one where nothing can be guaranteed."""
    for rule in ("guaranteed", "plain"):
        if sentences := [_genre_words(row) for row in rows if row["rule"] == rule and row["answered"]]:
            return [f"By true genre, with {RULE_THRESHOLDS[rule]}:", *sentences]
    return []


def calibration_words(table: pd.DataFrame) -> str:
    """Log loss and calibration error before and after, whether that differs, and what the bundle uses.

    Args:
        table: from `calibration_table`, with `bundle` (the kind that the run's bundle uses) where known.
    """
    kinds = {row["kind"]: row for row in records(table)}
    before, after = kinds["none"], kinds["chosen"]
    if after["log_loss"] == before["log_loss"]:
        return (
            f"Calibration: log loss {before['log_loss']:.3f}, calibration error {percent(before['ece'])}; by "
            f"chance alone it would be about {percent(before['ece_chance'])}. The probabilities are "
            "left as they were: no method of calibration clearly improves them."
            f"{_bundle_words(after, left=True)}"
        )
    return (
        "Calibration, by the method chosen on other covers: log loss "
        f"{before['log_loss']:.3f} before, {after['log_loss']:.3f} after; {_loss_words(after)}. Calibration "
        f"error {percent(before['ece'])} before, {percent(after['ece'])} after; by chance alone "
        f"it would be about {percent(after['ece_chance'])}.{_bundle_words(after)}"
    )


def _loss_words(after: Mapping[str, Any]) -> str:
    """How much the log loss changes, and whether its interval shows it."""
    change, low, high = (-after[end] for end in ("lower", "lower_high", "lower_low"))
    spans = f"{signed(change, 3)}, {signed(low, 3)} to {signed(high, 3)}"
    if low <= 0 <= high:
        return f"no significant change ({spans})"
    return f"significantly {'worse' if change > 0 else 'better'} ({spans})"


def _bundle_words(row: Mapping[str, Any], left: bool = False) -> str:
    """What the bundle uses and why; "" if unknown, or where all are left as they were as the bundle does."""
    kind = str(row.get("bundle", ""))
    if kind in ("", "nan") or (left and kind == "none"):
        return ""
    learns = "on the covers that it learns from"
    if kind == "none":
        return f" The bundle uses none: {learns}, none clearly lowers the log loss."
    return (
        f" The bundle uses {kind} calibration: {learns}, cross-validated, that lowers the log loss by more "
        "than its standard error."
    )


def _genre_words(row: dict[str, Any]) -> str:
    return (
        f"  {row['genre']}: predictions for {_spanned(row, 'coverage')} of "
        f"{how_many(row['covers'], 'cover')}, {_spanned(row, 'error')} of them wrong."
    )


def _predicted_words(rows: list[dict[str, Any]], target: float) -> list[str]:
    """For each predicted genre, what one threshold for all does and what its own does."""
    one, own = ({row["genre"]: row for row in rows if row["thresholds"] == k} for k in (MARGINAL, BY_GENRE))
    begin = f"By predicted genre, at a target of {100 * target:g} % error (guaranteed):"
    return [
        begin,
        *(
            f"  {genre}, {how_many(row['covers'], 'cover')}: with one threshold for all {_answered(row)}; "
            f"with its own {_answered(own[genre])}."
            for genre, row in one.items()
        ),
    ]


def _answered(row: dict[str, Any]) -> str:
    if not row["answered"]:
        return "no prediction"
    return f"{how_many(row['answered'], 'prediction')}, {_spanned(row, 'error')} of them wrong"


def _sets_by_genre_words(rows: list[dict[str, Any]]) -> list[str]:
    """For each genre, how often marginal sets hold its covers and how often sets by genre do."""
    rows = [row for row in rows if row["guarantee"] == SPOKEN_GUARANTEE]
    marginal, own = ({row["genre"]: row for row in rows if row["sets"] == k} for k in (MARGINAL, BY_GENRE))
    needed = rows_needed(SPOKEN_GUARANTEE)
    begin = f"By true genre, LAC sets with a guarantee of {100 * SPOKEN_GUARANTEE:g} %"
    sentences = [f"{begin} (each cover's set is made by the other covers):"]
    for genre, row in own.items():
        text = (
            f"  {genre}, {how_many(row['covers'], 'cover')}: marginal sets hold it in "
            f"{_spanned(marginal[genre], 'coverage')}, sets by genre in {_spanned(row, 'coverage')}"
        )
        if row["learnt"] < needed:
            few = how_many(row["learnt"], "cover to learn from is", "covers to learn from are")
            text += f"; every set holds it, as {few} fewer than {needed}"
        sentences.append(f"{text}.")
    return sentences


def _set_words(row: dict[str, Any]) -> str:
    kind = row["sets"].replace("-", " ")
    return (
        f"{row['method'].upper()} sets, {kind}, guarantee {100 * row['guarantee']:g} %: they hold the true "
        f"genre in {100 * row['coverage']:.1f} % (mean of {SET_SPLITS} splits; lowest "
        f"{100 * row['lowest']:.1f}, highest {100 * row['highest']:.1f}), with {row['size']:.2f} genres on "
        "average."
    )
