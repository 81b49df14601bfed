"""What a run comes to, in sentences: which model won, by how much, and what the choice owes to luck.

All of it is in the metric that the config ranks by, with its own baseline and interval.
"""

from __future__ import annotations

import pandas as pd

from coverfusion.experiments.drawing.words import (
    SPLIT_LABELS,
    gain_words,
    held_out_words,
    interval_words,
    listed,
    value_words,
)
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.evaluation.compared import compared_by_groups
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.chosen_by_score import candidate_pairs, differences_of, fusing_pairs
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel

BY_FOLDS = (
    "coverfusion compare tests the same over folds. Where the two disagree, the difference is not settled."
)


def gain(run: Run, covers: pd.DataFrame) -> Interval | None:
    """How much better a model on several blocks is than the best single block, on the same covers.

    It is the chosen model, or where that sees one block alone, the best of those on several (`Run.fusing`).

    Where validation chose both, the 95 % interval is of sign-flips over groups, or of the bootstrap
    (`experiments.evaluation.compared`). Where the same covers chose them, it holds for all `fusing_pairs` at
    once (`experiments.evaluation.best_of_many`) and is widened for folds. None where no block stood alone.
    """
    if not run.alone:
        return None
    if run.other is None:
        many = differences_of(run, fusing_pairs(run))
        return many.interval(run.models.index(run.fusing), run.models.index(run.alone[0]))
    both = [run.predictions(model) for model in (run.fusing, run.alone[0])]
    sums = predicted_sums(both[0], run.metric), predicted_sums(both[1], run.metric)
    known = covers.drop_duplicates("cover_id").set_index("cover_id")["group"]
    test = compared_by_groups(run.metric, sums, known.loc[both[0].index].to_numpy(), run.config["seed"])[0]
    return Interval(test.difference, test.low, test.high)


def chosen_words(run: Run, corrected: Interval | None) -> list[str]:
    """What the choice adds to the best score, and which models may be as good; none of a run with a split."""
    if corrected is None:
        return []
    metric, fused = run.metric, [model for model in run.models if model.kind == "fused"]
    without = f"{value_words(metric, corrected.value)} ({interval_words(metric, corrected)})"
    score = run.score(run.chosen)
    if without == f"{value_words(metric, score.value)} ({interval_words(metric, score)})":
        kept = value_words(metric, score.value)
        first = f"Correcting its {metric.label} for the choice among {len(fused)} models leaves it at {kept}."
    else:
        what = "" if metric.name == "accuracy" else f"{metric.label} "
        first = (
            f"As the best of {len(fused)} on the same {run.item}s it may be flattered: corrected, "
            f"{what}{without}."
        )
    return [first, *_other_words(run, [model for model in fused if model is not run.chosen])]


def _other_words(run: Run, others: list[ScoredModel]) -> list[str]:
    """Which models are better or worse than the chosen one, and which of them significantly."""
    metric, pairs = run.metric, candidate_pairs(run)
    many, chosen = differences_of(run, pairs), run.models.index(run.chosen)
    how = f"a {'higher' if metric.higher_is_better else 'lower'} {metric.label}"
    surely: list[str] = []
    better: list[str] = []
    near: list[str] = []
    worse: list[str] = []
    for model in others:
        lead = many.interval(chosen, run.models.index(model))
        kind = surely if lead.high < 0 else worse if lead.low > 0 else better if lead.value < 0 else near
        kind.append(model.classifier)
    sentences = [f"{_have(surely)} {how}, significantly."] if surely else []
    if better:
        sentences.append(f"{_have(better)} {how}, but not significantly.")
    if near:
        sentences.append(f"Not significantly worse in {metric.label}: {listed(near)}.")
    if worse:
        sentences.append(f"Significantly worse in {metric.label}: {listed(worse)}.")
    how_many = f"all {len(pairs)} pairs of these models at once" if len(pairs) > 1 else "this pair of models"
    return [*sentences, f"This is a test of {how_many}, by a bootstrap of groups; {BY_FOLDS}"]


def _have(names: list[str]) -> str:
    return f"{listed(names)} {'have' if len(names) > 1 else 'has'}"


def score_words(run: Run) -> str:
    """What the chosen model reaches on the covers that count, such as "it names the right genre for 57 %"."""
    covers = f"{run.covers:,} {held_out_words(run.split, run.item)}"
    score, metric = run.score(run.chosen), run.metric
    reached = f"{value_words(metric, score.value)} ({interval_words(metric, score)})"
    what = (
        f"it names the right genre for {reached} of"
        if metric.name == "accuracy" and not run.several
        else f"it names exactly the right genres for {reached} of"
        if metric.name == "accuracy"
        else f"its {metric.label} is {reached} on"
    )
    return f"{what} {covers}"


def chosen_by_words(run: Run) -> str:
    """By which score it was chosen; nothing where there was no choice."""
    several = sum(model.kind == "fused" for model in run.models) > 1
    return f"by {SET_METRICS[run.chosen_by].label}" if several else ""


def guess_words(run: Run, usual: str, chance: float) -> str:
    """The baseline of the run's metric, and whether the chosen model may be no better; no full stop."""
    nearer = run.metric.better(_nearer(run.metric, run.score(run.chosen)))
    beyond = "above" if run.metric.higher_is_better else "below"
    verdict = (
        f"the interval of the chosen model lies {beyond} that"
        if nearer > run.metric.better(chance)
        else "the chosen model is not significantly better"
    )
    return f"{_baseline_words(run, usual, chance)}; {verdict}"


def _baseline_words(run: Run, usual: str, chance: float) -> str:
    metric, reached = run.metric, value_words(run.metric, chance)
    if guessed := run.guessed.get(run.split):
        reached += f" (guessing by the prior: {value_words(metric, guessed[metric.name])})"
    if not metric.percent:
        return f"Knowing only how common genres are would give a {metric.label} of {reached}"
    if run.several:
        return f"Naming every genre for each {run.item} would give a {metric.label} of {reached}"
    covers = list(run.facts["genres"].values())
    how = "one of the most frequent genres" if covers.count(max(covers)) > 1 else "the most frequent genre"
    always = f"Always saying {usual}, {how}, would"
    if metric.name == "accuracy":
        return f"{always} be right for {reached}"
    return f"{always} give a {metric.label} of {reached}"


def chosen_name(run: Run) -> str:
    """The chosen model, and what it sees."""
    return f"{run.chosen.classifier} on {run.chosen.on}"


def run_gist(run: Run, usual: str, chance: float, difference: Interval | None) -> list[str]:
    """Three sentences in plain words: how good the chosen model is, chance, and which block says most."""
    by = f" ({chosen_by_words(run)})" if chosen_by_words(run) else ""
    won = f"The chosen model{by} is {chosen_name(run)}: {score_words(run)}."
    guess = f"{guess_words(run, usual, chance)}."
    if difference is None:
        return [won, guess, "No block was tried alone beside others, so nothing is said here of fusing."]
    metric, single = run.metric, run.alone[0]
    score = run.score(single)
    said = f"{value_words(metric, score.value)} ({interval_words(metric, score)})"
    order = " by validation" if run.other else f" of {len(run.alone)}, not corrected for that,"
    block = f"The best single block{order} is {best_single(run)} with {said}; {_verdict(run, difference)}."
    better = any(
        metric.better(_nearer(metric, run.score(model))) > metric.better(chance) for model in run.alone
    )
    doubt = "" if better else " No block alone is significantly better than chance on these covers."
    return [won, guess, " ".join(filter(None, [block, family_words(run)])) + doubt]


def family_words(run: Run) -> str:
    """Over how many comparisons the interval of `gain` holds; "" where it is of one pair."""
    pairs = 0 if run.other else len(fusing_pairs(run))
    if pairs < 2:
        return ""
    fused = "a fused model" if run.fusing.fuses else "a model"
    return f"That interval holds for all {pairs} pairs of {fused} and a single block at once."


def best_single(run: Run) -> str:
    """The best block alone, and what others are exactly as good: "objects, level with ocr,"."""
    first, *others = run.alone
    best = run.score(first).value
    level_with = [] if run.other else [one.blocks[0] for one in others if run.score(one).value == best]
    return f"{first.blocks[0]}, level with {listed(level_with)}," if level_with else first.blocks[0]


def alone_words(run: Run) -> str:
    """Why models on one block alone are no choice; "" where there are none."""
    if not run.alone:
        return ""
    seen = " (text sees the words alone)" if any(model.classifier == "text" for model in run.models) else ""
    return (
        "Models on one block alone only show what that block is worth. The bundle's model is chosen among "
        f"the others, each on every block that it can see{seen}."
    )


def _nearer(metric: Metric, interval: Interval) -> float:
    """The worse end of an interval."""
    return interval.low if metric.higher_is_better else interval.high


def _verdict(run: Run, difference: Interval) -> str:
    """What a model gains over the best single block, and whether that is sure."""
    metric, model = run.metric, run.fusing
    doing = f"fusing all in {model.classifier}" if model.fuses else model.classifier
    interval = f"{gain_words(metric, difference.low)} to {gain_words(metric, difference.high)}"
    size = gain_words(metric, abs(difference.value)).lstrip("+")
    unit = "points" if metric.name == "accuracy" else metric.gain if metric.percent else metric.label
    if difference.low > 0:
        how = f"gains {size} {unit} over" if metric.percent else f"takes {size} off the {unit} of"
    elif difference.high < 0:
        how = f"loses {size} {unit} against" if metric.percent else f"adds {size} to the {unit} of"
    else:
        value = f"{gain_words(metric, difference.value)} {'points' if metric.percent else metric.gain}"
        return f"{doing} makes no significant difference ({value}, {interval})"
    return f"{doing} {how} that ({interval})"


def level(run: Run) -> str:
    """What intervals of the run are."""
    return f"intervals of {'' if run.other else 'at least '}95\u00a0%"


def choice_in_words(run: Run) -> str:
    """What chose the bundle's model, and what covers set its thresholds."""
    held_out = f"the {SPLIT_LABELS[run.other or run.split]} {run.item}s" if run.other else f"the {run.item}s"
    if sum(model.kind == "fused" for model in run.models) < 2:
        decide = "set its thresholds and genre sets" if run.several else "calibrate it and set its thresholds"
        return f"One model alone could be chosen, so all of {held_out} {decide}."
    label = SET_METRICS[run.chosen_by].label
    # probabilities of several genres are not calibrated
    decides = "sets its thresholds and genre sets" if run.several else "calibrates it and sets its thresholds"
    return (
        f"The chosen model has the best {label} on one half of {held_out}; the other "
        f"half {decides}, since {run.item}s that chose a model flatter it."
    )
