import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.evaluation.giveaway import told_alone
from coverfusion.features.metadata import CATEGORY, NUMBER, TEXT, metadata_blocks, metadata_frame


def columns(kind: str, values: list[object]) -> pd.DataFrame:
    written = pd.DataFrame({"c": [str(value) for value in values]})
    return metadata_frame(metadata_blocks([("c", kind)]), written)


def genres(n: int, kinds: int, seed: int) -> tuple[np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, kinds, n), rng


@pytest.mark.parametrize(("n", "kinds"), [(60, 2), (60, 5), (300, 5)])
def test_a_year_that_informs_is_no_giveaway(n, kinds):
    """Genres two standard deviations apart: the year alone is right for up to 84 %, and honest."""
    named = right = 0.0
    for seed in range(40):
        y, rng = genres(n, kinds, seed)
        found = told_alone(
            columns(NUMBER, (1960 + 12 * y + rng.normal(0, 6, n)).round().tolist()), y, np.arange(n)
        )
        named += found.gives_away / 40
        right += found.accuracy / 40
    assert named < 0.05
    assert right > 0.6


@pytest.mark.parametrize("kind", [NUMBER, CATEGORY, TEXT])
@pytest.mark.parametrize(("n", "kinds"), [(60, 3), (200, 5)])
def test_the_genre_under_another_name_is_one(kind, n, kinds):
    y, rng = genres(n, kinds, 0)
    values = {
        NUMBER: 100 * y + rng.integers(0, 50, n),
        CATEGORY: [f"shelf {code}" for code in y],
        TEXT: [f"volume {rng.integers(99)} of style{code}" for code in y],
    }
    found = told_alone(columns(kind, list(values[kind])), y, np.arange(n))
    assert found.gives_away
    assert found.accuracy > 0.95


def test_a_value_that_repeats_within_a_group_alone_tells_nothing():
    y, _ = genres(60, 3, 1)
    y, group = np.repeat(y, 2), np.repeat(np.arange(60), 2)
    found = told_alone(columns(CATEGORY, [f"id {n}" for n in group]), y, group)
    assert not found.gives_away
    assert found.accuracy == pytest.approx(found.chance, abs=0.15)


def test_missing_is_a_value_that_may_give_away():
    y, _ = genres(80, 2, 2)
    found = told_alone(columns(CATEGORY, ["filled" if code else "" for code in y]), y, np.arange(80))
    assert found.gives_away


def test_too_few_covers_say_nothing():
    found = told_alone(columns(NUMBER, [1, 2]), np.array([0, 1]), np.arange(2))
    assert np.isnan(found.accuracy)
    assert not found.gives_away
