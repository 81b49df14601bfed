"""What a study would show, before it is done: power from a pilot, or from variances that are given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.splits import covers_in_folds
from coverfusion.experiments.ablation.designs import ALL_BUT_A_SIDE, ONE_SIDE, check_designs
from coverfusion.experiments.ablation.pilot import Pilot, PilotPair
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.evaluation.power import (
    LEVEL,
    Design,
    covers_needed,
    detectable,
    power,
    spread_of_folds,
    spread_of_proportion,
)
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.preparation import open_collection
from coverfusion.experiments.pipeline.provenance import environment, write_json

# models that differ little, such as without a block; two classifiers; a block alone and all blocks
DISCORDANT = (0.1, 0.2, 0.4)
PLAN_FILE = "plan.csv"
NUMBERS = ["discordant", "detectable_holm", "power", "covers_needed"]
# which comparisons a design makes
COMPARED = {
    "alone": ("block alone against chance", "all against block alone"),
    "without": ("all against all but block",),
    "metadata": (ONE_SIDE,),
    "sides": (ALL_BUT_A_SIDE,),
    "subsets": (),
    "families": ("family alone against chance", "all against all but family"),
    "greedy": ("greedy step",),
}


def pairs_of_designs(pilot: Pilot, designs: Sequence[str]) -> list[PilotPair]:
    """The pairs that the designs compare, and pairs of classifiers; without designs all.

    Raises:
        UserError: an unknown design, or one that the pilot has no pair of.
    """
    if not designs:
        return pilot.pairs
    check_designs(designs)
    has = {pair.design for pair in pilot.pairs}
    for design in designs:
        if COMPARED[design] and not has & set(COMPARED[design]):
            raise UserError(
                f"--design {design}: the pilot compares no such models; it has: {', '.join(sorted(has))}."
            )
    wanted = {name for design in designs for name in COMPARED[design]} | {"classifiers"}
    return [pair for pair in pilot.pairs if pair.design in wanted]


def given_pairs(
    discordant: Sequence[float], fold_deviation: float | None, design: Design, group_size: float
) -> list[PilotPair]:
    """Pairs whose variance is given: by the proportions of covers on which they differ, and by folds.

    Args:
        discordant: proportions of covers that only one of two models gets right.
        fold_deviation: standard deviation of the differences of the planned folds; None: not given.
        design: that is planned.
        group_size: covers in the group of a cover, on average over covers.
    """
    pairs = [
        PilotPair(f"differ on {100 * share:g} %", "", "", "", share, spread_of_proportion(share, group_size))
        for share in discordant
    ]
    if fold_deviation is not None:
        name, spread = "folds that vary so", spread_of_folds(fold_deviation, design)
        pairs.append(PilotPair(name, "", "", "", math.nan, spread))
    return pairs


def collection_size(config: Config) -> tuple[int, float]:
    """How many covers of a collection folds can test, and how many are in the group of a cover on average.

    Raises:
        UserError: as `open_collection` and `data.splits.covers_in_folds`.
    """
    assert config.folds is not None
    frame = open_collection(config).frame
    tested = frame[covers_in_folds(frame, config.folds)]
    sizes = tested["group"].value_counts().to_numpy()
    return len(tested), float((sizes**2).sum() / sizes.sum())


def plan_table(pairs: Sequence[PilotPair], design: Design, difference: float, metric: Metric) -> pd.DataFrame:
    """What the planned study would show of each pair.

    Args:
        pairs: from a pilot or given.
        design: covers, folds and repeats.
        difference: a true difference in the metric's unit; NaN: none is named.
        metric: that differences are of.

    Returns:
        `design`, `unit`, `classifier`, `other`, `discordant`, `detectable` (the difference found with a
        probability of 80 %), `detectable_holm` (the same, where Holm's correction over the pairs of a design
        asks most), `power` of the named difference and the `covers_needed` to find it with a probability of
        80 %. Accuracies differ by at most `discordant`: where more would be needed, these are infinite.
    """
    counts = pd.Series([pair.design for pair in pairs]).value_counts()
    return pd.DataFrame(
        [
            {
                "design": pair.design,
                "unit": pair.unit,
                "classifier": pair.classifier,
                "other": pair.other,
                "discordant": pair.discordant,
                **_found(pair, design, difference, metric, LEVEL / int(counts[pair.design])),
            }
            for pair in pairs
        ]
    )


def _found(
    pair: PilotPair, design: Design, difference: float, metric: Metric, holm: float
) -> dict[str, float]:
    """What is found of one pair; `holm` is the level that the first step of Holm's correction asks."""
    most = pair.discordant if metric.name == "accuracy" and not math.isnan(pair.discordant) else math.inf
    sizes = {
        "detectable": detectable(pair.spread, design),
        "detectable_holm": detectable(pair.spread, design, holm),
    }
    found = {name: size if size <= most else math.inf for name, size in sizes.items()}
    if math.isnan(difference):
        return found | {"power": math.nan, "covers_needed": math.nan}
    if difference > most:
        return found | {"power": math.nan, "covers_needed": math.inf}
    needed = covers_needed(pair.spread, design, difference)
    return found | {"power": power(pair.spread, design, difference), "covers_needed": needed}


def shown_plan(plan: pd.DataFrame, metric: Metric, difference: float) -> pd.DataFrame:
    """The plan as people read it, one row a kind of comparison and classifier: medians and ranges."""
    rows = []
    for _, part in plan.groupby(["design", "classifier", "other"], sort=False):
        first, middle = part.iloc[0], part[NUMBERS].quantile(0.5, interpolation="higher")
        least, median, most = (
            _size(float(part["detectable"].quantile(at, interpolation="higher")), metric)
            for at in (0, 0.5, 1)
        )
        row = {
            "comparison": _name(first, len(part)),
            "differ on": _percent(middle["discordant"]),
            "can show": median if len(part) == 1 else f"{median} ({least}-{most})",
        }
        if (plan["detectable_holm"] > plan["detectable"]).any():
            row["with Holm"] = _size(middle["detectable_holm"], metric)
        if not math.isnan(difference):
            size = _size(difference, metric)
            row[f"finds {size}"] = _percent(middle["power"])
            row[f"covers for {size}"] = _count(middle["covers_needed"])
        rows.append(row)
    return pd.DataFrame(rows)


def write_plan(out: Path, plan: pd.DataFrame, design: Design) -> None:
    """`plan.csv`, every pair (empty where nothing is found), and `environment.json` in `out`."""
    out = make_output_folder(out)
    write_csv(plan.replace(math.inf, np.nan), out / PLAN_FILE)
    asked = {"covers": design.covers, "folds": design.folds, "repeats": design.repeats}
    write_json(out / "environment.json", environment() | {"plan": asked})


def _size(value: float, metric: Metric) -> str:
    return "none" if math.isinf(value) else metric.in_words(float(value)).lstrip("+")


def _percent(value: float) -> str:
    return "\u2013" if math.isnan(value) else f"{100 * value:.0f} %"


def _count(value: float) -> str:
    return "none" if math.isinf(value) else f"{value:,.0f}"


def _name(row: pd.Series, pairs: int) -> str:
    """What is compared, such as "svc: all against all but block, 5 of them"."""
    if row["design"] == "classifiers":
        return f"{row['classifier']} against {row['other']}"
    who = f"{row['classifier']}: " if row["classifier"] else ""
    return f"{who}{row['design']}" + (f" ({pairs})" if pairs > 1 else "")
