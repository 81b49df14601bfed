from coverfusion.experiments.pipeline.word_groups import group_by_words


def test_a_name_on_two_covers_joins_them():
    texts = ["MARLO live", "the best of Marlo", "the best", "best of", None, ""]
    assert group_by_words(range(6), texts).tolist() == [0, 0, 2, 3, 4, 5]


def test_given_groups_stay_together():
    assert group_by_words([7, 7, 9], ["", "", ""]).tolist() == [0, 0, 1]


def test_a_common_word_joins_nothing():
    texts = ["greatest hits"] * 6
    assert len(set(group_by_words(range(6), texts))) == 6


def test_chains_of_words_end_in_no_giant_group():
    # cover k shares a word with cover k + 1: without a limit all 100 would be one group
    texts = [f"word{k:03d} word{k + 1:03d}" for k in range(100)]
    groups = group_by_words(range(100), texts)
    sizes = [int((groups == number).sum()) for number in set(groups)]
    assert max(sizes) == 5
    assert len(sizes) < 30
