"""How many there are, in words."""

from __future__ import annotations


def how_many(count: int, one: str, many: str = "") -> str:
    """A number with what it counts: "1 cover", "2 covers", "1,200 covers".

    Args:
        count: how many.
        one: what one of them is called.
        many: what several are, and none; "": `one` with an s.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
