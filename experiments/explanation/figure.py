"""One picture of an explanation: marks, map, blocks, features in words, nearest covers."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from coverfusion.data.genre_sets import apart
from coverfusion.data.sides import BACK, FRONT
from coverfusion.experiments.drawing.labels import label
from coverfusion.experiments.drawing.words import brief, capital, effect
from coverfusion.experiments.explanation.blocks import PROBABILITY, strongest_words
from coverfusion.experiments.explanation.explanation import Explanation, Feature, OnThePicture
from coverfusion.experiments.explanation.marked_pictures import (
    AGAINST,
    FOR,
    INK,
    draw_map,
    map_reach,
    mark_cover,
    people_text,
    words_text,
)
from coverfusion.experiments.explanation.measured_text import fitted, width, wrapped
from coverfusion.experiments.scoring.verdict import called_in_words
from coverfusion.features.table import is_back

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MUTED = "#5a626d"
WIDTH, MARGIN, PANEL = 13.0, 0.4, 3.8  # inches
PANEL_LEFTS = (MARGIN, 4.6, 8.8)  # left edges of the panels
PANELS_TOP = 2.0  # where the panels begin, below the headings
FEATURES_TOP = PANELS_TOP + PANEL + 1.55  # below five lines under the map
FEATURE_ROW_HEIGHT = 0.36  # of the table of features
WORDS_HEIGHT = 0.75  # of the line of words
MAX_FEATURE_ROWS, MAX_EFFECT_WORDS = 8, 10
THUMBNAIL_SIDE = 1.15
GENRE_LINES = 4  # beside it, above the distance
SIDE_GAP, LINES_BESIDE = 0.16, 10  # between front and back; lines of what was found on one
SMALL_SIZE, TEXT_SIZE, NUMBER_SIZE = 8.5, 9.5, 7.5  # points
EXPLANATION_DPI = 110
WORD_EFFECTS = "points of probability; one word taken away at a time, so that they do not add up"


def draw_explanation(explanation: Explanation) -> Image.Image:
    """The explanation as an RGB picture, 1430 pixels wide."""
    from matplotlib import rc_context

    with warnings.catch_warnings():
        # words in a script that the font lacks are drawn as boxes; the JSON has them
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        content = io.BytesIO()
        # hinting makes lines up to 5 % wider than they were measured
        with rc_context({"text.hinting": "none"}):
            figure_of(explanation).savefig(content, dpi=EXPLANATION_DPI, format="png")
    return Image.open(content).convert("RGB")


def figure_of(explanation: Explanation) -> Figure:
    """The figure that `draw` renders."""
    from matplotlib import rc_context

    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    shown = explanation.features[:MAX_FEATURE_ROWS]
    listed = explanation.contributions.words if len(explanation.contributions.blocks) > 1 else {}
    words = FEATURES_TOP + (0.95 + FEATURE_ROW_HEIGHT * len(shown) if shown else 0)
    nearest = words + (WORDS_HEIGHT if listed else 0) + 0.15
    height = nearest + 0.45 + THUMBNAIL_SIDE + (0.75 if explanation.failed else 0.3)
    with rc_context({"font.family": "DejaVu Sans", "font.size": TEXT_SIZE}):
        figure = PlainFigure(figsize=(WIDTH, height), facecolor="white")
        _heading(figure, explanation)
        _panels(figure, explanation)
        if shown:
            _features(figure, explanation, shown)
        _learnt_words(figure, listed, words)
        _nearest(figure, explanation, nearest)
        if explanation.failed:
            reasons = "; ".join(f"{block}: {reason}" for block, reason in explanation.failed.items())
            lines = wrapped(f"Failed here, taken as missing: {reasons}", SMALL_SIZE, WIDTH - 2 * MARGIN, 2)
            _write(figure, MARGIN, height - 0.5, "\n".join(lines), color=AGAINST, size=SMALL_SIZE)
    return figure


def _write(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """Text with its upper left corner x inches from the left and y inches from the top."""
    height = figure.get_size_inches()[1]
    usual: dict[str, Any] = {"color": INK, "size": TEXT_SIZE, "va": "top", "linespacing": 1.25}
    figure.text(x / WIDTH, 1 - y / height, text, **(usual | style))


def _axes(figure: Figure, x: float, y: float, wide: float, high: float) -> Axes:
    """Axes whose upper left corner is x inches from the left and y inches from the top."""
    height = figure.get_size_inches()[1]
    return figure.add_axes((x / WIDTH, 1 - (y + high) / height, wide / WIDTH, high / height))


def _heading(figure: Figure, explanation: Explanation) -> None:
    _write(figure, MARGIN, 0.3, _title(explanation), size=22, weight="bold")
    runners_up = ", ".join(f"{name} {100 * chance:.0f} %" for name, chance in explanation.others_named)
    text = f"{'then ' + runners_up + '; ' if runners_up else ''}classifier: {explanation.headline_note}"
    _write(figure, MARGIN, 0.78, fitted(text, 11, WIDTH - 2 * MARGIN), size=11, color=MUTED)
    verdict_lines = wrapped(" ".join(_said(explanation)), TEXT_SIZE, WIDTH - 2 * MARGIN, 3)
    verdict = explanation.verdict
    warns = (
        explanation.lacking or explanation.training_cover or verdict.abstain or verdict.out_of_distribution
    )
    _write(figure, MARGIN, 1.06, "\n".join(verdict_lines), color=AGAINST if warns else MUTED)


def _title(explanation: Explanation) -> str:
    """The genre and its probability, or all that it is called; these stand below with thresholds too."""
    called = explanation.verdict.called or []
    if len(called) > 1:
        return fitted(", ".join(label(genre) for genre in called), 22, WIDTH - 2 * MARGIN, "bold")
    percentage = f"{explanation.genres[0][1]:.0%}".replace("%", " %")
    room = WIDTH - 2 * MARGIN - width(f", {percentage}", 22, "bold")
    return f"{fitted(label(explanation.genre), 22, room, 'bold')}, {percentage}"


def _said(explanation: Explanation) -> list[str]:
    """Sentences under the heading; of several genres first what it is called and which one this is of."""
    verdict, sentences = explanation.verdict, explanation.in_words()
    if verdict.called:
        called = called_in_words(verdict.called, bool(verdict.reached))
        named = called_in_words(explanation.called, bool(verdict.reached))
        of = f"The effects below are of {explanation.genre} alone."
        sentences = [named, of, *(one for one in sentences if one != called)]
    return [*explanation.lacking, *sentences]


def _panels(figure: Figure, explanation: Explanation) -> None:
    """The cover, the map where there is one, and what each block does; of one block what each word does."""
    parts = explanation.contributions
    what = "each block" if len(parts.blocks) > 1 else "each word" if parts.words else "the block"
    panels = [("Found on the cover" if explanation.back is None else "Found on both sides", _cover)]
    if explanation.attention is not None:
        panels.append(("Where the image network looks", _map))
    panels.append((f"What {what} does", _effects))
    for x, (title, draw) in zip(PANEL_LEFTS, panels, strict=False):
        _write(figure, x, PANELS_TOP - 0.15, title, size=12, weight="bold", va="baseline")
        draw(figure, explanation, x)


# --- the cover and what was found on it ----------------------------------------------------------------


def _cover(figure: Figure, explanation: Explanation, left: float) -> None:
    if explanation.back is not None:
        _two_sides(figure, {FRONT: explanation, BACK: explanation.back}, left)
        return
    axes = _axes(figure, left, PANELS_TOP, PANEL, PANEL)
    mark_cover(axes, explanation, NUMBER_SIZE)
    lines = [
        people_text(explanation),
        *wrapped(words_text(explanation, lambda word: fitted(word, SMALL_SIZE, 1.6)), SMALL_SIZE, PANEL, 4),
    ]
    _write(figure, left, PANELS_TOP + PANEL + 0.1, "\n".join(lines), size=SMALL_SIZE)


def _two_sides(figure: Figure, sides: Mapping[str, Explanation | OnThePicture], left: float) -> None:
    """The front above the back, each with what was found on it to the right."""
    each = (PANEL - SIDE_GAP) / 2
    beside = left + each + SIDE_GAP
    for number, (name, side) in enumerate(sides.items()):
        top = PANELS_TOP + number * (each + SIDE_GAP)
        axes = _axes(figure, left, top, each, each)
        axes.set_anchor("NW")
        mark_cover(axes, side, NUMBER_SIZE)
        found = [people_text(side), words_text(side, lambda word: fitted(word, SMALL_SIZE, 1.2))]
        lines = [line for text in found for line in wrapped(text, SMALL_SIZE, each, 9)]
        _write(figure, beside, top, name, weight="bold")
        _write(figure, beside, top + 0.22, "\n".join(lines[:LINES_BESIDE]), size=SMALL_SIZE)


# --- the map -------------------------------------------------------------------------------------------


def _map(figure: Figure, explanation: Explanation, left: float) -> None:
    assert explanation.attention is not None
    axes = _axes(figure, left, PANELS_TOP, PANEL, PANEL)
    most = map_reach(explanation.attention)
    shown = draw_map(axes, explanation)
    bar = _axes(figure, left, PANELS_TOP + PANEL + 0.16, PANEL, 0.13)
    ticks = figure.colorbar(shown, bar, orientation="horizontal")
    ticks.set_ticks([-most, 0, most], labels=[effect(-most), "0", effect(most)])
    first, *_, last = bar.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    text = (
        f"points of probability: {explanation.attention_note}. Blue speaks for the genre, orange against it."
    )
    lines = wrapped(text, SMALL_SIZE, PANEL, 5)
    _write(figure, left, PANELS_TOP + PANEL + 0.55, "\n".join(lines), size=SMALL_SIZE, color=MUTED)


# --- the blocks ----------------------------------------------------------------------------------------


def _effects(figure: Figure, explanation: Explanation, left: float) -> None:
    """Bars of what each block does, or each word where there is one block; from where to where below them."""
    parts = explanation.contributions
    wide = WIDTH - MARGIN - left  # all that is left: without a map there is room for two panels
    factor, unit = display_unit(parts.unit)
    is_probability = parts.unit == PROBABILITY
    base, score = (
        f"{100 * v:.0f}\u00a0%" if is_probability else effect(v) for v in (parts.base, parts.score)
    )
    text = (
        f"{unit if is_probability else parts.unit}: from {base} ({parts.start}) to {score}; {parts.method}."
    )
    if explanation.sides:
        text = f"{sides_in_words(explanation)} {capital(text)}"
    if len(parts.blocks) > 1 or not parts.words:
        _bars(figure, left, wide, {block: factor * value for block, value in parts.blocks.items()})
    else:
        chosen = strongest_words(parts.words, MAX_EFFECT_WORDS)
        _bars(figure, left, wide, {word: 100 * parts.words[word] for word in chosen})
        text = f"{WORD_EFFECTS}. All of {', '.join(parts.blocks)}: from {base} ({parts.start}) to {score}."
    lines = wrapped(text, SMALL_SIZE, wide, 5)
    _write(figure, left, PANELS_TOP + PANEL + 0.25, "\n".join(lines), size=SMALL_SIZE, color=MUTED)


def _bars(figure: Figure, left: float, wide: float, effects: Mapping[str, float]) -> None:
    ordered = sorted(effects.items(), key=lambda item: item[1])
    names = [fitted(name, TEXT_SIZE, 1.2) for name, _ in ordered]
    values = [value for _, value in ordered]
    room = max(width(name, TEXT_SIZE) for name in names) + 0.12
    axes = _axes(figure, left + room, PANELS_TOP, wide - room, PANEL - 0.1)
    axes.barh(range(len(values)), values, 0.62, color=[FOR if value > 0 else AGAINST for value in values])
    low, high = min(0.0, *values), max(0.0, *values)
    # room for the numbers beyond the ends of the bars
    spare = 0.3 * (high - low or 1.0)
    axes.set_xlim(low - (spare if low else 0.02 * spare), high + spare)
    # few bars stand at the top, below the heading, and are no thicker
    axes.set_ylim(min(0, len(values) - 4) - 0.6, len(values) - 0.4)
    axes.set_yticks(range(len(values)), names)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color=INK, linewidth=1)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.xaxis.set_major_locator(_few_ticks())
    for position, value in enumerate(values):
        offset = (4 if value >= 0 else -4, 0)
        axes.annotate(
            effect(value),
            (value, position),
            offset,
            textcoords="offset points",
            va="center",
            ha="left" if value >= 0 else "right",
        )


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def sides_in_words(explanation: Explanation) -> str:
    """What the blocks of each side do together: "Together front +12.3, back -4.0."; "" of one picture."""
    factor = display_unit(explanation.contributions.unit)[0]
    parts = [f"{side} {effect(factor * value)}" for side, value in explanation.sides.items()]
    return f"All blocks of the {', of the '.join(parts)}." if parts else ""


def display_unit(unit: str) -> tuple[float, str]:
    """The factor that contributions are shown with, and what they are called then."""
    return (100, "points of probability") if unit == PROBABILITY else (1, "log probability")


# --- the features --------------------------------------------------------------------------------------


def _features(figure: Figure, explanation: Explanation, shown: Sequence[Feature]) -> None:
    unit = display_unit(explanation.contributions.unit)[1]
    title = "Readable features that moved it most"
    _write(figure, MARGIN, FEATURES_TOP + 0.17, title, size=12, weight="bold", va="baseline")
    method = explanation.contributions.column_method
    if explanation.contributions.unsplit:
        method += f"; not told apart within: {', '.join(explanation.contributions.unsplit)}"
    left = MARGIN + width(title, 12, "bold") + 0.2
    text = fitted(f"{unit}; {method}", SMALL_SIZE, WIDTH - MARGIN - left)
    _write(figure, left, FEATURES_TOP + 0.17, text, size=SMALL_SIZE, color=MUTED, va="baseline")
    genre = fitted(label(explanation.genre), SMALL_SIZE, 0.9)
    places = (MARGIN, MARGIN + 0.85, 3.75, 4.65, 6.85)
    heads = ("effect", "feature", "here", f"half of {genre} covers", "what it is")
    for x, head in zip(places, heads, strict=True):
        _write(figure, x, FEATURES_TOP + 0.47, head, size=SMALL_SIZE, color=MUTED, va="baseline")
    for row, feature in enumerate(shown):
        y = FEATURES_TOP + 0.75 + FEATURE_ROW_HEIGHT * row
        colour = FOR if feature.contribution > 0 else AGAINST
        moved = effect(display_unit(explanation.contributions.unit)[0] * feature.contribution)
        _write(figure, places[0], y, moved, va="baseline", color=colour, weight="bold")
        cells = (fitted(feature.column, TEXT_SIZE, places[2] - places[1] - 0.1), _value(feature.value))
        for x, cell in zip(places[1:], (*cells, _range(feature)), strict=False):
            _write(figure, x, y, cell, va="baseline")
        lines = wrapped(feature.description, SMALL_SIZE, WIDTH - MARGIN - places[4], 2)
        # two lines stand above and below the row's own
        up = 0.075 * (len(lines) - 1)
        for number, line in enumerate(lines):
            _write(
                figure, places[4], y - up + 0.15 * number, line, va="baseline", size=SMALL_SIZE, color=MUTED
            )


def _value(value: float) -> str:
    if math.isnan(value):
        return "not there"
    # beyond, there is no room for all digits
    return brief(value) if abs(value) < 1e7 else f"{value:.3g}".replace("-", "\u2212")


def _range(feature: Feature) -> str:
    quartiles = feature.quartiles
    if quartiles is None:
        return "not kept of backs" if is_back(feature.column) else ""
    low, middle, high = map(_value, quartiles)
    return middle if low == high else f"{low} to {high}"


# --- the words ----------------------------------------------------------------------------------------


def _learnt_words(figure: Figure, effects: Mapping[str, float], top: float) -> None:
    """One line of words with what each does to the probability, as many as there is room for."""
    if not effects:
        return
    title = "Words that moved it most"
    _write(figure, MARGIN, top + 0.17, title, size=12, weight="bold", va="baseline")
    left = MARGIN + width(title, 12, "bold") + 0.2
    _write(figure, left, top + 0.17, WORD_EFFECTS, size=SMALL_SIZE, color=MUTED, va="baseline")
    x = MARGIN
    for word in strongest_words(effects, MAX_EFFECT_WORDS):
        moved = effects[word]
        shown = f"{effect(100 * moved)}\u00a0\u201c{fitted(word, TEXT_SIZE, 1.6)}\u201d"
        wide = width(shown, TEXT_SIZE, "bold")
        if x + wide <= WIDTH - MARGIN:
            colour = FOR if moved > 0 else AGAINST
            _write(figure, x, top + 0.5, shown, va="baseline", color=colour, weight="bold")
            x += wide + 0.25


# --- the nearest covers --------------------------------------------------------------------------------


def _nearest(figure: Figure, explanation: Explanation, top: float) -> None:
    neighbours, title = explanation.others, "Nearest training covers"
    _write(figure, MARGIN, top + 0.17, title, size=12, weight="bold", va="baseline")
    if not math.isnan(explanation.usual_distance):
        apart = f"two random training covers are {explanation.usual_distance:.2f} apart"
        usual = f"over {explanation.neighbours_over}; {apart}"
        left = MARGIN + width(title, 12, "bold") + 0.2
        _write(figure, left, top + 0.17, usual, size=SMALL_SIZE, color=MUTED, va="baseline")
    if not neighbours:
        _write(figure, MARGIN, top + 0.4, "this model has no index of training covers", color=MUTED)
        return
    slot = (WIDTH - 2 * MARGIN) / len(neighbours)
    for number, one in enumerate(neighbours):
        x = MARGIN + number * slot
        axes = _axes(figure, x, top + 0.35, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        axes.set_anchor("W")
        axes.set_axis_off()
        if one.thumbnail is None:
            axes.imshow(np.full((8, 8, 3), 128, np.uint8))
        else:
            axes.imshow(np.asarray(Image.open(io.BytesIO(one.thumbnail)).convert("RGB")))
        room = slot - THUMBNAIL_SIDE - 0.25
        lines = [
            *_genre_lines(one.genre, explanation.verdict.called is not None, room),
            fitted(f"distance {one.distance:.2f}", TEXT_SIZE, room),
        ]
        _write(figure, x + THUMBNAIL_SIDE + 0.12, top + 0.4, "\n".join(lines))


def _genre_lines(genre: str, several: bool, room: float) -> list[str]:
    """A neighbour's genre on one line, or its several ones on as many lines as stand beside its picture."""
    if not several:
        return [fitted(label(genre), TEXT_SIZE, room)]
    return wrapped(", ".join(map(label, apart(genre))), TEXT_SIZE, room, GENRE_LINES)
