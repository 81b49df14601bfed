"""What lies in the folder of runs: finished runs, their genre reports and their maps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path

import yaml

_TITLE = re.compile(r"<title>(.*) covers: .*</title>")  # of a genre's page
TITLE_WITHIN = 2**16  # characters of a page in which its title stands


def is_finished_run(folder: Path) -> bool:
    """Whether `coverfusion train` has written this run folder to its end."""
    return all((folder / name).is_file() for name in ("report.html", "metrics.json", "config.yaml"))


def finished_runs(root: Path) -> list[Path]:
    """The finished run folders right under `root`, the newest first; none where there is no such folder."""
    folders = [page.parent for page in root.glob("*/report.html") if is_finished_run(page.parent)]
    return sorted(folders, key=lambda folder: (folder / "report.html").stat().st_mtime, reverse=True)


def run_note(run: Path) -> str:
    """What readers must know about the run's collection; empty where there is nothing, or no run folder."""
    try:
        return str(json.loads((run / "collection.json").read_text(encoding="utf-8")).get("note", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def genre_pages(run: Path) -> dict[str, Path]:
    """Genre -> page of the run's genre report, the index first as "All genres"; empty where none was made."""
    index = run / "genres" / "index.html"
    if not index.is_file():
        return {}
    return {"All genres": index} | {_genre(page): page for page in sorted(index.parent.glob("genre-*.html"))}


def map_folders(roots: Iterable[Path], run: Path) -> list[Path]:
    """The finished maps of a run that lie right under one of `roots`, sorted by name.

    A run's name ends in a digest of all that it was made from, so a map belongs to it wherever both were
    moved.
    """
    pages = {page.resolve() for root in roots for page in root.glob("*/index.html")}
    return sorted(page.parent for page in pages if _mapped(page.parent) == run.resolve().name)


def _mapped(folder: Path) -> str | None:
    """The name of the run that a map was made of; None where the folder is no finished map."""
    if not (folder / "projection.parquet").is_file():
        return None
    try:
        settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        return Path(settings["source"]).name
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def _genre(page: Path) -> str:
    with page.open(encoding="utf-8") as text:
        title = _TITLE.search(text.read(TITLE_WITHIN))
    return unescape(title[1]) if title else page.stem
