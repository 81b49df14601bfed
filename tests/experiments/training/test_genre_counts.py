"""Covers with several genres are scored apart from those with one."""

import pandas as pd
import pytest

from coverfusion.experiments.training.genre_counts import by_genre_count

GENRES = ["folk", "jazz"]


def _predictions(rows: list[tuple[str, str, float, float]]) -> pd.DataFrame:
    """By cover: its genres, those it is called, and the probability of folk and of jazz."""
    return pd.DataFrame(
        {
            "genre": [row[0] for row in rows],
            "group": range(len(rows)),
            "p_folk": [row[2] for row in rows],
            "p_jazz": [row[3] for row in rows],
            "says_folk": ["folk" in row[1] for row in rows],
            "says_jazz": ["jazz" in row[1] for row in rows],
        }
    )


def test_the_scores_of_one_genre_and_of_several_are_those_told_by_hand() -> None:
    one, several = by_genre_count(
        _predictions(
            [
                ("folk", "folk", 0.9, 0.1),
                ("folk", "jazz", 0.2, 0.3),
                ("jazz", "folk|jazz", 0.6, 0.4),
                ("jazz", "jazz", 0.1, 0.8),
                ("folk|jazz", "jazz", 0.1, 0.7),
                ("folk|jazz", "folk|jazz", 0.8, 0.7),
            ]
        ),
        seed=0,
        folds=None,
    )
    assert (one.genres, one.covers, several.genres, several.covers) == ("one", 4, "several", 2)
    values = {name: score.value for name, score in one.scores.items()}
    # folk: 1 hit of 2 covers and 2 called, F1 1/2; jazz: 2 hits of 2 covers and 3 called, F1 4/5
    assert values == pytest.approx({"f1_macro": 0.65, "f1_micro": 6 / 9, "accuracy": 0.5, "first_right": 0.5})
    values = {name: score.value for name, score in several.scores.items()}
    assert values == pytest.approx(
        {"f1_macro": (2 / 3 + 1) / 2, "f1_micro": 6 / 7, "accuracy": 0.5, "first_right": 1.0}
    )
    assert several.scores["accuracy"].low < 0.5 < several.scores["accuracy"].high


def test_there_is_nothing_to_set_apart_where_all_have_one_genre() -> None:
    assert by_genre_count(_predictions([("folk", "folk", 0.9, 0.1)] * 3), seed=0, folds=None) == []
