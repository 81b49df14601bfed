"""The page of doubtful labels: each cover with what its label says and what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coverfusion.experiments.doubt.tables import suggested_words
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.run_pages import link_run_pages
from coverfusion.experiments.drawing.thumbnails import picture_at
from coverfusion.experiments.drawing.words import percent, records
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.run_folder import Run


def write_doubt_page(
    folder: Path,
    run: Run,
    sentences: Sequence[str],
    shown: pd.DataFrame,
    genres: pd.DataFrame,
    count: int,
) -> None:
    """Writes `index.html`: one file, with the covers in it.

    Args:
        folder: where, with `config.yaml` and `environment.json`.
        run: whose covers.
        sentences: the findings.
        shown: the covers to show, as `doubt.tables.doubtful_table` gives them.
        genres: as `doubt.tables.doubt_by_genre` gives them.
        count: of all doubtful covers.
    """
    covers = [
        row | {"picture": picture_at(str(row["path"])), "path": run.shorten(str(row["path"]))}
        for row in records(shown)
    ]
    context = {
        "run": run,
        "sentences": sentences,
        "covers": covers,
        "genres": records(genres),
        "suggested_words": suggested_words,
        "count": count,
        "sets": "lacking" in genres,
        "environment": read_json(folder / "environment.json"),
        "config_text": (folder / "config.yaml").read_text(encoding="utf-8"),
    }
    pages.write(folder / "index.html", pages.render("doubt.html", context, {"percent": percent}))
    link_run_pages(run.folder, "Labels", folder / "index.html")
