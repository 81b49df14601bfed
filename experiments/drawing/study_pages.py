"""Pages of studies: what each takes from its folder, and the tables as text and numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.provenance import read_json


def write_study_page(
    folder: Path,
    template: str,
    context: Mapping[str, Any],
    filters: pages.Filters | None = None,
    study: str = "study.json",
) -> Path:
    """Writes `index.html` from a template, and from what every study's folder holds.

    Args:
        folder: of the study.
        template: a file name in `templates/`.
        context: what this page shows beside `facts`, `environment`, `study` and `config_text`.
        filters: as for `pages.render`.
        study: the file that tells what was asked.
    """
    shared = {
        "facts": read_json(folder / "collection.json"),
        "environment": read_json(folder / "environment.json"),
        "study": read_json(folder / study),
        "config_text": (folder / "config.yaml").read_text(encoding="utf-8"),
        "collection": read_config(folder / "config.yaml").collection_name,
    }
    page = folder / "index.html"
    pages.write(page, pages.render(template, shared | dict(context), filters))
    return page


def read_table(path: Path, texts: Collection[str]) -> pd.DataFrame:
    """A table whose columns hold numbers, but for those named.

    Args:
        path: a CSV file.
        texts: columns of names: a genre or a value called "NA", "null" or "none" is not missing.
    """
    frame = read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values={})
    numbers = [column for column in frame.columns if column not in texts]
    return frame.assign(**{column: pd.to_numeric(frame[column]) for column in numbers})
