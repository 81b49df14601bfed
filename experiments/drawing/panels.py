"""Pictures of panels side by side, in light and dark, for desktops and phones."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coverfusion.experiments.drawing.charts import DARK, LIGHT
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


WIDE, NARROW = 3, 1  # panels side by side, on a desktop and on a phone
PICTURE_DPI = 160
LOOKS = {"": (LIGHT, WIDE), "-dark": (DARK, WIDE), "-narrow": (LIGHT, NARROW), "-narrow-dark": (DARK, NARROW)}


# training and validation differ in colour, shape and line
STYLES: dict[str, tuple[str, str, Any]] = {
    TRAINING: ("alone", "D", (0, (3, 2))),
    VALIDATION: ("fused", "o", "solid"),
}
PHONE_WIDTH = 4.0  # inches of a figure for phones, where a legend has one column
LONGEST_TICK = 20  # letters of a value under an axis


def save_looks(folder: Path, draw: Callable[[Mapping[str, str], int], Mapping[str, Figure]]) -> list[str]:
    """Draws `figures/<name><look>.png` in every look; returns the names.

    Args:
        folder: of the study or run.
        draw: palette and panels side by side -> name -> its figure.
    """
    place = folder / "figures"
    place.mkdir(exist_ok=True)
    for look, (palette, columns) in LOOKS.items():
        drawn = draw(palette, columns)
        for name, figure in drawn.items():
            figure.savefig(place / f"{name}{look}.png", dpi=PICTURE_DPI)
    return list(drawn)


def picture_of(folder: Path, name: str, words: str) -> dict[str, Any]:
    """A picture in all its looks as the `picture` macro takes it: `words`, and `data` by look.

    Args:
        folder: of the study or run; `figures/<name><look>.png` are there.
        name: of the picture.
        words: its text alternative.
    """
    files = {look: folder / "figures" / f"{name}{look}.png" for look in LOOKS}
    data = {look: base64.b64encode(file.read_bytes()).decode() for look, file in files.items()}
    return {"words": words, "data": {look: f"data:image/png;base64,{text}" for look, text in data.items()}}


def panels_of(
    names: Sequence[str],
    palette: Mapping[str, str],
    columns: int,
    wide: int,
    height: float,
    sharey: bool,
    sharex: bool = False,
    panel_width: float | None = None,
) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for each name, without content.

    Args:
        names: of the panels.
        palette: colours.
        columns: as the look has it; `NARROW` puts all panels in one column.
        wide: panels side by side otherwise.
        height: of a panel, in inches.
        sharey: whether panels have one vertical axis.
        sharex: whether they have one horizontal axis.
        panel_width: in inches; None: 10 inches for `wide` panels.

    Returns:
        The figure, and its panels by name.
    """
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    across = 1 if columns == NARROW else min(wide, len(names))
    down = -(-len(names) // across)
    width = 3.9 if columns == NARROW else max((panel_width or 10 / wide) * across, 5.0)
    figure = PlainFigure(
        figsize=(width, 0.9 + height * down), layout="constrained", facecolor=palette["surface"]
    )
    grid = figure.subplots(down, across, squeeze=False, sharey=sharey, sharex=sharex).ravel()
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    for axes in grid[: len(names)]:
        axes.set_facecolor(palette["surface"])
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(palette["line"])
        axes.tick_params(colors=palette["ink"], labelsize=8, left=False)
        axes.grid(axis="y", color=palette["grid"])
        axes.set_axisbelow(True)
    return figure, dict(zip(names, grid, strict=False))


def legend(figure: Figure, palette: Mapping[str, str], words: Mapping[str, str]) -> None:
    """The marks of training and validation above a figure, those that `words` names."""
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=palette[colour], marker=shape, linestyle=line, markersize=5, label=words[name])
        for name, (colour, shape, line) in STYLES.items()
        if name in words
    ]
    across = len(marks) if figure.get_figwidth() > PHONE_WIDTH else 1
    marks_above(figure, marks, across, palette, handlelength=2.2)


def marks_above(
    figure: Figure, marks: Sequence[Line2D], across: int, palette: Mapping[str, str], handlelength: float
) -> None:
    """A legend above all panels.

    Args:
        figure: that gets it.
        marks: with their labels.
        across: marks side by side.
        palette: colours.
        handlelength: of a mark, in letters.
    """
    figure.legend(
        handles=marks,
        loc="outside upper left",
        ncols=across,
        frameon=False,
        fontsize=8,
        labelcolor=palette["ink"],
        handlelength=handlelength,
        columnspacing=1.0,
    )


def short(text: str) -> str:
    """A value as it stands under an axis."""
    return text if len(text) <= LONGEST_TICK else f"{text[: LONGEST_TICK - 1]}…"
