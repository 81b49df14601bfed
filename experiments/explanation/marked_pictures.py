"""The two pictures of an explanation: what was found on the cover, and where the image network looks."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from coverfusion.experiments.drawing.words import SHOWN_CONFIDENCE
from coverfusion.experiments.explanation.explanation import Explanation, OnThePicture
from coverfusion.experiments.explanation.people_and_words import (
    NO_PEOPLE,
    NO_WORDS,
    Box,
    MarkedWord,
    counted_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

# Okabe and Ito's colours, which colour-blind people tell apart; a line style or a number as well
FOR, AGAINST, INK = "#0072b2", "#d55e00", "#1a1d21"
FACE, PERSON, WORD = "#56b4e9", "#e69f00", "#2fc79a"
MAX_NUMBERED_WORDS = 10
MIN_COLOUR_REACH = 0.01  # the map's colours reach at least this far, so that a map of noise looks empty
SIDE, BORDER, DPI = 3.5, 0.12, 200  # inches of a picture alone, and around it for numbers at its edge
NUMBER_SIZE = 12.0  # points there: as large as text where a phone shows it


def marked_cover(explanation: Explanation) -> Image.Image:
    """The cover with faces, persons and words marked on it; RGBA, see-through around it."""
    return _alone(explanation, lambda axes: mark_cover(axes, explanation, NUMBER_SIZE))


def network_map(explanation: Explanation) -> Image.Image | None:
    """Where the image network looks; RGBA, or None where there is no map."""
    if explanation.attention is None:
        return None
    return _alone(explanation, lambda axes: draw_map(axes, explanation))


def mark_cover(axes: Axes, explanation: Explanation | OnThePicture, size: float) -> None:
    """Draws the cover, or its back, and what was found on it.

    Args:
        axes: the whole of them.
        explanation: of the cover, or what was found on its back.
        size: of the words' numbers, in points.
    """
    axes.imshow(np.asarray(explanation.image))
    axes.set_axis_off()
    for box in explanation.persons or ():
        _outline(axes, _corners(box), PERSON, (0, (4, 2)))
    for box in explanation.faces or ():
        _outline(axes, _corners(box), FACE, "solid")
    read = explanation.words or []
    for word in read:
        _outline(axes, word.corners, WORD, "solid" if word.confidence >= SHOWN_CONFIDENCE else (0, (1, 1.5)))
    _number(axes, _sure(read)[:MAX_NUMBERED_WORDS], max(explanation.image.size), size)


def people_text(explanation: Explanation | OnThePicture) -> str:
    """Faces and persons with the colours of their marks, or that they were not looked for."""
    faces, persons = explanation.faces, explanation.persons
    if faces is None or persons is None:
        return NO_PEOPLE
    face_text = counted_words(faces, "face", "faces") + (" (blue)" if faces else "")
    return f"{face_text}, {counted_words(persons, 'person', 'persons')}" + (
        " (orange, dashed)" if persons else ""
    )


def words_text(explanation: Explanation | OnThePicture, shorten: Callable[[str], str] = str) -> str:
    """The words with their numbers on the cover, or that they were not looked for.

    Args:
        explanation: of the cover, or what was found on its back.
        shorten: makes one word as short as there is room.
    """
    if explanation.words is None:
        return NO_WORDS
    if not explanation.words:
        return "no words"
    sure = _sure(explanation.words)
    numbered = [
        f"{number}\u00a0\u201c{shorten(word.text)}\u201d"
        for number, word in enumerate(sure[:MAX_NUMBERED_WORDS], 1)
    ]
    more = []
    if len(sure) > MAX_NUMBERED_WORDS:
        more.append(f"{len(sure) - MAX_NUMBERED_WORDS} more")
    if len(explanation.words) > len(sure):
        more.append(f"{len(explanation.words) - len(sure)} unsure (dotted)")
    return "words (green): " + ", ".join([*numbered, *more])


def _sure(read: Sequence[MarkedWord]) -> list[MarkedWord]:
    return [word for word in read if word.confidence >= SHOWN_CONFIDENCE]


def draw_map(axes: Axes, explanation: Explanation) -> AxesImage:
    """Draws the map over the grey cover; returns it for a colour bar, in points of probability."""
    from matplotlib.colors import LinearSegmentedColormap

    assert explanation.attention is not None
    axes.set_axis_off()
    grey = np.asarray(explanation.image.convert("L"), np.float32)
    axes.imshow(90 + grey * 0.65, cmap="gray", vmin=0, vmax=255)
    most = map_reach(explanation.attention)
    colours = [(*_rgb(AGAINST), 0.9), (1, 1, 1, 0), (*_rgb(FOR), 0.9)]
    return axes.imshow(
        100 * explanation.attention, LinearSegmentedColormap.from_list("map", colours), vmin=-most, vmax=most
    )


def map_reach(attention: np.ndarray) -> float:
    """What the map's deepest colours stand for, in points of probability."""
    return 100 * max(float(np.abs(attention).max()), MIN_COLOUR_REACH)


def _alone(explanation: Explanation, draw: Callable[[Axes], object]) -> Image.Image:
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    wide, high = (SIDE * side / max(explanation.image.size) + 2 * BORDER for side in explanation.image.size)
    figure = PlainFigure(figsize=(wide, high))
    draw(figure.add_axes((BORDER / wide, BORDER / high, 1 - 2 * BORDER / wide, 1 - 2 * BORDER / high)))
    content = io.BytesIO()
    figure.savefig(content, dpi=DPI, format="png", transparent=True)
    return Image.open(content).convert("RGBA")


def _corners(box: Box) -> list[tuple[float, float]]:
    return [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]


def _outline(axes: Axes, corners: Sequence[tuple[float, float]], colour: str, style: Any) -> None:
    """A closed line in pixels of the cover, with a dark edge that keeps it visible on any ground."""
    from matplotlib.patches import Polygon
    from matplotlib.patheffects import Normal, Stroke

    line = Polygon(np.asarray(corners) - 0.5, closed=True, fill=False, linewidth=1.6)
    line.set(edgecolor=colour, linestyle=style, clip_on=False)
    line.set_path_effects([Stroke(linewidth=3, foreground=INK, alpha=0.7), Normal()])
    axes.add_patch(line)


def _number(axes: Axes, words: Sequence[MarkedWord], side: int, size: float) -> None:
    """Numbers at corners or edges of the boxes, where no other number is near, or the least near."""
    taken: list[tuple[float, float]] = []
    for number, word in enumerate(words, 1):
        room = [
            (min((math.dist(place, other) for other in taken), default=math.inf), place)
            for place in _places(word)
        ]
        free = [place for distance, place in room if distance > side * size / 105]
        taken.append(free[0] if free else max(room)[1])
        axes.annotate(
            str(number),
            taken[-1],
            color="white",
            size=size,
            weight="bold",
            ha="center",
            va="center",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": INK, "edgecolor": WORD},
            annotation_clip=False,
        )


def _places(word: MarkedWord) -> list[tuple[float, float]]:
    """The corners of a box, then the middles of its edges."""
    corners = [(float(x), float(y)) for x, y in word.corners]
    edges = zip(corners, [*corners[1:], corners[0]], strict=True)
    return [*corners, *(((x + u) / 2, (y + v) / 2) for (x, y), (u, v) in edges)]


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
