"""How much each stack of a run believes each of its members: a table and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.experiments.drawing.charts import LIGHT
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.fusion.registry import classifier_class
from coverfusion.fusion.stack import Stack

WEIGHTS_FILE = "stack_weights.csv"
WEIGHTS_FIGURE = Path("figures", "stack_weights.png")


def write_stack_weights(
    folder: Path, fits: CachedFits, models: Sequence[Model], parts: Sequence[Part]
) -> None:
    """Writes `stack_weights.csv` and `figures/stack_weights.png` where there is a stack among the models.

    Args:
        folder: of the run.
        fits: of every model on every part, with the fitted classifiers.
        models: all of the run.
        parts: all of the run.
    """
    frames = []
    for model in [] if fits.sets else models:  # of several genres there is one stack a genre
        if not issubclass(classifier_class(model.classifier), Stack):
            continue
        for part in parts:
            stack = fits.fitted(model, part)
            assert isinstance(stack, Stack)
            table = stack.weights_.reset_index()
            frames.append(
                table.assign(classifier=model.classifier, blocks="+".join(model.blocks), part=part.name)
            )
    if frames:
        weights = pd.concat(frames)[["classifier", "blocks", "part", "member", "weight"]]
        write_csv(weights, folder / WEIGHTS_FILE)
        (folder / WEIGHTS_FIGURE).parent.mkdir(exist_ok=True)
        draw_stack_weights(weights, folder / WEIGHTS_FIGURE)


def summary(weights: pd.DataFrame) -> pd.DataFrame:
    """One row a stack and member: its mean `weight` over the parts of the run."""
    return _named(weights).groupby(["stack", "member"], sort=False)["weight"].mean().reset_index()


def _named(weights: pd.DataFrame) -> pd.DataFrame:
    return weights.assign(stack=weights["classifier"] + " on " + weights["blocks"])


def draw_stack_weights(weights: pd.DataFrame, path: Path) -> None:
    """A bar a member, its mean weight, and a point for each part of the run; as a PNG."""
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    shown = summary(weights)
    stacks = list(dict.fromkeys(shown["stack"]))
    figure = PlainFigure(figsize=(7, 0.8 * len(stacks) + 0.45 * len(shown)), layout="constrained")
    sizes = [len(shown[shown["stack"] == name]) for name in stacks]
    panels = figure.subplots(len(stacks), 1, squeeze=False, sharex=True, height_ratios=sizes).ravel()
    for name, axes in zip(stacks, panels, strict=True):
        mine = shown[shown["stack"] == name]
        axes.barh(mine["member"], mine["weight"], color=LIGHT["cell"], height=0.6)
        every = _named(weights).query("stack == @name")
        axes.plot(every["weight"], every["member"], "o", color=LIGHT["ink"], markersize=3.5)
        axes.axvline(0, color=LIGHT["line"], linewidth=1)
        axes.invert_yaxis()
        axes.set_title(name, loc="left", fontsize=9)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False, labelsize=9)
    panels[-1].set_xlabel("weight of the log probabilities; bar: mean, points: parts of the run", fontsize=9)
    figure.savefig(path, dpi=130)
