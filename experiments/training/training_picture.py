"""How the image networks of a run learnt, as a picture for its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.experiments.drawing.epochs import epoch_figure, epoch_words
from coverfusion.experiments.drawing.panels import picture_of, save_looks
from coverfusion.fusion.pictures import PIXELS


def training_picture(folder: Path) -> dict[str, Any] | None:
    """Draws `figures/training*.png`, a panel a model, from `training/<part>/<model>/history.csv`.

    Args:
        folder: of the run.

    Returns:
        What the `picture` macro takes; None where no network was trained.
    """
    epochs = run_epochs(folder)
    if epochs.empty:
        return None
    names = list(dict.fromkeys(epochs["value"]))
    save_looks(
        folder, lambda palette, columns: {"training": epoch_figure(epochs, names, "", palette, columns)}
    )
    return picture_of(folder, "training", epoch_words(epochs, ""))


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
