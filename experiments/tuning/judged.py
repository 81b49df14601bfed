"""What is said of the best of several values or trials: luck, chance, and how few covers judged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverfusion.data.plurals import how_many
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.provenance import read_json

ADVISED_FOLDS = 5
FEW_COVERS = 30  # fewer cannot choose: one cover more or less right moves accuracy by over 3 points


@dataclass(frozen=True)
class Chance:
    """What always saying the most frequent genre of the training covers reaches on the validation covers.

    Attributes:
        accuracy: NaN of covers of several genres: of those a prediction is right where the whole set is, and
            knowing nothing reaches next to none.
        always: "always saying Rock"; studies of older versions do not name the genre.
        why: that it is the most frequent genre, or one of them.
    """

    accuracy: float
    always: str
    why: str

    def line(self, metric: Metric) -> float:
        """Where a chart of a metric has its line; NaN of any but accuracy."""
        return metric.scale * self.accuracy if metric.name == "accuracy" else math.nan

    def label(self, metric: Metric) -> str:
        """What that line is, with its value."""
        return f"{self.always}: {metric.figure(self.line(metric))}"


def chance(folder: Path) -> Chance:
    """That of a study's folder."""
    study = read_json(folder / "study.json")
    usual = study.get("usual", "the most frequent genre")
    which = "one of the most frequent genres" if study.get("level_with") else "the most frequent genre"
    return Chance(
        float(study.get("chance", math.nan)),
        f"always saying {usual}",
        f"{usual} is {which} of the training covers." if "usual" in study else "",
    )


def can_choose(best: Mapping[str, Any]) -> bool:
    """Whether enough covers judged to name a best one; `best` is as for `best_words`."""
    return bool(best["n"] >= FEW_COVERS)


def few_words(folder: Path, best: Mapping[str, Any], values: Iterable[float], metric: Metric) -> list[str]:
    """What is said in place of a best one where too few covers judged.

    Args:
        folder: of the study.
        best: as for `best_words`.
        values: the metric of everything that was tried; NaN where it is not known.
        metric: that they are in.
    """
    known, guessed = [value for value in values if not math.isnan(value)], chance(folder)
    advice = "Add covers" if read_config(folder / "config.yaml").folds else f"Use --folds {ADVISED_FOLDS}"
    ends = [metric.shown(end) for end in (min(known), max(known))]
    said = [
        f"{how_many(int(best['n']), 'validation cover')}: too few to choose by. {advice}.",
        f"On them {metric.label} lies between {ends[0].removesuffix(' %')} and {ends[1]}.",
    ]
    if metric.name == "accuracy" and max(known) <= guessed.accuracy:  # False where nobody can guess (NaN)
        said.append(f"None is above {guessed.always} ({metric.shown(guessed.accuracy)}). {guessed.why}")
    return said


def is_corrected(best: Mapping[str, Any]) -> bool:
    """Whether `judged_words` names the figure that is corrected for the choice."""
    return can_choose(best) and bool(best["tried"] > 1)


def shown_config(folder: Path) -> str:
    """The study's config without what chooses among a run's models: here nothing does."""
    lines = (folder / "config.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("choose_by:"))


def best_words(best: Mapping[str, Any], metric: Metric) -> str:
    """The best and how many covers judged it: "41.7 % of 24 validation covers right (23.8 to 62.0)".

    Args:
        best: its row of validation covers in `values.csv` or `best.csv`.
        metric: that it was chosen by.
    """
    covers = f"{int(best['n']):,} validation cover{'' if best['n'] == 1 else 's'}"
    low, high = (metric.shown(best[f"{metric.column}_{end}"]).removesuffix(" %") for end in ("low", "high"))
    return f"{metric.of(best[metric.column], covers)} ({low} to {high})"


def judged_words(folder: Path, best: Mapping[str, Any], metric: Metric) -> list[str]:
    """What the best is without its luck, whether that is more than chance, and what would tell more.

    Args:
        folder: of the study.
        best: as for `best_words`.
        metric: that it was chosen by.
    """
    said, folds = [], read_config(folder / "config.yaml").folds
    if best["tried"] > 1:
        low, high = (metric.shown(best[f"corrected_{end}"]).removesuffix(" %") for end in ("low", "high"))
        said.append(
            f"As the best of {int(best['tried'])} on the same covers it may be flattered: corrected, "
            f"{metric.shown(best['corrected'])} ({low} to {high})."
        )
    guessed = chance(folder)
    level = guessed.accuracy
    if metric.name != "accuracy" or math.isnan(level) or best["corrected_low"] > level:
        return said
    many = ", corrected for the choice" if best["tried"] > 1 else ""
    said.append(
        f"No value is significantly better than {guessed.always} ({metric.shown(level)}){many}. {guessed.why}"
    )
    if not folds:
        covers = read_json(folder / "collection.json")["covers"]
        said.append(
            f"The choice rests on {int(best['n']):,} of {covers:,} covers; with --folds {ADVISED_FOLDS} on "
            "all but the test covers."
        )
    return said
