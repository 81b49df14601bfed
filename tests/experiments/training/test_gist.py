"""What a report says in sentences, of a run whose predictions are laid down by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.drawing.words import main_scores, spread
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.pipeline.config import make_config, write_config
from coverfusion.experiments.pipeline.run_folder import chance_of, read_run
from coverfusion.experiments.training.gist import gain, run_gist
from coverfusion.experiments.training.report import leaderboard_chart
from tests.helpers.planted_run import (
    COLOR,
    FUSED,
    RIGHT,
    SECOND,
    Inputs,
    planted_run,
)


def test_gist_says_who_won_against_chance_and_the_best_block(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    usual, chance = chance_of(run, METRICS["accuracy"])
    assert chance == pytest.approx(4 / 12)
    difference = gain(run, inputs.covers)
    assert difference is not None
    assert difference.value == pytest.approx(3 / 12)
    sentences = run_gist(run, usual, chance, difference)
    assert len(sentences) == 3
    assert "logistic on both blocks" in sentences[0]
    score = run.score(run.chosen)
    assert f"75.0\u00a0% ({spread(score)}) of 12 test covers" in sentences[0]
    assert "33.3\u00a0%" in sentences[1]
    assert "by validation is color with 50.0\u00a0% (" in sentences[2]
    assert "25.0 points" in sentences[2]
    assert ("the chosen model is not significantly better" in sentences[1]) == (score.low <= 4 / 12)
    assert ("the interval of the chosen model lies above that" in sentences[1]) == (score.low > 4 / 12)
    assert "not significantly better" in run_gist(run, usual, score.low, difference)[1]
    assert sentences[0].startswith("The chosen model (by log loss) is logistic")
    assert sentences[2].endswith("No block alone is significantly better than chance on these covers.")


def test_every_sentence_is_in_the_metric_that_models_are_ranked_by(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, RIGHT, metric="macro_f1")
    run = read_run(inputs.folder)
    # of each genre three of four are right and one other cover is named so, and two of four by the block
    score, difference = run.score(run.chosen), gain(run, inputs.covers)
    assert difference
    assert (score.value, difference.value) == pytest.approx((0.75, 0.25))
    page = inputs.page()
    gist = page.all("p", "gist")[0].text
    assert f"its macro F1 is 75.0\u00a0% ({spread(score)}) on 12 test covers" in gist
    assert "would give a macro F1 of 16.7\u00a0%; " in gist
    ends = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "\u2212")
    assert ends in gist
    assert "The best single block by validation is color with 50.0\u00a0%" in gist
    assert "accuracy" not in gist
    assert page.all("svg", "chart")[0].attributes["aria-label"].startswith("Macro F1 of each model")


def test_equally_frequent_genres_are_said_to_be_so(inputs: Inputs) -> None:
    assert "one of the most frequent genres" in inputs.page().all("p", "gist")[0].text  # 20 covers of each


def test_fusing_is_what_a_model_on_several_blocks_gains_also_where_it_was_not_chosen(tmp_path: Path) -> None:
    seen = Model("finetune", ("pixels",))  # the chosen one sees the pictures themselves, and no block
    inputs = planted_run(tmp_path, {seen: 11, FUSED: 9, SECOND: 7, COLOR: 6})
    run = read_run(inputs.folder)
    assert (run.chosen.classifier, run.fusing.classifier) == ("finetune", "logistic")
    difference = gain(run, inputs.covers)
    assert difference
    assert difference.value == pytest.approx(3 / 12)  # logistic less color
    page = inputs.page()
    assert "fusing all in logistic" in page.all("p", "gist")[0].text
    assert [tile.text for tile in page.all("div", "tile")][2].startswith("+25.0points by fusing, in logistic")
    groups = [row.heading for row in leaderboard_chart(run, 1 / 3).rows]
    assert groups == ["all blocks fused"] * 2 + ["the pictures themselves", "one block alone"]


def test_without_a_model_on_several_blocks_the_chosen_one_is_compared(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, {Model("finetune", ("pixels",)): 1, COLOR: 12})
    run = read_run(inputs.folder)
    assert "; finetune loses 91.7 points" in run_gist(run, "x", 0.3, gain(run, inputs.covers))[2]


def test_guessing_stands_below_the_models_with_its_log_loss(inputs: Inputs) -> None:
    (foot,) = inputs.page().all("tfoot")
    assert foot.text.split()[0] == "guessing"
    assert all(value in foot.text for value in ("33.3", "16.7", "1.099"))


def test_the_top_three_of_three_genres_say_nothing(inputs: Inputs) -> None:
    assert "top-3" not in inputs.page().all("thead")[0].text
    assert "top3_accuracy" in main_scores(METRICS["accuracy"], 4)


@pytest.mark.parametrize(
    ("keep", "said"), [("drop", "left out"), ("first", "first genre"), ("all", "every genre")]
)
def test_what_became_of_covers_under_several_genres(tmp_path: Path, keep: str, said: str) -> None:
    inputs = planted_run(tmp_path, {FUSED: 9})
    config = make_config("test", collection=tmp_path / "covers", keep=keep)
    write_config(config, inputs.folder / "config.yaml")
    rows = "cover_id,path,genre,group,kind\nx,a.jpg,NA,1,same\ny,b.jpg,NA,2,near\n"
    (inputs.folder / "conflicts.csv").write_text(rows)
    (sentence,) = [e.text for e in inputs.page().all("p") if "“near”" in e.text]
    assert said in sentence


def test_a_loss_is_said_as_a_loss(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, RIGHT, metric="log_loss")
    run = read_run(inputs.folder)
    losses = [-np.log(_test_probabilities(inputs, model)).mean() for model in (FUSED, COLOR)]
    difference = gain(run, inputs.covers)
    assert difference
    assert difference.value == pytest.approx(losses[1] - losses[0])
    gist = inputs.page().all("p", "gist")[0].text
    assert f"its log loss is {losses[0]:.3f} (" in gist
    assert "Knowing only how common genres are would give a log loss of 1.099" in gist
    assert f"The best single block by validation is color with {losses[1]:.3f}" in gist
    assert "%" not in gist


def _test_probabilities(inputs: Inputs, model: Model) -> np.ndarray:
    """(12,) what a model gave the true genres of the test covers."""
    frame = pd.read_parquet(inputs.folder / "predictions.parquet").query("split == 'test'")
    own = frame[(frame["classifier"] == model.classifier) & (frame["blocks"] == "+".join(model.blocks))]
    return np.array([row[f"p_{row['genre']}"] for row in own.to_dict("records")])


def test_gain_is_paired_cover_by_cover(tmp_path: Path) -> None:
    # both models are right on the very same covers: the difference is zero in every resample, and its
    # interval as far as Wilson's of 0 out of 12
    inputs = planted_run(tmp_path, {FUSED: 7, COLOR: 7})
    found = gain(read_run(inputs.folder), inputs.covers)
    reach = 3.8415 / (12 + 3.8415)
    assert found
    assert (found.value, found.low, found.high) == pytest.approx((0, -reach, reach), abs=1e-4)


def test_gain_draws_whole_groups(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    apart = gain(run, inputs.covers)
    # covers 6, 7 and 8 make the difference; in one group they come and go together
    three = inputs.covers["cover_id"].isin(["test-06", "test-07", "test-08"])
    together = gain(run, inputs.covers.assign(group=inputs.covers["group"].mask(three, -1)))
    assert apart
    assert together
    assert apart.value == together.value
    assert together.high - together.low > apart.high - apart.low


def test_a_worse_fused_model_is_called_worse(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, {FUSED: 1, COLOR: 12})
    run = read_run(inputs.folder)
    assert "fusing all in logistic loses 91.7 points" in run_gist(run, "x", 0.3, gain(run, inputs.covers))[2]


def test_one_model_without_a_mistake_and_without_a_block_alone(tmp_path: Path) -> None:
    page = planted_run(tmp_path, {FUSED: 12}).page()
    assert not page.all("li", "mistake")
    assert "100.0\u00a0% (" in page.all("p", "gist")[0].text
