"""What several commands print."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    import pandas as pd

    from coverfusion.experiments.evaluation.chosen_metric import Metric


# of `metrics.json`
BASELINES = {"baseline": "Knowing only how common genres are", "guessed": "Guessing by the prior"}


def print_run(folder: Path) -> None:
    """Prints the leaderboard of a run and where everything is."""
    import pandas as pd

    from coverfusion.experiments.evaluation.chosen_metric import METRICS
    from coverfusion.experiments.pipeline.results_csv import read_results
    from coverfusion.experiments.training.limits import caveats

    board = read_results(folder / "leaderboard.csv")
    file = folder / "metrics.json"
    scores = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    metric = METRICS[scores.get("ranked_by", "accuracy")]
    # a set with a colon is of parts of a block, such as the text that `text` sees
    all_blocks = max(board["blocks"], key=lambda blocks: (":" not in blocks, len(blocks)))
    console.print(f"All blocks: {all_blocks.replace('+', ', ')}")
    for name, part in board.groupby("split", sort=False):
        console.print(leaderboard_table(str(name), part, all_blocks, metric))
        for key, what in BASELINES.items():
            if known := scores.get(key, {}).get(str(name)):
                values = ", ".join(f"{METRICS[each].label} {value:.3f}" for each, value in known.items())
                console.print(f"{what}: {values}", highlight=False)
    if "folds" in set(board["split"]):
        _print_corrected(folder)
    if (folder / "collection.json").is_file():
        for sentence in caveats(json.loads((folder / "collection.json").read_text(encoding="utf-8"))):
            console.print(sentence, highlight=False)
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
    print_places(folder, {"Run folder": "", "Model bundle": "bundle", "Report": "report.html"})


def _print_corrected(folder: Path) -> None:
    """What the best model is without the luck of the choice, where there was one."""
    from coverfusion.experiments.pipeline.chosen_by_score import corrected_score
    from coverfusion.experiments.pipeline.run_folder import read_run

    run = read_run(folder)
    if corrected := corrected_score(run):
        console.print(
            f"As the best of several on the same covers {run.chosen.classifier} may be flattered: corrected, "
            f"{run.metric.label} {corrected.value:.3f} ({corrected.low:.3f}-{corrected.high:.3f})."
        )


def leaderboard_table(name: str, board: pd.DataFrame, all_blocks: str, metric: Metric) -> Table:
    """A leaderboard as a table; one on a single block among others is named with it.

    The metric that it is ranked by comes first, with its interval.
    """
    level = "at least 95 %" if name == "folds" else "95 %"
    table = Table(title=f"Leaderboard, {name} ({board['covers'].iloc[0]} covers), {level} intervals")
    table.add_column("model", overflow="fold")
    shown = {"accuracy": "accuracy", "f1_macro": "macro F1", "log_loss": "log loss", "ece": "ECE"}
    shown.pop(metric.column, None)
    for column in (metric.label, *shown.values(), "fit s"):
        table.add_column(column, justify="right", no_wrap=True)
    ends = [f"{metric.column}{end}" for end in ("", "_low", "_high")]
    for row in board.itertuples():
        value, low, high = (getattr(row, name) for name in ends)
        classifier, blocks = str(row.classifier), str(row.blocks)
        fused = blocks == all_blocks or "+" in blocks
        table.add_row(
            classifier if fused else f"{classifier}, {blocks} alone",
            f"{value:.3f} ({low:.3f}-{high:.3f})",
            *(f"{getattr(row, score):.3f}" for score in shown),
            f"{row.fit_seconds:.1f}",
        )
    return table


def print_equal(rope: float | None, metric: Metric) -> None:
    """Prints what the column `equal` of comparisons means, where there is one."""
    from coverfusion.experiments.drawing.words import region

    within = metric.rope(rope)
    if within == within:
        said = region(within, metric.percent)
        console.print(f"equal: the probability that the difference is within {said}.")


def print_places(folder: Path, names: Mapping[str, str]) -> None:
    """Prints a line for each label: the file of this name in the folder, or the folder for ""."""
    for label, name in names.items():
        print_place(label, folder / name)


def print_place(label: str, place: object) -> None:
    """Prints where something is, on one line however long."""
    console.print(f"{label}: {place}", soft_wrap=True)


def log_if_asked(place: Path, track: bool, tracking_uri: str | None) -> None:
    """Logs a finished result to MLflow where `--track` or `--tracking-uri` asks for it."""
    if not track and tracking_uri is None:
        return
    from coverfusion.experiments.tracking.log import log_folder

    print_place("MLflow run", log_folder(place, tracking_uri))
