import json
import re

import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.simulated_covers import PLANTED, planted_genres
from coverfusion.fusion.uncertainty.calibration import Calibration
from coverfusion.fusion.uncertainty.decision import (
    BY_GENRE,
    KINDS,
    MARGINAL,
    Decision,
    Targets,
    kind_of_sets,
    learn_decision,
    make_rule,
    one_a_group,
    rule_of,
)
from coverfusion.fusion.uncertainty.guarantees import guarantee


def held_out(n=400, seed=0):
    """Two-class probabilities that say the truth, and true codes."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(size=n)
    return np.column_stack([first, 1 - first]), (rng.uniform(size=n) > first).astype(int)


def decision(copies=1, **more):
    proba, y = held_out()
    rows = np.tile(np.arange(len(y)), copies)
    values = {"groups": rows, "source": "validation"} | more
    return learn_decision(proba[rows], y[rows], **values)


def test_a_target_error_is_kept_on_new_covers():
    rule = rule_of(decision(), Targets(error=0.2))
    proba, y = held_out(20_000, seed=1)
    answered = ~rule.abstains(proba)
    assert 0.5 < answered.mean() < 0.8  # in truth the 80 % above a confidence of 0.6 have 20 % mistakes
    assert (proba.argmax(axis=1) != y)[answered].mean() <= 0.2


def test_a_target_coverage_and_a_set_coverage_are_kept_on_new_covers():
    rule = rule_of(decision(), Targets(coverage=0.3, set_coverage=0.8))
    proba, y = held_out(20_000, seed=1)
    assert (~rule.abstains(proba)).mean() == pytest.approx(0.3, abs=0.06)
    assert rule.sets(proba)[np.arange(len(y)), y].mean() == pytest.approx(0.8, abs=0.05)


def test_without_a_target_nothing_abstains():
    assert not rule_of(decision(), Targets()).abstains(held_out()[0]).any()


def test_copies_of_a_cover_make_nothing_surer():
    targets = Targets(error=0.2, set_coverage=0.95)
    assert rule_of(decision(copies=5), targets) == rule_of(decision(), targets)


def test_one_of_each_group():
    groups = np.array([3, 3, 1, 2, 2, 2])
    rows = one_a_group(groups)
    assert sorted(groups[rows]) == [1, 2, 3]
    assert {tuple(one_a_group(groups, seed)) for seed in range(50)} > {tuple(rows)}


def test_what_cannot_be_guaranteed_is_said_and_never_answered():
    proba, y = held_out(15)
    few = learn_decision(proba, y, np.arange(15), "validation")
    targets = Targets(error=0.05)
    assert rule_of(few, targets).abstains(proba).all()
    assert "At most 5 % wrong cannot be guaranteed from 15 different held-out covers" in guarantee(
        few, targets, "ab"
    )
    assert guarantee(decision(), Targets(), "ab") == guarantee(None, targets, "ab") == ""
    assert "with 90 % confidence: of 400 different held-out covers" in guarantee(
        decision(), Targets(error=0.2), "ab"
    )


def test_saved_and_loaded(tmp_path):
    before = decision(copies=2)
    before.save(tmp_path / "d")
    after = Decision.load(tmp_path / "d")
    for targets in (Targets(error=0.2), Targets(coverage=0.5, set_coverage=0.7)):
        assert rule_of(after, targets) == rule_of(before, targets)
    assert after.calibration == before.calibration
    assert after.source == "validation"
    (tmp_path / "d" / "held_out.parquet").unlink()
    with pytest.raises(UserError, match="is not whole"):
        Decision.load(tmp_path / "d")


def test_an_isotonic_curve_survives_saving(tmp_path):
    curved = Calibration("isotonic", x=(0.0, 0.3, 1.0), y=(0.1, 0.1, 0.7))
    proba, y = held_out(20)
    Decision("folds", proba, y, np.arange(20), curved).save(tmp_path / "d")
    assert Decision.load(tmp_path / "d").calibration == curved


@pytest.mark.parametrize(
    ("wished", "message"),
    [
        ({"error": 0.0}, "--target-error 0.0"),
        ({"error": 20}, "--target-error 20"),
        ({"coverage": 0.0}, "--target-coverage 0.0"),
        ({"set_coverage": 1.0}, "--set-coverage 1.0"),
        ({"error": 0.1, "coverage": 0.5}, "exclude each other"),
        ({"sets": "by_genre"}, "--sets by_genre: there is no such kind. Did you mean 'by-genre'"),
        ({"error": 0.1, "thresholds": "all"}, "--thresholds all"),
        ({"coverage": 0.5, "thresholds": "by-genre"}, "--thresholds by-genre is about --target-error"),
    ],
)
def test_impossible_targets_are_named(wished, message):
    with pytest.raises(UserError, match=message):
        Targets(**wished)


def test_the_rule_by_hand():
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.55, 0.45]])
    rule = make_rule(proba, np.array([0, 0, 1, 1]), Targets(coverage=0.5, set_coverage=0.6, sets=MARGINAL))
    assert rule.thresholds == (0.6, 0.6)
    assert rule.abstains(proba).tolist() == [False, True, False, True]
    # scores of the true classes: 0.1, 0.4, 0.2, 0.55; the 3rd of 4 is the limit
    assert rule.set_limits == pytest.approx((0.4, 0.4))
    assert rule.sets(proba).tolist() == [[True, False], [True, False], [False, True], [True, False]]
    assert rule.genre_sets(np.array([[0.35, 0.65], [0.62, 0.38]]), ["a", "b"]) == [["b"], ["a"]]
    both = make_rule(proba, np.array([0, 0, 1, 1]), Targets(set_coverage=0.99))
    assert both.genre_sets(np.array([[0.35, 0.65]]), ["a", "b"]) == [["b", "a"]]
    # by genre: 0.1 and 0.4 of the first, 0.2 and 0.55 of the second; the 2nd of 2 is the limit of each
    own = make_rule(proba, np.array([0, 0, 1, 1]), Targets(set_coverage=0.6, sets=BY_GENRE))
    assert own.set_limits == pytest.approx((0.4, 0.55))
    assert own.genre_sets(np.array([[0.55, 0.45], [0.58, 0.42]]), ["a", "b"]) == [["a", "b"], ["a"]]


def wrong_prior(n, seed=0):
    """Probabilities that take two classes as equally common, of rows of which nine in ten are of one."""
    rng = np.random.default_rng(seed)
    y = (rng.uniform(size=n) < 0.1).astype(int)
    likelihood = np.exp(1.5 * (np.eye(2)[y] + rng.normal(size=(n, 2)) / 1.5))
    return likelihood / likelihood.sum(axis=1, keepdims=True), y


def test_what_is_promised_is_of_the_answers_that_calibration_gives(tmp_path):
    proba, y = wrong_prior(400)
    learnt = learn_decision(proba, y, np.arange(400), "validation", weight=np.ones(400))
    assert learnt.calibration.kind == "vector"
    learnt.save(tmp_path / "d")
    kept = Decision.load(tmp_path / "d")
    targets = Targets(error=0.08, set_coverage=0.95)
    assert rule_of(kept, targets) == rule_of(learnt, targets)
    rule = rule_of(kept, targets)
    new, truth = wrong_prior(20_000, seed=1)
    answers = kept.answering(new)
    np.testing.assert_array_equal(answers, kept.calibration(new))
    assert (answers.argmax(axis=1) != new.argmax(axis=1)).mean() > 0.1
    answered = ~rule.abstains(answers)
    assert answered.mean() > 0.5
    assert (answers.argmax(axis=1) != truth)[answered].mean() <= 0.08
    assert rule.sets(answers)[np.arange(len(truth)), truth].mean() == pytest.approx(0.95, abs=0.03)


def test_without_vector_scaling_the_classifiers_own_probabilities_answer():
    proba = held_out()[0]
    assert decision().calibration.keeps_order
    np.testing.assert_array_equal(decision().answering(proba), proba)


def planted_decision(covers, copies=1, seed=0, **more):
    """Held-out covers of five genres, from half of all to one in fifty."""
    rng = np.random.default_rng(seed)
    proba, y, _ = planted_genres(rng, rng.choice(len(PLANTED), covers, p=PLANTED))
    rows = np.repeat(np.arange(covers), copies)
    return learn_decision(proba[rows], y[rows], rows, "validation", **more)


def test_sets_are_by_genre_unless_told_otherwise_or_of_an_older_bundle(tmp_path):
    new = planted_decision(2000)
    assert rule_of(new, Targets()) == rule_of(new, Targets(sets=BY_GENRE))
    assert len(set(rule_of(new, Targets()).set_limits)) == len(PLANTED)
    new.save(tmp_path / "new")
    assert kind_of_sets(Decision.load(tmp_path / "new"), Targets()) == BY_GENRE
    facts = json.loads((tmp_path / "new" / "decision.json").read_text())
    assert facts.pop("sets") == BY_GENRE
    (tmp_path / "new" / "decision.json").write_text(json.dumps(facts))  # as older versions wrote it
    old = Decision.load(tmp_path / "new")
    assert rule_of(old, Targets()) == rule_of(new, Targets(sets=MARGINAL))
    assert rule_of(old, Targets(sets=BY_GENRE)) == rule_of(new, Targets())
    (tmp_path / "new" / "decision.json").write_text(json.dumps(facts | {"sets": "odd"}))
    with pytest.raises(UserError, match="is not whole: there are no sets of the kind 'odd'"):
        Decision.load(tmp_path / "new")


@pytest.mark.parametrize("kind", KINDS)
def test_copies_make_no_genre_surer(kind):
    targets = Targets(error=0.3, sets=kind, thresholds=kind)
    assert rule_of(planted_decision(600, copies=5), targets) == rule_of(planted_decision(600), targets)


def test_genres_with_too_few_held_out_covers_are_named():
    few = planted_decision(200)
    count = np.bincount(few.y)[4]
    assert 0 < count < 9
    assert rule_of(few, Targets()).set_limits[4] == np.inf
    said = guarantee(few, Targets(), "abcde")
    assert (
        f"9 held-out covers of a genre are needed before a set can leave it out; too few have: e ({count})."
        in said
    )
    assert guarantee(few, Targets(sets=MARGINAL), "abcde") == ""
    assert "8 held-out covers are too few for sets (9 are needed)" in guarantee(
        planted_decision(8), Targets(sets=MARGINAL), "abcde"
    )
    said = guarantee(few, Targets(error=0.3, thresholds=BY_GENRE), "abcde")
    assert "answered as each genre, for each with 90 % confidence: of 200 different held-out covers" in said
    assert re.search(r"Never answered, since nothing is known to keep it: [a-e, ]*e\.", said)


def test_thresholds_by_genre_keep_the_error_among_the_covers_predicted_as_each():
    rng = np.random.default_rng(1)
    proba, y, _ = planted_genres(rng, rng.choice(len(PLANTED), 50_000, p=PLANTED))
    predicted = proba.argmax(axis=1)
    broken = {kind: np.zeros((40, len(PLANTED) + 1), bool) for kind in KINDS}
    for draw in range(40):
        held, true, _ = planted_genres(rng, rng.choice(len(PLANTED), 1740, p=PLANTED))
        for kind in KINDS:
            answered = ~make_rule(held, true, Targets(error=0.2, thresholds=kind)).abstains(proba)
            among = [answered, *(answered & (predicted == code) for code in range(len(PLANTED)))]
            broken[kind][draw] = [own.any() and (predicted != y)[own].mean() > 0.2 for own in among]
    slack = 2 * np.sqrt(0.1 * 0.9 / 40)
    assert (broken[BY_GENRE].mean(axis=0) <= 0.1 + slack).all()
    assert broken[MARGINAL][:, 0].mean() <= 0.1 + slack
    assert broken[MARGINAL][:, 1:].mean(axis=0).max() > 0.8  # of one genre in twenty
