"""Every classifier's probabilities answer to the prior that is asked, by the same rule."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.errors import UserError
from coverfusion.fusion.average import FusionAverage
from coverfusion.fusion.prior import check_prior, prior_shares, shifted
from coverfusion.fusion.registry import classifier_class, create
from tests.helpers.planted import TABLE_CLASSIFIERS, quick

SHARES = {"Pop": 0.8, "Jazz": 0.1, "Metal": 0.1}
NAMES = [name for name in TABLE_CLASSIFIERS if name != "joint"]  # a network as `mlp` is
ALIKE = dict.fromkeys(SHARES, 1.0)


def unequal(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Two blocks that tell the small genres, a block of noise, and genres of shares .8, .1, .1."""
    rng = np.random.default_rng(seed)
    y = rng.choice(list(SHARES), n, p=list(SHARES.values()))
    color, texture, noise = rng.normal(size=(n, 3)), rng.normal(size=(n, 3)), rng.normal(size=(n, 6))
    for at, genre in enumerate(("Jazz", "Metal")):
        color[:, at] += 1.5 * (y == genre)
        texture[:, at] -= 1.5 * (y == genre)
    names = [f"color.c{i}" for i in range(3)] + [f"texture.t{i}" for i in range(3)]
    columns = names + [f"noise.n{i}" for i in range(6)]
    return pd.DataFrame(np.hstack([color, texture, noise]).astype(np.float32), columns=columns), y


def test_shares_of_each_prior() -> None:
    genres = ["Pop", "Pop", "Pop", "Jazz"]
    assert prior_shares("natural", genres) == {"Pop": 0.75, "Jazz": 0.25}
    assert prior_shares("balanced", genres) == {"Pop": 0.5, "Jazz": 0.5}
    assert prior_shares({"Pop": 1, "Jazz": 4, "Metal": 9}, genres) == {"Pop": 0.2, "Jazz": 0.8}


def test_a_given_prior_names_each_genre_and_no_other() -> None:
    check_prior({"Pop": 1, "Jazz": 4}, ["Jazz", "Pop"])
    with pytest.raises(UserError, match=r"`prior` does not say how common Jazz should be"):
        check_prior({"Pop": 1}, ["Jazz", "Pop"])
    with pytest.raises(UserError, match=r"`prior` names 'Jaz', a genre without covers. Did you mean 'Jazz'"):
        check_prior({"Pop": 1, "Jazz": 4, "Jaz": 1}, ["Jazz", "Pop"])


def test_bayes_rule_by_hand() -> None:
    # learnt with 4 to 1; as common as each other, odds of 2 to 1 become 1 to 2
    found = shifted(np.array([[2 / 3, 1 / 3]]), np.array([0.8, 0.2]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3]])


@given(st.integers(0, 1000))
def test_there_and_back_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    proba, (first, second) = rng.dirichlet(np.ones(4), 5), rng.dirichlet(np.ones(4) * 3, 2)
    np.testing.assert_allclose(shifted(shifted(proba, first, second), second, first), proba, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_are_as_common_as_the_genres(name: str) -> None:
    X, y = unequal(400, 0)
    new, truth = unequal(1500, 1)
    fitted = quick(name).fit(X, y)
    natural = pd.Series(fitted.predict_proba(new).mean(axis=0), fitted.classes_)
    for genre in SHARES:
        assert natural[genre] == pytest.approx((truth == genre).mean(), abs=0.06)
    # told that all are as common, it finds the small ones far more often
    few = (fitted.predict(new)[truth != "Pop"] == truth[truth != "Pop"]).mean()
    many = (fitted.answer_to(ALIKE).predict(new)[truth != "Pop"] == truth[truth != "Pop"]).mean()
    assert many > few + 0.05


@pytest.mark.parametrize("name", NAMES)
def test_all_blocks_are_no_worse_than_the_largest_genre_and_noise_does_no_harm(name: str) -> None:
    X, y = unequal(400, 2)
    new, truth = unequal(3000, 3)
    without = [column for column in X if not column.startswith("noise.")]
    right = quick(name).fit(X, y).predict(new) == truth
    clean = quick(name).fit(X[without], y).predict(new[without]) == truth
    assert right.mean() > (truth == "Pop").mean() - 0.01
    assert right.mean() > clean.mean() - 0.03


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_classifier_answers_to_the_same_prior(name: str, tmp_path) -> None:
    X, y = unequal(150, 0)
    fitted = quick(name).fit(X, y).answer_to(ALIKE)
    fitted.save(tmp_path / "model")
    loaded = classifier_class(name).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_allclose(loaded.prior_, 1 / 3)


def test_the_prior_of_the_fit_comes_back_exactly_and_a_new_fit_forgets() -> None:
    X, y = unequal(150, 0)
    fitted = create("logistic").fit(X, y)
    before = fitted.predict_proba(X)
    natural = dict(zip(fitted.classes_, fitted.learnt_prior_, strict=True))
    assert np.abs(fitted.answer_to(ALIKE).predict_proba(X) - before).max() > 0.1
    np.testing.assert_array_equal(fitted.answer_to(natural).predict_proba(X), before)
    fitted.answer_to(ALIKE).fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
    with pytest.raises(ValueError, match="a proportion above 0 for Jazz, Metal, Pop"):
        fitted.answer_to({"Pop": 1.0, "Jazz": 1.0})


@pytest.mark.parametrize("name", ["logistic", "svc", "knn", "kernel_ridge"])
def test_class_weights_say_how_to_learn_and_not_what_to_answer_to(name: str) -> None:
    X, y = unequal(400, 0)
    new, truth = unequal(1500, 1)
    weighed = quick(name, class_weight="balanced").fit(X, y)
    np.testing.assert_allclose(weighed.learnt_prior_, 1 / 3)
    told = pd.Series(weighed.answer_to(SHARES).predict_proba(new).mean(axis=0), weighed.classes_)
    for genre in SHARES:
        assert told[genre] == pytest.approx((truth == genre).mean(), abs=0.06)


def test_an_average_of_members_counts_their_prior_once() -> None:
    X, y = unequal(300, 0)
    members = {name: create(name).fit(X, y) for name in ("logistic", "knn")}
    later = FusionAverage.of(members).answer_to(ALIKE).predict_proba(X)
    first = FusionAverage.of({name: member.answer_to(ALIKE) for name, member in members.items()})
    np.testing.assert_allclose(first.predict_proba(X), later, atol=1e-3)  # members' logarithms are clipped
    np.testing.assert_allclose(first.prior_, 1 / 3)
    members["knn"].answer_to(SHARES)
    with pytest.raises(ValueError, match="'knn' answers to another prior than 'logistic'"):
        FusionAverage.of(members)


def test_a_stack_pools_what_members_say_under_its_own_prior() -> None:
    X, y = unequal(300, 0)
    plain = quick("stack").fit(X, y)
    lent = quick("stack")
    members = {"logistic": create("logistic"), "knn": create("knn", block_weights="equal")}
    lent.fitted = {name: member.fit(X, y).answer_to(ALIKE) for name, member in members.items()}
    np.testing.assert_allclose(lent.fit(X, y).predict_proba(X), plain.predict_proba(X))
