"""One mark for each genre or cluster: a colour and a shape, so that neither is needed to tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

# Okabe and Ito's colours without the yellow that white swallows; brighter ones for a dark page
LIGHT_MARKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5a626d")
DARK_MARKS = ("#3d9fe0", "#ff7f32", "#2fc79a", "#e59ac8", "#f2b632", "#a4dcff", "#c9ced6")
# SVG path within about one unit of the middle, matplotlib's name for the shape, and the factor that makes
# its area there like the others'
MARK_SHAPES = (
    ("M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z", "o", 1),
    ("M-.88-.88H.88V.88H-.88Z", "s", 0.8),
    ("M0-1.15L1.1.8H-1.1Z", "^", 1.2),
    ("M0-1.25L1.25 0L0 1.25L-1.25 0Z", "D", 0.8),
    ("M0 1.15L1.1-.8H-1.1Z", "v", 1.2),
    ("M-.4-1.2H.4V-.4H1.2V.4H.4V1.2H-.4V.4H-1.2V-.4H-.4Z", "P", 1.1),
    ("M-1.1-.6L-.6-1.1L0-.5L.6-1.1L1.1-.6L.5 0L1.1.6L.6 1.1L0 .5L-.6 1.1L-1.1.6L-.5 0Z", "X", 1.1),
)


@dataclass(frozen=True)
class Mark:
    """A colour, as its number in `LIGHT_MARKS` and `DARK_MARKS`, and a shape for SVG and matplotlib."""

    colour: int
    path: str
    marker: str
    area: float


def mark(number: int) -> Mark:
    """The mark of the genre or cluster with this number; the first 49 differ, the first 7 in both ways."""
    colour = number % len(LIGHT_MARKS)
    path, marker, area = MARK_SHAPES[(number + number // len(LIGHT_MARKS)) % len(MARK_SHAPES)]
    return Mark(colour, path, marker, area)
