"""The small drawn collection with more columns in its manifest: some tell of the genre, one gives it away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.helpers.small import TINTS, save_small

COLUMNS = ["year", "noise", "label", "title", "shelf"]


def save_told(folder: Path) -> Path:
    """The manifest of `save_small` with `COLUMNS`.

    `year` differs by genre with overlap, `noise` does not. Half of the covers have the `label` of their
    genre, and half have a word of it in the `title`. `shelf` is the genre under another name. A tenth of the
    years is missing or no number.
    """
    manifest = save_small(folder)
    rows = pd.read_csv(manifest)
    rng = np.random.default_rng(0)
    genre = rows["genre"].map(list(TINTS).index).to_numpy()
    n = len(rows)
    year = (1970 + 9 * genre + rng.normal(0, 6, n)).round().astype(int).astype(str).astype(object)
    year[::20], year[10::20] = "", "c. 1975"
    half = rng.random((2, n)) < 0.5
    words = np.array(["night", "aria", "pulse"])[genre]
    told = rows.assign(
        year=year,
        noise=rng.normal(size=n).round(3),
        label=np.where(half[0], np.array(["Dubplate", "Scala", "Tresor"])[genre], ""),
        title=[
            f"{word} {k}" if own else f"volume {k}"
            for k, (word, own) in enumerate(zip(words, half[1], strict=True))
        ],
        shelf=np.array(["A", "B", "C"])[genre],
    )
    told.to_csv(manifest, index=False)
    return manifest
