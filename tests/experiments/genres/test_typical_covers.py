"""Covers as points on a line: which are typical, sure or mixed up is plain to see."""

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.genres.typical_covers import (
    EmbeddingSpace,
    confused_with,
    most_confident,
    most_typical,
    typicality,
)


def _space(places: list[float], genres: str, groups: list[int] | None = None) -> EmbeddingSpace:
    ids = pd.Index([f"c{k}" for k in range(len(places))], name="cover_id")
    frame = pd.DataFrame(
        {"genre": list(genres), "group": groups or range(len(places)), "path": "x"}, index=ids
    )
    return EmbeddingSpace(np.array(places, dtype=np.float32)[:, None], frame)


def _predictions(space: EmbeddingSpace, proba: list[tuple[float, ...]]) -> pd.DataFrame:
    classes = sorted(space.covers["genre"].unique())
    frame = pd.DataFrame(proba, index=space.covers.index, columns=[f"p_{name}" for name in classes])
    predicted = [classes[int(np.argmax(row))] for row in proba]
    return frame.assign(genre=space.covers["genre"], predicted=predicted)


def test_typical_is_who_stands_among_its_own() -> None:
    space = _space([0.0, 1.0, 2.5, 9.0, 10.0, 11.0], "aaabba")
    typical = typicality(space, nearest=2)
    assert typical["proportion"].tolist() == [1.0, 1.0, 1.0, 0.5, 0.5, 0.0]
    assert typical.loc["c1", "distance"] == pytest.approx(1.25)
    # c0, c1 and c2 have the same share; the nearest neighbours decide
    assert most_typical(typical, space, "a", 2) == ["c1", "c0"]
    assert most_typical(typical, space, "b", 9) == ["c4", "c3"]


def test_copies_make_nobody_typical() -> None:
    space = _space([0.0, 0.0, 0.0, 1.0, 2.0, 9.0], "aaabba", [0, 0, 0, 1, 2, 3])
    typical = typicality(space, nearest=2)
    assert typical.loc["c0", "proportion"] == 0  # its neighbours but for the copies are b's
    assert most_typical(typical, space, "a", 9) == ["c0", "c5"]


def test_a_genre_of_one_group_alone_is_no_trouble() -> None:
    space = _space([0.0, 0.1], "aa", [0, 0])
    assert typicality(space)["proportion"].tolist() == [0, 0]


def test_surest_covers_by_what_became_of_them() -> None:
    space = _space([0, 1, 2, 3, 4, 5, 6], "aaaabbb", [0, 0, 2, 3, 4, 5, 6])
    proba = [(0.9, 0.1), (0.8, 0.2), (0.7, 0.3), (0.2, 0.8), (0.6, 0.4), (0.7, 0.3), (0.1, 0.9)]
    right, missed, wrongly = most_confident(_predictions(space, proba), space, "a", 5)
    assert right == ["c0", "c2"]  # c1 is a copy of c0
    assert missed == ["c3"]
    assert wrongly == ["c5", "c4"]


def test_confusion_names_the_genre_and_shows_pairs() -> None:
    space = _space([0.0, 4.0, 9.0, 1.0, 5.0, 20.0, 30.0], "aaabbbc")
    proba = [
        (0.2, 0.7, 0.1),
        (0.1, 0.8, 0.1),
        (0.1, 0.3, 0.6),
        (0.1, 0.8, 0.1),
        (0.2, 0.7, 0.1),
        (0.9, 0.1, 0.0),
        (0.1, 0.1, 0.8),
    ]
    confusion = pd.DataFrame([[0, 2, 1], [1, 2, 0], [0, 0, 1]], index=list("abc"), columns=list("abc"))
    found = confused_with(confusion, _predictions(space, proba), space, "a", 5)
    assert found is not None
    assert (found.genre, found.taken, found.share, found.given) == ("b", 2, pytest.approx(2 / 3), 1)
    # the most confident first, each beside the nearest b that was called b; c5 was not
    assert [(pair.cover_id, pair.other_id) for pair in found.pairs] == [("c1", "c4"), ("c0", "c3")]
    assert found.pairs[0].probability == pytest.approx(0.8)


def test_without_a_mistake_nothing_is_confused() -> None:
    space = _space([0, 1], "ab")
    predictions = _predictions(space, [(0.9, 0.1), (0.2, 0.8)])
    confusion = pd.DataFrame(np.eye(2, dtype=int), index=list("ab"), columns=list("ab"))
    assert confused_with(confusion, predictions, space, "a", 3) is None
    assert confused_with(confusion, predictions, space, "z", 3) is None  # never held out
