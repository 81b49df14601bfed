"""What pages make of the words of users and of notes."""

from coverfusion.experiments.drawing.pages import coded


def test_what_stands_between_backticks_of_a_note_is_code_and_nothing_is_markup() -> None:
    assert coded("Few. `prior: balanced` helps <b>.") == "Few. <code>prior: balanced</code> helps &lt;b&gt;."
    assert coded("A `lone & backtick") == "A `lone &amp; backtick"
    assert coded("`<i>` and `b`") == "<code>&lt;i&gt;</code> and <code>b</code>"
