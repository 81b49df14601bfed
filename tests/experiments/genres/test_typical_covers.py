"""Covers as points on a line: which are typical, sure or mixed up is plain to see."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.genres.page import guessed_f1
from coverfusion.experiments.genres.typical_covers import (
    EmbeddingSpace,
    can_be_typical,
    confused_with,
    most_confident,
    most_typical,
    neighbours_for,
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
    # of 5 other covers 3 are a's: two of two by chance in 3 of 10 draws
    assert typical.loc["c0", "p"] == pytest.approx(3 / 10)
    assert most_typical(typical, space, "a", 2) == []


def test_too_few_covers_can_have_no_typical_one() -> None:
    # 12 of each of three genres: five of five near ones, C(11, 5) / C(35, 5) = 0.00142, times 36 is 0.051
    assert not can_be_typical(_space([0.0] * 36, "a" * 12 + "b" * 12 + "c" * 12), "a")
    # of two genres of 12 and 24: 0.00142 times 24 is 0.034
    space = _space([*np.arange(12) / 10, *(90 + np.arange(24) / 10)], "a" * 12 + "b" * 24)
    assert can_be_typical(space, "a")
    assert len(most_typical(typicality(space, 5), space, "a", 40)) == 12
    assert not can_be_typical(_space([0.0] * 30, "a" + "b" * 29), "a")


def test_typical_covers_have_more_of_their_genre_around_them_than_chance_explains() -> None:
    # 30 a's apart from 30 b's, but for one a among these
    places = [*np.arange(29) / 10, 91.05, *(90 + np.arange(30) / 10)]
    space = _space(places, "a" * 30 + "b" * 30)
    typical = typicality(space, nearest=12)
    found = most_typical(typical, space, "a", 40)
    assert set(found) == {f"c{k}" for k in range(29)}
    assert "c14" in found[:15]  # in the middle, where the neighbours are nearest
    assert typical.loc["c29", "p"] == 1


def test_no_cover_is_typical_where_looks_say_nothing() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        space = _space(rng.uniform(size=60).tolist(), "".join(rng.permutation(list("a" * 30 + "b" * 30))))
        found.append(bool(most_typical(typicality(space, neighbours_for(60)), space, "a", 1)))
    assert np.mean(found) <= 0.05


def test_a_small_collection_has_few_neighbours() -> None:
    assert [neighbours_for(groups) for groups in (36, 244, 3500)] == [5, 24, 25]


def test_copies_make_nobody_typical() -> None:
    space = _space([0.0, 0.0, 0.0, 1.0, 2.0, 9.0], "aaabba", [0, 0, 0, 1, 2, 3])
    typical = typicality(space, nearest=2)
    assert typical.loc["c0", "proportion"] == 0  # its neighbours but for the copies are b's
    # to b's the three copies are one neighbour
    assert typical.loc["c3", "proportion"] == 0.5


def test_a_genre_of_one_group_alone_is_no_trouble() -> None:
    space = _space([0.0, 0.1], "aa", [0, 0])
    assert typicality(space, 5)["proportion"].tolist() == [0, 0]


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


@pytest.mark.parametrize(("taken", "surely"), [(20, True), (12, False)])
def test_most_often_is_said_of_more_than_an_even_part(taken: int, surely: bool) -> None:
    # 30 mistakes of one genre, the others' even part is 10 of each
    counts = {"b": taken, "c": 15 - taken // 2, "d": 30 - taken - (15 - taken // 2)}
    predicted = [name for name, count in counts.items() for _ in range(count)]
    space = _space(list(range(33)), "a" * 30 + "bcd")
    frame = pd.DataFrame(0.25, index=space.covers.index, columns=[f"p_{name}" for name in "abcd"])
    frame = frame.assign(genre=space.covers["genre"], predicted=[*predicted, "b", "c", "d"])
    confusion = pd.crosstab(frame["genre"], frame["predicted"]).reindex(columns=list("abcd"), fill_value=0)
    found = confused_with(confusion, frame, space, "a", 2)
    assert found
    assert (found.genre, found.taken, found.surely) == ("b", taken, surely)


@pytest.mark.parametrize(
    ("counts", "surely"),
    [
        ({"b": 30, "c": 27, "d": 3}, False),  # more than an even third, but not more than for c
        ({"b": 30, "c": 12, "d": 12}, True),
        ({"b": 5}, False),  # 2 x 0.5^5 = 0.0625
        ({"b": 6}, True),
    ],
)
def test_most_often_is_said_where_no_other_genre_may_be_as_common(
    counts: dict[str, int], surely: bool
) -> None:
    predicted = [name for name, count in counts.items() for _ in range(count)]
    space = _space(list(range(len(predicted) + 3)), "a" * len(predicted) + "bcd")
    frame = pd.DataFrame(0.25, index=space.covers.index, columns=[f"p_{name}" for name in "abcd"])
    frame = frame.assign(genre=space.covers["genre"], predicted=[*predicted, "b", "c", "d"])
    confusion = pd.crosstab(frame["genre"], frame["predicted"]).reindex(columns=list("abcd"), fill_value=0)
    found = confused_with(confusion, frame, space, "a", 2)
    assert found
    assert found.surely is surely
    assert (found.doubt == "") is surely


def test_of_two_genres_that_are_mistaken_alike_neither_is_called_the_commonest() -> None:
    rng, said, samples = np.random.default_rng(0), 0, 60
    for _ in range(samples):
        predicted = rng.choice(list("bcd"), 80, p=[0.45, 0.45, 0.1]).tolist()
        space = _space(list(range(83)), "a" * 80 + "bcd")
        frame = pd.DataFrame({"genre": space.covers["genre"], "predicted": [*predicted, *"bcd"]})
        frame[[f"p_{name}" for name in "abcd"]] = 0.25
        confusion = pd.crosstab(frame["genre"], frame["predicted"]).reindex(
            columns=list("abcd"), fill_value=0
        )
        found = confused_with(confusion, frame, space, "a", 0)
        assert found
        said += bool(found.surely)
    assert said / samples <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / samples)


def test_without_a_mistake_nothing_is_confused() -> None:
    space = _space([0, 1], "ab")
    predictions = _predictions(space, [(0.9, 0.1), (0.2, 0.8)])
    confusion = pd.DataFrame(np.eye(2, dtype=int), index=list("ab"), columns=list("ab"))
    assert confused_with(confusion, predictions, space, "a", 3) is None
    assert confused_with(confusion, predictions, space, "z", 3) is None  # never held out


def test_calling_every_cover_one_genre_has_an_f1() -> None:
    run = SimpleNamespace(
        split="test", covers=12, chosen=SimpleNamespace(genres={"test": {"a": {"covers": 4}}})
    )
    # of 12 covers 4 are a's: precision 1/3, recall 1
    assert guessed_f1(run, "a") == pytest.approx(0.5)  # type: ignore[arg-type]
    assert np.isnan(guessed_f1(run, "c"))  # type: ignore[arg-type]  # never held out
