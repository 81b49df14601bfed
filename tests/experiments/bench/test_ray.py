"""What the bench of the ray engine computes from times."""

import joblib
import pandas as pd
import pytest

from coverfusion.experiments.bench.ray import Timeline, cost_model, cost_table


def test_steady_state_leaves_out_what_came_first() -> None:
    timeline = Timeline(seconds=[0.0, 10.0, 12.0, 16.0], covers=[0, 64, 128, 192])
    assert timeline.overall() == 192 / 16
    assert timeline.steady(64) == 128 / 6
    assert timeline.steady(65) == 64 / 4


def test_cost_of_a_block_is_its_seconds_on_all_threads_of_an_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)  # all cores
    cores = joblib.cpu_count()
    rows = pd.DataFrame(
        {
            "cover_id": ["a", "b", "a", "b"],
            "block": ["ocr", "ocr", "color", "color"],
            "seconds": [0.8, 1.2, 0.1, 0.3],
            "in_all": [1.4, 1.8, 1.4, 1.8],
        }
    )
    model = cost_model(rows, workers=cores)
    assert list(model.index) == ["ocr", "color", "reading, decoding", "all"]
    assert model["covers/s a core"].tolist() == pytest.approx([1 / 1.0, 1 / 0.2, 1 / 0.4, 1 / 1.6])
    assert model.loc["all", "core-hours"] == pytest.approx(1.6 * 10_000_000 / 3600)
    assert model["core-hours"][:-1].sum() == pytest.approx(model.loc["all", "core-hours"])
    assert cost_table(model)[-2:] == ["| reading, decoding | 2.5 | 1,111 |", "| all | 0.6 | 4,444 |"]
    assert cost_table(model)[2] == "| `ocr` | 1.0 | 2,778 |"
    if cores % 2 == 0:  # half as many actors with two threads each
        assert cost_model(rows, cores // 2).loc["ocr", "covers/s a core"] == pytest.approx(0.5)
