"""What is known of covers that nobody has seen, and the baselines that come from it."""

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.pipeline.cached_fits import Part
from coverfusion.experiments.pipeline.guess import baselines, guess, largest_genre

GENRES = ["dub", "opera", "techno"]


def _genre(*counts: int) -> pd.Series:
    names = np.repeat(GENRES, counts)
    return pd.Series(names, [f"{name}-{n}" for n, name in enumerate(names)])


def test_the_baseline_knows_how_common_genres_are_and_nothing_else() -> None:
    genre = _genre(80, 10, 10)
    test = genre.index[::10].tolist()  # eight of dub, one of each other
    part = Part("fold", genre.index.difference(test).tolist(), {"test": test})
    found = baselines([part], genre, GENRES)["test"]
    assert found["accuracy"] == 0.8
    assert found["balanced_accuracy"] == pytest.approx(1 / 3)
    assert found["macro_f1"] == pytest.approx(2 * 0.8 / 1.8 / 3)
    assert found["log_loss"] == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.1))
    assert found["brier"] == pytest.approx(0.8 * 0.06 + 0.2 * (0.64 + 0.81 + 0.01))


def test_equal_genres_give_their_proportion_although_folds_are_unequal() -> None:
    genre = _genre(6, 6, 6)
    dub, opera, techno = (genre.index[genre == name].tolist() for name in GENRES)
    # each fold has least of the genre that the others have most of
    folds = [dub[:1] + opera[:2] + techno[:3], dub[1:4] + opera[2:3] + techno[3:5]]
    folds.append(genre.index.difference(folds[0] + folds[1]).tolist())
    parts = [Part("fold", genre.index.difference(ids).tolist(), {"folds": ids}) for ids in folds]
    found = baselines(parts, genre, GENRES)["folds"]
    assert found["accuracy"] == found["balanced_accuracy"] == pytest.approx(1 / 3)
    assert found["macro_f1"] == pytest.approx(0.5 / 3)  # precision 1/3 and recall 1 for one of three
    assert largest_genre(genre) == largest_genre(genre[::-1]) == "dub"


def test_a_prior_of_the_users_is_what_is_guessed_by() -> None:
    genre = _genre(8, 4, 4)
    codes, proba = guess(genre, genre.index, genre.index, GENRES, {"dub": 1, "opera": 2, "techno": 1})
    assert set(codes) == {1}
    np.testing.assert_allclose(proba, np.tile([0.25, 0.5, 0.25], (16, 1)))
    codes, proba = guess(genre, genre.index, genre.index, GENRES, "balanced")
    np.testing.assert_allclose(proba, 1 / 3)
    for code, name in enumerate(GENRES):  # within each genre as many of each as can be
        counts = np.bincount(codes[genre == name], minlength=3)
        assert counts.max() - counts.min() <= 1, (code, counts)


def test_a_guess_of_few_covers_is_right_no_more_often_than_chance() -> None:
    genre = _genre(4, 4, 4)  # of each genre one cover is left over
    truth = np.repeat([0, 1, 2], 4)
    right = [
        (guess(genre, genre.index, genre.index, GENRES, "balanced", repeat)[0] == truth).mean()
        for repeat in range(400)
    ]
    # one of 12 covers more or fewer in each genre: a standard error of 0.006
    assert np.mean(right) == pytest.approx(1 / 3, abs=0.02)
