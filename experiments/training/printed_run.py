"""What the terminal says of a finished run: its models, which one was chosen, and what is right by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
from rich.table import Table

from coverfusion.experiments.drawing.words import (
    SPLIT_LABELS,
    headed,
    score_labels,
    scored,
)
from coverfusion.experiments.evaluation.chosen_metric import LOSSES
from coverfusion.experiments.pipeline.chosen_by_score import corrected_score
from coverfusion.experiments.pipeline.console import console, new_table, print_frame
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, baseline_row, chance_of, read_run
from coverfusion.experiments.training.gist import (
    alone_words,
    choice_in_words,
    chosen_by_words,
    chosen_name,
    chosen_words,
    guess_words,
    score_words,
)
from coverfusion.experiments.training.limits import caveats

SHOWN_SCORES = ("f1_macro", "log_loss")  # beside accuracy
SHOWN_SET_SCORES = ("f1_micro", "accuracy", "log_loss")  # beside macro F1, of covers of several genres
CHOSEN_MARK = "\u2605"


def print_scores(folder: Path) -> None:
    """Prints the leaderboard of a run, what was chosen, chance, and what flatters the figures."""
    run = read_run(folder)
    console.print(leaderboard_table(run))
    if run.several:
        console.print("guessing: every genre for each cover; its log loss is of their proportions.")
    elif baseline_row(run):
        console.print(
            "guessing: the most frequent genre; its log loss is of knowing only how common genres are."
        )
    if run.alone:
        console.print(alone_words(run))
    for sentence in (*choice_sentences(run), *caveats(run.facts)):
        console.print(sentence)
    _print_studies(folder)


def choice_sentences(run: Run) -> Iterator[str]:
    """Which model was chosen and how good it is, the baseline, and what flatters the choice."""
    who = f"The chosen model ({', '.join(filter(None, [CHOSEN_MARK, chosen_by_words(run)]))})"
    yield f"{who} is {chosen_name(run)}: {score_words(run)}."
    yield f"{guess_words(run, *chance_of(run, run.metric))}."
    yield choice_in_words(run)
    yield from chosen_words(run, corrected_score(run))


def leaderboard_table(run: Run) -> Table:
    """The models as the report has them, the best first; the title says by what and on which covers."""
    metric, ranking = run.metric, run.other or run.split
    where = f"{_covers(run, ranking):,} {SPLIT_LABELS[run.other]} {run.item}s" if run.other else "all folds"
    table = new_table(f"Models, the best {metric.label} on {where} first")
    table.add_column("model", overflow="fold")
    level = "95 %" if run.other else "at least 95 %"
    first, shown = ("f1_macro", SHOWN_SET_SCORES) if run.several else ("accuracy", SHOWN_SCORES)
    others = [name for name in dict.fromkeys([metric.column, *shown]) if name != first]
    labels = score_labels(run.several)
    heads = [f"{SPLIT_LABELS[ranking]}\n{_head(metric.column, labels)}"] if run.other else []
    ends = f"({level} interval)"
    head = f"{SPLIT_LABELS[run.split]} {labels[first]}, %\n{ends}"
    if run.several:  # narrow, so that "kernel_ridge, texture alone" stays on its line in 80 columns
        narrow = ends.replace("least ", "least\n")
        head = f"{SPLIT_LABELS[run.split]}\n{labels[first]}, %\n{narrow}"
    heads.append(head)
    heads += [_head(name, labels) for name in others]
    for head in [*heads, "fit, s"]:
        table.add_column(head, justify="right", no_wrap=True)
    for model in run.models:
        scores = model.scores[run.split]
        table.add_row(
            _name(model),
            *([_value(model, ranking, metric.column)] if run.other else []),
            scored(scores[first]),
            *(_value(model, run.split, name) for name in others),
            f"{model.seconds:.1f}",
            style="bold" if model.chosen else None,
        )
    if guessed := baseline_row(run):
        table.add_section()
        values = [scored(guessed[name], name not in LOSSES) for name in [first, *others] if name in guessed]
        gaps = [""] * (1 + len(others) - len(values))
        table.add_row("guessing", *([""] if run.other else []), *values, *gaps, "")
    return table


def _covers(run: Run, split: str) -> int:
    return run.chosen.covers[split]


def _value(model: ScoredModel, split: str, name: str) -> str:
    return scored(model.scores[split][name], name not in LOSSES).partition(" (")[0]


def _head(name: str, labels: Mapping[str, str]) -> str:
    """A word a line, to be narrow."""
    label = labels[name]
    return headed(label.replace(" ", "\n"), name not in LOSSES)


def _name(model: ScoredModel) -> str:
    name = model.classifier if model.kind == "fused" else f"{model.classifier}, {model.on}"
    return f"{CHOSEN_MARK} {name}" if model.chosen else name


def _print_studies(folder: Path) -> None:
    """Prints what more was asked of a run: weights of stacks, seeds of networks, nested folds."""
    if (folder / "stack_weights.csv").is_file():
        from coverfusion.experiments.training.stack_weights import summary

        print_frame(summary(pd.read_csv(folder / "stack_weights.csv")), "Weights of the stack's members")
    if (folder / "seeds.csv").is_file():
        from coverfusion.experiments.training.seed_study import summary as seed_summary

        table = pd.read_csv(folder / "seeds.csv")
        title = f"Networks under {table['seeds'].max()} seeds: what one fit's accuracy on one fold varies by"
        print_frame(seed_summary(table), f"{title}, points (standard deviation)")
    if (folder / "nested.csv").is_file():
        from coverfusion.experiments.training.nested_study import summary as nested_summary

        print_frame(
            nested_summary(pd.read_csv(folder / "nested.csv")),
            "Nested folds: accuracy of the model that learns from all covers, %",
        )
