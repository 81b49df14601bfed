from hypothesis import given
from hypothesis import strategies as st

from coverfusion.experiments.explanation.measured_text import fitted, width, wrapped


def test_short_text_stays_as_it_is() -> None:
    assert fitted("LOVE  me\ndo", 9, 2) == "LOVE me do"
    assert wrapped("LOVE me do", 9, 2, 3) == ["LOVE me do"]
    assert wrapped("", 9, 2, 3) == []


def test_wide_letters_count_as_wide() -> None:
    assert width("WWWW", 9) > 2 * width("iiii", 9)
    assert width("WWWW", 18) > 1.9 * width("WWWW", 9)


@given(st.text(st.characters(codec="latin-1", exclude_categories=("C",)), max_size=120))
def test_no_line_is_wider_than_asked(text: str) -> None:
    lines = wrapped(text, 9, 1.5, 3)
    assert len(lines) <= 3
    assert all(width(line, 9) <= 1.5 for line in lines)
    kept = " ".join(lines)
    assert "".join(kept.split()) == "".join(text.split()) or "\u2026" in kept


def test_a_space_that_holds_words_together_is_no_break() -> None:
    assert wrapped("one 2\u00a0two", 9, width("one 2", 9) + 0.01, 2) == ["one", "2\u00a0two"]
