"""How the image networks of a run learnt, as charts for its report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.curves import Curve
from coverfusion.experiments.drawing.epochs import epoch_charts
from coverfusion.fusion.pictures import PIXELS


def training_charts(folder: Path) -> dict[str, Curve]:
    """Title -> how a model learnt, from `training/<part>/<model>/history.csv`; empty without networks.

    Args:
        folder: of the run, where `figures/training-<number>.svg` are written.
    """
    epochs = run_epochs(folder)
    if epochs.empty:
        return {}
    charts = epoch_charts(epochs, "")
    pages.save_charts(folder, {f"training-{n}": chart for n, chart in enumerate(charts.values(), 1)})
    return charts


def run_epochs(folder: Path) -> pd.DataFrame:
    """All histories, with `value`, the model, and `part`, the fold.

    Left out are the fits inside a stack and the last one, of the chosen model on all covers.
    """
    files = sorted((folder / "training").glob("*/*/history.csv"))
    frames = [
        pd.read_csv(file).assign(part=file.parts[-3], value=file.parts[-2].removesuffix(f" on {PIXELS}"))
        for file in files
        if file.parts[-3] != "all"
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["value", "part"])
