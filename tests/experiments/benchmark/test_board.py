"""Scores worked out by hand, pairs, guessing and what is too good to be true."""

import html
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.benchmark.board import GUESSING, Board, make_board
from coverfusion.experiments.benchmark.page import board_table, scores_chart, write_board
from coverfusion.experiments.benchmark.shown import TOO_GOOD, printed_board, verdict
from tests.helpers.tasks import submitted, written_task

MARKUP = "<script>alert('x')</script>"


def _repeated(values: list[float], times: int = 10) -> list[float]:
    return values * times


@pytest.fixture(scope="module")
def board() -> Board:
    """Two genres, a and b, in turn. Of each ten pictures `good` has nine right and `poor` six."""
    task = written_task(["a", "b"] * 50, [0] * 50 + [1] * 50)
    good = _repeated([0.9, 0.1] * 4 + [0.9, 0.9])
    poor = _repeated([0.6, 0.4, 0.6, 0.4, 0.6, 0.6, 0.6, 0.6, 0.4, 0.6])
    return make_board(
        task,
        [
            submitted(task, MARKUP, poor, 1 - np.array(poor)),
            submitted(task, "good", good, 1 - np.array(good)),
        ],
    )


def test_scores_by_hand(board: Board) -> None:
    scores = board.scores.set_index("system")
    assert scores.index.tolist() == ["good", MARKUP, GUESSING]
    assert scores["accuracy"].tolist() == pytest.approx([0.9, 0.6, 0.5])
    assert scores.loc["good", "log_loss"] == pytest.approx(-0.9 * np.log(0.9) - 0.1 * np.log(0.1))
    assert scores.loc["good", "brier"] == pytest.approx(0.9 * 2 * 0.1**2 + 0.1 * 2 * 0.9**2)
    assert scores.loc[GUESSING, "log_loss"] == pytest.approx(np.log(2))
    # of a all right and 10 of b called a: F1 of a is 2 * 50 / 110, of b 2 * 40 / 90
    assert scores.loc["good", "f1_macro"] == pytest.approx((100 / 110 + 80 / 90) / 2)
    assert (scores["accuracy_low"] < scores["accuracy"]).all()
    assert (scores["accuracy"] < scores["accuracy_high"]).all()


def test_a_difference_is_that_of_the_values(board: Board) -> None:
    behind, over = board.against("good"), board.against(GUESSING)
    assert behind["difference"].to_dict() == pytest.approx({MARKUP: -0.3, GUESSING: -0.4})
    assert over["difference"].to_dict() == pytest.approx({"good": 0.4, MARKUP: 0.1})
    assert (behind["low"] < behind["difference"]).all()
    assert (behind["difference"] < behind["high"]).all()
    assert len(board.pairs) == 3
    assert (board.pairs["p_holm"] >= board.pairs["p"]).all()
    table = board_table(board).set_index("system")
    assert table.loc[MARKUP, "behind_best"] == pytest.approx(0.3)
    assert table.loc[MARKUP, "behind_best_low"] == pytest.approx(-behind.loc[MARKUP, "high"])


def test_the_verdict_names_what_is_sure(board: Board) -> None:
    said = verdict(board)
    assert said[0].startswith("good has the best accuracy: 90.0")
    assert said[1] == f"It is significantly better than {MARKUP}."
    assert said[2] == f"Not significantly better than guessing: {MARKUP}."
    assert printed_board(board)["p"].tolist()[0] == ""
    assert [row.label for row in scores_chart(board).rows] == ["good", MARKUP, GUESSING]


def test_the_page_names_what_is_left_out_and_why(board: Board, tmp_path: Path) -> None:
    page = write_board(board, tmp_path / "all").read_text(encoding="utf-8")
    assert "Left out" not in page
    reason = "board/short.csv has no column 'cover_id', but index."
    page = write_board(board, tmp_path / "some", [reason]).read_text(encoding="utf-8")
    assert "<h2>Left out</h2>\n<p>1 file is no submission" in page
    assert html.escape(reason).replace("&#x27;", "&#39;") in page


def test_where_none_is_better_than_guessing_no_system_is_named_twice() -> None:
    task = written_task(["a", "b"] * 10, [0] * 10 + [1] * 10)
    one, two = np.array([0.6, 0.6] * 10), np.array([0.4, 0.4] * 10)
    said = verdict(
        make_board(task, [submitted(task, "one", one, 1 - one), submitted(task, "two", two, 1 - two)])
    )
    assert said[-1] == "No system is significantly better than guessing."


def test_pictures_that_belong_together_count_for_less() -> None:
    genres, folds = ["a", "b"] * 40, [0] * 40 + [1] * 40
    right = np.repeat(
        np.random.default_rng(0).random(20) < 0.7, 4
    )  # four of a group are right or wrong together
    truth = np.array(genres) == "a"
    p = np.where(right == truth, 0.9, 0.1)
    widths = []
    for groups in ((), [number // 4 for number in range(80)]):
        task = written_task(genres, folds, groups)
        row = make_board(task, [submitted(task, "one", p, 1 - p)]).scores.set_index("system").loc["one"]
        widths.append(row["accuracy_high"] - row["accuracy_low"])
    assert widths[1] > 1.5 * widths[0]


def test_losses_rank_the_least_first() -> None:
    task = written_task(["a", "b"] * 10, [0] * 10 + [1] * 10, metric="log_loss")
    sure, unsure = np.array([0.8, 0.2] * 10), np.array([0.6, 0.4] * 10)
    board = make_board(
        task, [submitted(task, "unsure", unsure, 1 - unsure), submitted(task, "sure", sure, 1 - sure)]
    )
    assert board.scores["system"].tolist() == ["sure", "unsure", GUESSING]
    assert board.against("sure").loc["unsure", "difference"] == pytest.approx(np.log(0.6) - np.log(0.8))


def test_what_is_nearly_perfect_is_flagged(board: Board) -> None:
    task = board.task
    p = np.where(task.pictures["genre"] == "a", 0.99, 0.01)
    perfect = make_board(task, [submitted(task, "leaky", p, 1 - p)])
    assert perfect.flagged == ["leaky"]
    assert TOO_GOOD in verdict(perfect)[-1]
    assert board.flagged == []


def test_guessing_may_be_the_best() -> None:
    task = written_task(["a", "a", "a", "b"] * 10, [0] * 20 + [1] * 20)
    p = np.where(np.arange(40) % 4 == 3, 0.9, 0.1)
    board = make_board(task, [submitted(task, "bad", p, 1 - p)])
    assert board.best == GUESSING
    assert "bad" in verdict(board)[-1]


def test_names_are_unique(board: Board) -> None:
    one = board.submissions["good"]
    with pytest.raises(UserError, match="two submissions are called 'good'"):
        make_board(board.task, [one, one])
    with pytest.raises(UserError, match="nothing was submitted"):
        make_board(board.task, [])


def test_the_page_escapes_what_is_submitted(board: Board, tmp_path: Path) -> None:
    page = write_board(board, tmp_path / "b").read_text()
    assert MARKUP not in page
    assert "&lt;script&gt;" in page
    assert "javascript:" not in page
    written = pd.read_csv(tmp_path / "b" / "leaderboard.csv")
    assert written["accuracy"].tolist() == pytest.approx([0.9, 0.6, 0.5])
    assert (tmp_path / "b" / "figures" / "scores.svg").is_file()
    assert (tmp_path / "b" / "comparisons.csv").is_file()


def test_why_a_file_is_left_out_is_shown_with_code_and_escaped(board: Board, tmp_path: Path) -> None:
    page = write_board(board, tmp_path / "b", [f"{MARKUP}: run `coverfusion benchmark submit` on it."])
    text = page.read_text()
    assert "run <code>coverfusion benchmark submit</code> on it." in text
    assert MARKUP not in text
