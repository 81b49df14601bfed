"""What `coverfusion ablate --plan` asks and prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    import pandas as pd

    from coverfusion.experiments.ablation.pilot import Pilot, PilotPair
    from coverfusion.experiments.evaluation.chosen_metric import Metric
    from coverfusion.experiments.evaluation.power import Design
    from coverfusion.experiments.pipeline.config import Config


@dataclass(frozen=True)
class PlanOptions:
    """The options of `ablate` that belong to `--plan`; None where one was left out."""

    pilot: Path | None
    covers: int | None
    difference: float | None
    discordant: Sequence[float]
    fold_deviation: float | None
    group_size: float | None

    def given_variances(self) -> bool:
        """Whether they say how far models differ."""
        return bool(self.discordant) or self.fold_deviation is not None

    def given(self) -> list[str]:
        """Their names, of those that were given."""
        return [
            f"--{name.replace('_', '-')}" for name, value in vars(self).items() if value not in (None, [])
        ]


def check_plan(asked: bool, options: PlanOptions, source: str | None) -> None:
    """Refuses options of a plan without `--plan`, a study of nothing, and variances that are given twice.

    Raises:
        UserError: which, and what to do.
    """
    given = options.given()
    if not asked and given:
        raise UserError(f"{given[0]} belongs to --plan. Add --plan, or leave it out.")
    if not asked and source is None:
        raise UserError("Name a config or a collection; only --plan does without, by --covers or --pilot.")
    if not asked:
        return
    if source is None and options.covers is None and options.pilot is None:
        raise UserError("--plan: of how many covers? Name a config or a collection, --covers or --pilot.")
    twice = sorted({"--discordant", "--fold-deviation", "--group-size"} & set(given))
    if options.pilot is not None and twice:
        raise UserError(f"{twice[0]}: the --pilot says that already. Leave one of them out.")
    positive = {"--difference": options.difference, "--fold-deviation": options.fold_deviation}
    for name, value in [*positive.items(), *(("--discordant", share) for share in options.discordant)]:
        if value is not None and value <= 0:
            raise UserError(f"{name} {value:g}: it must be larger than 0.")


def print_plan(
    config: Config | None,
    options: PlanOptions,
    metric: Metric,
    folds: int,
    repeats: int,
    designs: Sequence[str],
    classifiers: Sequence[str] | None,
    seed: int,
    out: Path | None,
    fresh: bool = False,
) -> None:
    """Prints what a study would show; writes `plan.csv` where `out` asks for it.

    Args:
        config: of a collection; None: a pilot or `--covers` says how many covers.
        options: of the plan.
        metric: that differences are of.
        folds: of the cross-validation.
        repeats: of the cross-validation.
        designs: whose comparisons; all that the pilot has, if empty.
        classifiers: of the pilot, only these; all, if empty.
        seed: of the bootstrap that a pilot's variances come from.
        out: a folder.
        fresh: whether a plan that is there is replaced.

    Raises:
        UserError: the pilot or the collection cannot be used, or a value is wrong.
    """
    from coverfusion.experiments.ablation.pilot import read_pilot
    from coverfusion.experiments.ablation.plan import pairs_of_designs, plan_table, shown_plan, write_plan
    from coverfusion.experiments.evaluation.power import FEW_GROUPS, Design
    from coverfusion.experiments.pipeline.outputs import check_folder

    if out:
        check_folder(out)
        check_no_results(out, fresh)
    pilot = None
    if options.pilot is not None:
        pilot = read_pilot(options.pilot, metric, classifiers, seed)
    covers, group_size = _covers(config, options, pilot)
    if covers < folds:
        raise UserError(f"--covers {covers}: {folds} folds need {folds} or more.")
    design = Design(covers, folds, repeats)
    pairs = pairs_of_designs(pilot, designs) if pilot else _given(options, metric, design, group_size)
    if options.difference is not None:
        metric.check_difference("--difference", options.difference)
    difference = options.difference or (ROPE if metric.percent else math.nan)
    plan = plan_table(pairs, design, difference, metric)
    times = f"{folds} folds" + (f" x {repeats} repeats" if repeats > 1 else "")
    shown = shown_plan(plan, metric, difference)
    print_frame(shown, f"What {times} of {covers:,} covers would show, {metric.gain}")
    console.print(_meaning(shown, len(plan) > len(shown), "" if pilot else _assumed(options, group_size)))
    groups = covers * pilot.groups / pilot.covers if pilot else covers / group_size
    if groups < FEW_GROUPS:
        console.print(
            f"Of about {groups:,.0f} groups: with fewer than {FEW_GROUPS} a difference is found somewhat "
            f"more often than is said here, as folds differ by less (up to 8 points in simulated studies of "
            f"60 groups)."
        )
    if out:
        write_plan(out, plan, design)
        print_place("Plan", out / "plan.csv")


def check_no_results(out: Path, fresh: bool) -> None:
    """Refuses a folder whose plan, or whose record of how another result was made, would be overwritten.

    Raises:
        UserError: a plan is there and is not to be replaced, or another result is.
    """
    from coverfusion.experiments.ablation.plan import PLAN_FILE

    if (out / PLAN_FILE).exists():
        if not fresh:
            raise UserError(f"--out {out} holds a plan already. Name another folder; --fresh replaces it.")
    elif (out / "environment.json").exists():
        raise UserError(f"--out {out} holds another result. Name another folder.")


def _covers(config: Config | None, options: PlanOptions, pilot: Pilot | None) -> tuple[int, float]:
    """How many covers are tested, and how many are in a cover's group; a pilot knows that by itself."""
    from coverfusion.experiments.ablation.plan import collection_size

    covers, group_size = options.covers, options.group_size
    if config is not None and (covers is None or (group_size is None and pilot is None)):
        count, size = collection_size(config)
        covers, group_size = covers or count, group_size or size
    if covers is None:
        assert pilot is not None  # as `check_plan` has it
        covers = pilot.covers
    return covers, group_size or 1.0


def _given(options: PlanOptions, metric: Metric, design: Design, group_size: float) -> list[PilotPair]:
    """Pairs whose variance the options give, or usual ones where they give none."""
    from coverfusion.experiments.ablation.plan import DISCORDANT, given_pairs

    discordant = options.discordant or (() if options.fold_deviation is not None else DISCORDANT)
    if discordant and metric.name != "accuracy":
        raise UserError(
            f"--metric {metric.name}: how often models differ says how accuracy varies, and nothing of other "
            f"metrics. Name a --pilot or a --fold-deviation."
        )
    return given_pairs(discordant, options.fold_deviation, design, group_size)


def _assumed(options: PlanOptions, group_size: float) -> str:
    """What stands in for a pilot."""
    usual = (
        "" if options.given_variances() else "usual proportions of covers that only one of two models gets "
    )
    groups = f"{group_size:.1f} covers in a cover's group, half alike" if group_size > 1 else "no groups"
    return f" Assumed: {usual + 'right, ' if usual else ''}{groups}; a --pilot knows better."


def _meaning(shown: pd.DataFrame, several: bool, assumed: str) -> str:
    text = "can show: a true difference that is found in 80 % of studies (corrected t, two-sided 5 %)"
    if (shown == "none").to_numpy().any():
        text += "; none: the models differ on too few covers for any"
    if "with Holm" in shown:
        text += "; with Holm: after the correction for all comparisons of its kind"
    return f"{text}.{' Medians of several, and their range.' if several else ''}{assumed}"
