"""What pages make of the words of users and of notes."""

from coverfusion.experiments.drawing.pages import code


def test_what_stands_between_backticks_of_a_note_is_code_and_nothing_is_markup() -> None:
    assert code("Few. `prior: balanced` helps <b>.") == "Few. <code>prior: balanced</code> helps &lt;b&gt;."
    assert code("A `lone & backtick") == "A `lone &amp; backtick"
    assert code("`<i>` and `b`") == "<code>&lt;i&gt;</code> and <code>b</code>"
