"""Values in Markdown stay text."""

from coverfusion.experiments.drawing.markdown import as_code, as_text


def test_marks_and_links_are_escaped() -> None:
    assert as_text("R&B | *loud* <b>") == r"R\&B \| \*loud\* \<b\>"
    assert as_text("see https://x.y/z") == "see https:/&#47;x.y/z"
    assert as_text("me@x.y www.z") == "me&#64;x.y www&#46;z"


def test_a_value_stays_on_its_line() -> None:
    assert "\n" not in as_text("Jazz\n# Best model")


def test_code_stays_between_its_fences() -> None:
    lines = as_code("a ``` b\n# c").splitlines()
    assert (lines[0], lines[-1]) == ("````text", "````")
    assert as_text(as_code("x*y")) == "```text\nx*y\n```"
