"""Lines are joined, told by script and compared letter by letter."""

import numpy as np
import pytest

from coverfusion.features.text.lines import Line, edit_distance, joined, script_shares


def test_joined_keeps_sure_lines_in_order() -> None:
    lines = [Line("sure", 0.9, []), Line("unsure", 0.1, []), Line("too", 0.95, [])]
    assert joined(lines, 0) == "sure\nunsure\ntoo"
    assert joined(lines, 0.5) == "sure\ntoo"
    assert joined(lines, 1) == ""


def test_script_shares_count_letters_alone() -> None:
    shares = script_shares("Ab, Жя 愛 12!")
    assert shares == pytest.approx({"latin": 0.4, "cyrillic": 0.4, "greek": 0, "cjk": 0.2, "other": 0})
    assert all(np.isnan(list(script_shares("12 ★").values())))


def test_edit_distance_counts_single_letters() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    assert edit_distance(["a", "word"], ["a", "world"]) == 1
