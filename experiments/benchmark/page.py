"""The folder of a leaderboard: tables, charts, and `index.html`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.outputs import make_output_folder
from coverfusion.experiments.benchmark.board import Board
from coverfusion.experiments.benchmark.shown import UNCHECKED, score_of, verdict
from coverfusion.experiments.benchmark.submission import GUESSING
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.forest import Forest, Row, difference_forest, forest_axis
from coverfusion.experiments.drawing.words import p_value, records
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.compared import METHODS
from coverfusion.experiments.pipeline.provenance import environment, write_json


def write_board(board: Board, folder: str | os.PathLike[str], left_out: Sequence[str] = ()) -> Path:
    """Writes `leaderboard.csv`, `comparisons.csv`, `environment.json`, `figures/` and `index.html`.

    Args:
        board: what is shown.
        folder: where.
        left_out: why other files are not ranked, a sentence or two each.
    """
    folder = make_output_folder(folder)
    write_csv(board_table(board), folder / "leaderboard.csv")
    write_csv(board.pairs, folder / "comparisons.csv")
    made = environment() | {"task": board.task.name, "digest": board.task.digest}
    write_json(folder / "environment.json", made)
    charts = {"scores": scores_chart(board)}
    if len(board.scores) > 2:
        charts["behind"] = behind_chart(board)
    pages.save_charts(folder, charts)
    metrics = [board.task.metric, *(m for m in METRICS.values() if m.name != board.task.metric.name)]
    context: dict[str, Any] = {
        "task": board.task,
        "verdict": verdict(board),
        "charts": charts,
        "rows": _rows(board),
        "pairs": records(board.pairs),
        "metrics": metrics,
        "metric": board.task.metric,
        "left_out": left_out,
        "unchecked": UNCHECKED,
        "guessing": GUESSING,
        "flagged": board.flagged,
        "how": METHODS[board.pairs["method"].iloc[0]],
        "environment": made,
        **pages.script("leaderboard.js"),
    }
    page = folder / "index.html"
    pages.write(page, pages.render("benchmark.html", context, {"p_value": p_value}))
    return page


def board_table(board: Board) -> pd.DataFrame:
    """One row a system: scores with intervals, differences to the best and to guessing, whose it is."""
    table = board.scores.copy()
    for name, reference in (("behind_best", board.best), ("over_guessing", GUESSING)):
        against = board.against(reference).reindex(table["system"])
        sign = -1 if name == "behind_best" else 1
        low, high = (sign * against[end] for end in (("high", "low") if sign < 0 else ("low", "high")))
        table[name] = (sign * against["difference"]).to_numpy()
        table[f"{name}_low"], table[f"{name}_high"] = low.to_numpy(), high.to_numpy()
        table[f"{name}_p_holm"] = against["p_holm"].to_numpy()
    entered = [board.submissions[name] for name in table["system"]]
    for field in ("guessed", "authors", "trained_on", "code", "notes"):
        table[field] = [getattr(one, field) for one in entered]
    return table.assign(task=board.task.digest)


def scores_chart(board: Board) -> Forest:
    """The value of each system; a hollow mark is not significantly better than guessing."""
    metric, over = board.task.metric, board.against(GUESSING)
    line = metric.scale * score_of(board, GUESSING).value
    rows = []
    for name in board.scores["system"]:
        score = score_of(board, name)
        sure = name != GUESSING and bool(over.loc[name, "p_holm"] < ALPHA)
        rows.append(Row(name, score.value, score.low, score.high, filled=sure).scaled(metric.scale))
    return Forest(
        title=f"{metric.label} of each system",
        rows=rows,
        axis=forest_axis(rows, line),
        axis_label=f"{metric.named}, 95 % interval",
        shown=metric.figure,
        tick=metric.tick,
        line=line,
        line_label="guessing",
        keys={"hollow": "no better than guessing (Holm)"},
    )


def behind_chart(board: Board) -> Forest:
    """How much better the best is than each other system; a hollow mark is not significant."""
    metric = board.task.metric
    behind = board.against(board.best).reindex(board.scores["system"]).drop(index=[board.best])
    rows = [
        Row(str(name), -row["difference"], -row["high"], -row["low"], filled=row["p_holm"] < ALPHA).scaled(
            metric.scale
        )
        for name, row in behind.iterrows()
    ]
    return difference_forest(f"How much better {board.best} is than each other", rows, metric)


def _rows(board: Board) -> list[dict[str, Any]]:
    """Of each system its row in the table, and whether its code is an address that a browser may open."""
    rows = records(board_table(board))
    return [row | {"linked": urlsplit(row["code"]).scheme in ("http", "https")} for row in rows]
