"""What a run comes to, in sentences: which model won, by how much, and what the choice owes to luck.

All of it is in the metric that the config ranks by, with its own baseline and interval.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.words import (
    HELD_OUT_WORDS,
    SPLIT_LABELS,
    capital,
    gain_words,
    interval_words,
    region,
    value_words,
)
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric
from coverfusion.experiments.evaluation.compared import compared_by_groups
from coverfusion.experiments.evaluation.group_tests import GroupTest
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.rope import Practical
from coverfusion.experiments.pipeline.chosen_by_score import differences_of
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.pipeline.run_folder import Run

Pair = tuple[np.ndarray, np.ndarray]
SHOWN_ALONE = 3  # single blocks that the sentences name, beside the last one


def gain(run: Run, covers: pd.DataFrame) -> Interval | None:
    """How much better the chosen model is than the best single block, on the same covers.

    Where validation chose both, the 95 % interval is of sign-flips over groups, or of the bootstrap
    (`experiments.evaluation.compared`). Where the same covers chose them, it holds for all pairs of models at
    once (`experiments.evaluation.best_of_many`) and is widened for folds. None where no block stood alone.
    """
    if not run.alone:
        return None
    if run.other is None:
        return differences_of(run).interval(run.models.index(run.chosen), run.models.index(run.alone[0]))
    test = _tested(run, covers)
    return Interval(test.difference, test.low, test.high)


def practical_gain(run: Run, covers: pd.DataFrame) -> Practical:
    """How probable it is that the gain does not matter, by the method of its interval; NaN of losses."""
    if run.other is not None:
        return _tested(run, covers).practical
    pair = run.models.index(run.chosen), run.models.index(run.alone[0])
    return differences_of(run).practical(*pair, run.metric.rope(None))


def _tested(run: Run, covers: pd.DataFrame) -> GroupTest:
    index, sums = _gained(run)
    groups = covers.drop_duplicates("cover_id").set_index("cover_id")["group"].loc[index].to_numpy()
    return compared_by_groups(run.metric, sums, groups, run.config["seed"])[0]


def _gained(run: Run) -> tuple[pd.Index, Pair]:
    """Cover ids, and what each adds to the metric's sums of the chosen model and of the best single block."""
    both = [run.predictions(model) for model in (run.chosen, run.alone[0])]
    return both[0].index, (predicted_sums(both[0], run.metric), predicted_sums(both[1], run.metric))


def chosen_words(run: Run, corrected: Interval | None) -> list[str]:
    """What the choice adds to the best score, and which models may be as good; none of a run with a split."""
    if corrected is None:
        return []
    metric, fused = run.metric, [model for model in run.models if model.kind == "fused"]
    many, best = differences_of(run), run.models.index(run.chosen)
    near = [
        model.classifier
        for model in fused
        if model is not run.chosen and many.interval(best, run.models.index(model)).low <= 0
    ]
    rest = len(fused) - 1 - len(near)
    without = f"{value_words(metric, corrected.value)} ({interval_words(metric, corrected)})"
    what = "" if metric.name == "accuracy" else f"{metric.label} "
    sentences = [
        f"As the best of {len(fused)} on the same covers it may be flattered: corrected, {what}{without}."
    ]
    if near:
        worse = f"; significantly worse: {how_many(rest, 'other')}" if rest else ""
        sentences.append(f"Not significantly worse in {metric.label}: {', '.join(near)}{worse}.")
    elif rest:
        sentences.append(f"All others are significantly worse in {metric.label}.")
    return sentences


def score_words(run: Run) -> str:
    """What the chosen model reaches on the covers that count, such as "it names the right genre for 57 %"."""
    covers = f"{int(run.confusion.to_numpy().sum()):,} {HELD_OUT_WORDS[run.split]}"
    score, metric = run.score(run.chosen), run.metric
    reached = value_words(metric, score.value)
    what = (
        f"it names the right genre for {reached} of"
        if metric.name == "accuracy"
        else f"its {metric.label} is {reached} on"
    )
    return f"{what} {covers} ({_level(run)}: {interval_words(metric, score)})"


def chosen_by_words(run: Run) -> str:
    """By which score it was chosen; nothing where there was no choice."""
    several = sum(model.kind == "fused" for model in run.models) > 1
    return f" (by {METRICS[run.chosen_by].label})" if several else ""


def guess_words(run: Run, usual: str, chance: float) -> str:
    """The baseline of the run's metric, without a full stop."""
    metric, reached = run.metric, value_words(run.metric, chance)
    if guessed := run.guessed.get(run.split):
        reached += f" (guessing by the prior: {value_words(metric, guessed[metric.name])})"
    if not metric.percent:
        return f"Knowing only how common genres are would give a {metric.label} of {reached}"
    covers = list(run.facts["genres"].values())
    how = "one of the most frequent genres" if covers.count(max(covers)) > 1 else "the most frequent genre"
    always = f"Always saying {usual}, {how}, would"
    if metric.name == "accuracy":
        return f"{always} be right for {reached}"
    return f"{always} give a {metric.label} of {reached}"


def run_gist(
    run: Run, usual: str, chance: float, difference: Interval | None, practical: Practical | None = None
) -> list[str]:
    """Three sentences in plain words: which model won, what that is worth, which block says most."""
    who = f"{run.chosen.classifier} on {run.chosen.on}"
    won = f"The chosen model{chosen_by_words(run)} is {who}: {score_words(run)}."
    guess = guess_words(run, usual, chance)
    if difference is None:
        return [
            won,
            f"{guess}.",
            "No block was tried alone beside others, so nothing is said here of what fusing adds.",
        ]
    metric, single = run.metric, run.alone[0]
    verdict = _verdict(run, difference)
    if practical is not None and not math.isnan(practical.equal):
        verdict += f"; practically equal within {region(ROPE)} with probability {practical.equal:.2f}"
    where = " (by validation)" if run.other else ""
    block = f"the best single block{where} {'for' if metric.name == 'accuracy' else 'gives'}"
    worth = f"{guess} and {block} {value_words(metric, run.score(single).value)}; {verdict}."
    return [won, worth, _alone_words(run, chance)]


def _alone_words(run: Run, chance: float) -> str:
    """The first single blocks and the last one with intervals, and whether any is better than chance."""
    metric, listed = run.metric, run.alone
    shown = listed if len(listed) <= SHOWN_ALONE + 1 else [*listed[:SHOWN_ALONE], listed[-1]]
    said = [
        f"{model.blocks[0]} {value_words(metric, run.score(model).value)} "
        f"({interval_words(metric, run.score(model))})"
        for model in shown
    ]
    if len(shown) < len(listed):
        said.insert(-1, "…")
    order = ", in the order of validation" if run.other else ""
    better = any(metric.better(_nearer(metric, run.score(model))) > metric.better(chance) for model in listed)
    doubt = "" if better else " No block alone is significantly better than chance on these covers."
    return f"{capital(metric.label)} of single blocks{order}: {', '.join(said)}.{doubt}"


def _nearer(metric: Metric, interval: Interval) -> float:
    """The worse end of an interval."""
    return interval.low if metric.higher_is_better else interval.high


def _verdict(run: Run, difference: Interval) -> str:
    """What the chosen model gains over the best single block, and whether that is sure."""
    metric, doing = run.metric, "fusing" if len(run.chosen.blocks) > 1 else "learning from pictures"
    ends = f"{gain_words(metric, difference.low)} to {gain_words(metric, difference.high)}"
    interval = f"{_level(run)}: {ends}"
    size = gain_words(metric, abs(difference.value))[1:]
    unit = "points" if metric.name == "accuracy" else metric.gain if metric.percent else metric.label
    if difference.low > 0:
        how = f"gains {size} {unit} over" if metric.percent else f"takes {size} off the {unit} of"
    elif difference.high < 0:
        how = f"loses {size} {unit} against" if metric.percent else f"adds {size} to the {unit} of"
    else:
        value = f"{gain_words(metric, difference.value)} {'points' if metric.percent else metric.gain}"
        return f"{doing} makes no significant difference ({value}, {interval})"
    return f"{doing} {how} that ({interval})"


def _level(run: Run) -> str:
    return f"interval of {'' if run.other else 'at least '}95\u00a0%"


def choice_in_words(run: Run) -> str:
    """What chose the bundle's model, and what covers set its thresholds."""
    held_out = f"the {SPLIT_LABELS[run.other or run.split]} covers" if run.other else "the covers"
    if sum(model.kind == "fused" for model in run.models) < 2:
        return f"One model alone could be chosen, so all of {held_out} calibrate it and set its thresholds."
    return (
        f"The chosen model has the best {METRICS[run.chosen_by].label} on one half of {held_out}; the other "
        f"half calibrates it and sets its thresholds, since covers that chose a model flatter it."
    )
