"""What is said of the best of several values or trials: luck, chance, and how few covers judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coverfusion.experiments.drawing.study_pages import chance
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.provenance import read_json

ADVISED_FOLDS = 5


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
    said, config = [], read_config(folder / "config.yaml")
    folds = config.folds
    if best["tried"] > 1:
        low, high = (metric.shown(best[f"corrected_{end}"]).removesuffix(" %") for end in ("low", "high"))
        said.append(
            f"As the best of {int(best['tried'])} on the same covers it may be flattered: corrected, "
            f"{metric.shown(best['corrected'])} ({low} to {high})."
        )
    guessed = chance(folder)
    # of covers of several genres nobody is right of a whole set by chance
    if metric.name != "accuracy" or config.labels == "many" or best["corrected_low"] > guessed:
        return said
    said.append(
        f"No value is significantly better than always saying the largest genre ({metric.shown(guessed)})."
    )
    if not folds:
        covers = read_json(folder / "collection.json")["covers"]
        said.append(
            f"{int(best['n']):,} of {covers:,} covers judge; with --folds {ADVISED_FOLDS} all but the test "
            "covers do."
        )
    return said
