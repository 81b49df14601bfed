"""`index.html` of a transfer study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coverfusion.experiments.drawing.study_pages import write_study_page
from coverfusion.experiments.drawing.words import p_value, percent, points, records


def write_transfer_page(
    folder: Path, sentences: Sequence[str], scores: pd.DataFrame, blocks: pd.DataFrame, left_out: pd.DataFrame
) -> None:
    """Writes the page from the tables of the study; `folder` holds what every study's folder does."""
    context = {
        "sentences": sentences,
        "scores": records(scores),
        "blocks": records(blocks),
        "left_out": records(left_out),
    }
    write_study_page(
        folder, "transfer.html", context, {"percent": percent, "points": points, "p_value": p_value}
    )
