"""How many there are, in words."""

import pytest

from coverfusion.data.plurals import how_many


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 covers"), (1, "1 cover"), (2, "2 covers"), (1200, "1,200 covers")]
)
def test_one_is_told_from_many(count: int, words: str) -> None:
    assert how_many(count, "cover") == words


def test_a_word_of_its_own_for_many() -> None:
    assert how_many(1, "text box", "text boxes") == "1 text box"
    assert how_many(0, "text box", "text boxes") == "0 text boxes"
