"""Learning rates by hand: of each stage, over the steps, and the steepest of a made-up curve."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from coverfusion.fusion.networks.learning_rate import (
    HIGHEST,
    LOWEST,
    candidate_rates,
    parameter_groups,
    schedule_of,
    stage_of,
    steepest,
)
from tests.helpers.tinted import TinyNetwork, recipe


def test_a_stage_is_told_by_whole_names() -> None:
    stages = [["conv", "bn"], ["layer1"]]
    names = ["conv.weight", "bn.bias", "layer1.0.weight", "layer10.weight", "head.weight", "conv"]
    assert [stage_of(name, stages) for name in names] == [0, 0, 1, 2, 2, 0]


def test_rates_fall_by_the_decay_from_the_answer_to_the_picture() -> None:
    network = TinyNetwork()
    groups = parameter_groups(network, recipe(layer_decay=0.5, weight_decay=0.1), 0.08)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    found = {name: rates[id(p)] for name, p in network.named_parameters()}
    assert found == {
        "first.0.weight": (0.02, 0.1),
        "first.0.bias": (0.02, 0.0),
        "first.1.weight": (0.02, 0.0),
        "first.1.bias": (0.02, 0.0),
        "second.0.weight": (0.04, 0.1),
        "second.0.bias": (0.04, 0.0),
        "second.1.weight": (0.04, 0.0),
        "second.1.bias": (0.04, 0.0),
        "head.1.weight": (0.08, 0.1),
        "head.1.bias": (0.08, 0.0),
    }


def test_frozen_parameters_are_in_no_group_and_need_no_gradient() -> None:
    network = TinyNetwork()
    groups = parameter_groups(network, recipe(frozen_stages=1), 0.08)
    learnt = {id(p) for group in groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        frozen = name.startswith("first")
        assert (id(parameter) in learnt) != frozen
        assert parameter.requires_grad != frozen
    assert sum(len(group["params"]) for group in groups) == len(learnt) == 6


@pytest.mark.parametrize(
    ("schedule", "first", "last"), [("one-cycle", 1 / 25, 0.0), ("cosine", 1.0, 0.0), ("constant", 1.0, 1.0)]
)
def test_the_course_of_the_rates(schedule: str, first: float, last: float) -> None:
    optimizer = torch.optim.AdamW(parameter_groups(TinyNetwork(), recipe(), 0.08))
    course = schedule_of(optimizer, recipe(schedule=schedule), 20)
    seen = []
    for _ in range(20):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        course.step()
    heads = np.array(seen)[:, -1] / 0.08
    assert heads[0] == pytest.approx(first)
    assert heads.max() == pytest.approx(1)
    assert heads[-1] == pytest.approx(last, abs=0.02)
    np.testing.assert_allclose(np.array(seen)[:, 0] * 4, np.array(seen)[:, -1], atol=1e-6)


def test_candidates_are_evenly_spaced_in_their_logarithm() -> None:
    rates = candidate_rates()
    assert rates[0] == LOWEST
    assert rates[-1] == pytest.approx(HIGHEST)
    assert np.ptp(np.diff(np.log(rates))) < 1e-9


def test_the_steepest_is_where_a_made_up_curve_falls_fastest() -> None:
    rates = np.array(candidate_rates())
    fall = 2 - 1.5 / (1 + np.exp(-3 * (np.log(rates) - math.log(1e-3))))  # falls fastest at 1e-3
    rise = 50 * np.maximum(rates - 0.1, 0)
    found = steepest(pd.DataFrame({"learning_rate": rates, "loss": fall + rise}))
    assert 1e-3 < found < 4e-3  # smoothing looks back, so it comes a little late


def test_a_curve_that_never_falls_gives_the_least_rate() -> None:
    rising = pd.DataFrame({"learning_rate": [1e-6, 1e-5, 1e-4, 1e-3], "loss": [1.0, 2.0, 3.0, 4.0]})
    assert steepest(rising) == 1e-6
