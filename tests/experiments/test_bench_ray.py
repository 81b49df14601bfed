"""What the bench of the ray engine computes from times."""

import joblib
import pandas as pd
import pytest

from experiments.bench_ray import Timeline, cost_model


def test_steady_state_leaves_out_what_came_first() -> None:
    timeline = Timeline(seconds=[0.0, 10.0, 12.0, 16.0], covers=[0, 64, 128, 192])
    assert timeline.overall() == 192 / 16
    assert timeline.steady(64) == 128 / 6
    assert timeline.steady(65) == 64 / 4


def test_cost_of_a_block_is_its_seconds_on_all_threads_of_an_actor() -> None:
    cores = joblib.cpu_count()
    rows = pd.DataFrame({"block": ["color", "color", "ocr", ""], "seconds": [0.1, 0.3, 1.0, 0.0]})
    model = cost_model(rows, core_seconds=2.0, workers=cores)
    assert model["covers/s a core"].to_dict() == pytest.approx(
        {"color": 5.0, "ocr": 1.0, "the rest": 1 / 0.8, "all": 0.5}
    )
    assert model.loc["all", "core-hours"] == pytest.approx(2.0 * 10_000_000 / 3600)
    if cores % 2 == 0:  # half as many actors with two threads each
        assert cost_model(rows, 4.0, cores // 2).loc["ocr", "covers/s a core"] == pytest.approx(0.5)
