"""Still pictures of a map: all covers of all genres, each genre over the rest, and which pairs separate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing import marks
from coverfusion.experiments.drawing.charts import LIGHT
from coverfusion.experiments.drawing.labels import genres_named, label, largest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHOD_NAMES = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
OTHER_GENRES_COLOUR = "#dfe2e7"
RANDOM_LAYERS = 20  # covers are drawn in so many random layers, so that no genre covers the others
MAPS_ACROSS = 5  # small pictures in a row


def draw_map(path: Path, xy: np.ndarray, genres: np.ndarray, method: str) -> None:
    """Writes a PNG: one large map of all genres, and a small one for each.

    Args:
        path: the PNG.
        xy: (n, 2) of one method.
        genres: (n,) labels.
        method: a key of `METHOD_NAMES`.
    """
    names, counts = np.unique(genres, return_counts=True)
    chosen, which = largest(dict(zip(names.tolist(), counts.tolist(), strict=True)))
    shown = np.sort(np.asarray(chosen))
    lines = -(-len(shown) // MAPS_ACROSS)
    figure = _figure(11, 7.5 + 2.2 * lines)
    halves: Any = figure.subfigures(2, 1, height_ratios=[7.5, 2.2 * lines])
    large, small = halves
    size = float(np.clip(40_000 / len(xy), 1.5, 28))
    axes = large.subplots()
    _scatter(axes, xy, genres, names, size)
    _handles(axes, names, shown)
    title = f"{METHOD_NAMES[method]} of {len(xy):,} covers{genres_named(which)}"
    axes.set_title(title, loc="left", fontweight="bold")
    grid = small.subplots(lines, MAPS_ACROSS, squeeze=False).ravel()
    for axes in grid[len(shown) :]:
        axes.axis("off")
    for axes, name in zip(grid, shown, strict=False):
        own, number = genres == name, int(np.searchsorted(names, name))
        axes.scatter(xy[~own, 0], xy[~own, 1], s=size / 6, color=OTHER_GENRES_COLOUR, linewidths=0)
        axes.scatter(xy[own, 0], xy[own, 1], s=size / 4, color=_colour(number), linewidths=0, alpha=0.7)
        axes.set_title(f"{label(name)} ({own.sum():,})", fontsize=9, loc="left")
        _plain(axes, xy)
    figure.savefig(path, dpi=110, facecolor="white")


def draw_separation(path: Path, pairs: pd.DataFrame) -> None:
    """Writes a PNG: the matrix of AUCs with their intervals; `pairs` as `separation.separate` gives it."""
    covers = {
        str(row[f"genre_{side}"]): int(row[f"covers_{side}"])
        for row in pairs.to_dict(orient="records")
        for side in "ab"
    }
    chosen, which = largest(covers)
    names = sorted(chosen)
    pairs = pairs[pairs["genre_a"].isin(names) & pairs["genre_b"].isin(names)]
    cell = 1.05 if len(names) <= 10 else 0.75  # inches
    side = 2.2 + cell * len(names)
    figure = _figure(side + 1.2, side)
    axes = figure.subplots()
    axes.set_title(
        f"Which genres can be told apart: AUC of a linear probe{genres_named(which)}",
        loc="left",
        fontweight="bold",
    )
    values = np.full((len(names), len(names)), np.nan)
    for row in pairs.to_dict(orient="records"):
        i, j = names.index(row["genre_a"]), names.index(row["genre_b"])
        values[i, j] = values[j, i] = row["auc"]
        for x, y in ((i, j), (j, i)):
            text = f"{row['auc']:.2f}\n{row['low']:.2f}\u2013{row['high']:.2f}"
            axes.text(
                x,
                y,
                text,
                ha="center",
                va="center",
                fontsize=8.6 * cell,
                color="white" if row["auc"] > 0.8 else "black",
                fontweight="bold" if row["separates"] else "normal",
            )
    image = axes.imshow(values, cmap="Blues", vmin=0.5, vmax=1)
    labels = [label(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), labels)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(image, shrink=0.7, label="0.5 chance, 1 perfect; bold: separates")
    figure.savefig(path, dpi=110, facecolor="white")


def _scatter(axes: Axes, xy: np.ndarray, genres: np.ndarray, names: np.ndarray, size: float) -> None:
    order = np.random.default_rng(0).permutation(len(xy))
    for part in np.array_split(order, RANDOM_LAYERS):
        for number, name in enumerate(names):
            own, mark = part[genres[part] == name], marks.mark(number)
            axes.scatter(
                xy[own, 0],
                xy[own, 1],
                s=size * mark.area,
                color=_colour(number),
                marker=mark.marker,
                linewidths=0,
                alpha=0.75,
            )
    _plain(axes, xy)


def _handles(axes: Axes, names: np.ndarray, shown: np.ndarray) -> None:
    for name in shown:
        number = int(np.searchsorted(names, name))
        axes.scatter([], [], s=45, color=_colour(number), marker=marks.mark(number).marker, label=label(name))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _plain(axes: Axes, xy: np.ndarray) -> None:
    """Positions have no unit: no ticks, the same scale both ways."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_color(LIGHT["line"])


def _colour(number: int) -> str:
    return marks.LIGHT_MARKS[marks.mark(number).colour]


def _figure(width: float, height: float) -> Figure:
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    return PlainFigure(figsize=(width, height), layout="constrained")
