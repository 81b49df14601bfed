"""What a report says in sentences, of a run whose predictions are laid down by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.drawing.words import spread
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.pipeline.run_folder import chance_of, read_run
from coverfusion.experiments.training.gist import gain, run_gist
from tests.helpers.planted_run import (
    COLOR,
    FUSED,
    RIGHT,
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
    assert "75.0\u00a0% of 12 test covers" in sentences[0]
    assert "33.3\u00a0%" in sentences[1]
    assert "50.0\u00a0%" in sentences[1]
    assert "25.0 points" in sentences[1]
    assert "color 50.0\u00a0% (" in sentences[2]
    assert "texture 25.0\u00a0% (" in sentences[2]
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
    assert f"its macro F1 is 75.0\u00a0% on 12 test covers (interval of 95\u00a0%: {spread(score)})" in gist
    assert (
        "would give a macro F1 of 16.7\u00a0% and the best single block (by validation) gives 50.0\u00a0%"
        in gist
    )
    ends = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "\u2212")
    assert ends in gist
    assert "Macro F1 of single blocks, in the order of validation: color 50.0\u00a0%" in gist
    assert ", texture 25.0\u00a0% (" in gist
    assert "accuracy" not in gist
    assert page.all("svg", "chart")[0].attributes["aria-label"].startswith("Macro F1 of each model")


def test_blocks_are_named_in_the_order_of_what_ordered_them(tmp_path: Path) -> None:
    # validation is as right as test, less its one most confident mistake: both say color, then texture
    gist = planted_run(tmp_path, RIGHT).page().all("p", "gist")[0].text
    assert "in the order of validation: color 50.0" in gist
    assert "one of the most frequent genres" in gist  # 20 covers of each


def test_a_loss_is_said_as_a_loss(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, RIGHT, metric="log_loss")
    run = read_run(inputs.folder)
    losses = [-np.log(_test_probabilities(inputs, model)).mean() for model in (FUSED, COLOR)]
    difference = gain(run, inputs.covers)
    assert difference
    assert difference.value == pytest.approx(losses[1] - losses[0])
    gist = inputs.page().all("p", "gist")[0].text
    assert f"its log loss is {losses[0]:.3f} on 12 test covers" in gist
    assert "Knowing only how common genres are would give a log loss of 1.099" in gist
    assert f"the best single block (by validation) gives {losses[1]:.3f}" in gist
    assert "practically equal" not in gist  # nobody said which differences matter
    assert "%" not in gist.replace("95\u00a0%", "")


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
    assert "fusing loses 91.7 points" in run_gist(run, "x", 0.3, gain(run, inputs.covers))[1]


def test_one_model_without_a_mistake_and_without_a_block_alone(tmp_path: Path) -> None:
    page = planted_run(tmp_path, {FUSED: 12}).page()
    assert not page.all("li", "mistake")
    assert "100.0\u00a0% of 12 test covers" in page.all("p", "gist")[0].text
