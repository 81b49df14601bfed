import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.fusion.grouped_folds import holdout, inner_folds

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=2, max_size=60)


@given(rows, st.integers(2, 6), st.integers(0, 5))
def test_folds_keep_groups_whole_and_classes_known(pairs, n_splits, seed):
    y, groups = np.array(pairs).T
    tested = []
    for train, test in inner_folds(y, groups, n_splits, seed):
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y)
        assert sorted([*train, *test]) == list(range(len(y)))
        tested += list(test)
    assert len(tested) == len(set(tested))


def test_every_row_is_tested_once_where_all_classes_are_common():
    y = np.arange(100) % 4
    folds = inner_folds(y, np.arange(100) // 4, 5)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(100))
    assert all(np.bincount(y[test]).tolist() == [5, 5, 5, 5] for _, test in folds)


def test_a_class_in_one_group_is_never_held_out():
    y = np.array([0] * 10 + [1] * 10 + [2] * 4)
    groups = np.array([*range(20), 99, 99, 99, 99])
    for train, test in inner_folds(y, groups, 5):
        assert set(range(20, 24)) <= set(train)
        assert len(test)


def test_no_split_where_no_two_groups_share_a_class():
    assert inner_folds(np.array([0, 0, 1]), np.array([5, 5, 6])) == []
    assert holdout(np.array([0, 1])) is None


def test_holdout_has_about_the_wished_share():
    y = np.arange(200) % 2
    train, test = holdout(y, fraction=0.2)
    assert len(test) == 40
    assert len(train) == 160


@given(rows, st.integers(0, 5))
def test_a_groups_value_decides_not_the_order_of_rows(pairs, seed):
    y, groups = np.array(pairs).T
    turn = np.random.default_rng(seed).permutation(len(y))
    turned = [sorted(turn[test]) for _, test in inner_folds(y[turn], groups[turn], 4, seed)]
    assert turned == [test.tolist() for _, test in inner_folds(y, groups, 4, seed)]


def test_a_group_more_moves_few_others():
    y, groups = np.arange(400) % 2, np.arange(400) // 2 + 1000
    fewer = np.flatnonzero(groups != 1100)
    for n_splits in (2, 5):
        where, before = np.zeros(400), np.zeros(400)
        for number, (_, test) in enumerate(inner_folds(y, groups, n_splits)):
            where[test] = number
        for number, (_, test) in enumerate(inner_folds(y[fewer], groups[fewer], n_splits)):
            before[fewer[test]] = number
        assert (where[fewer] == before[fewer]).mean() >= 0.95
