"""What lies in the folder of runs: finished runs, their genre reports, ablations and maps."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from pathlib import Path

import yaml

_TITLE = re.compile(r"<title>(.*) covers of .*</title>")  # of a genre's page
TITLE_WITHIN = 2**16  # characters of a page in which its title stands


def is_finished_run(folder: Path) -> bool:
    """Whether `coverfusion train` has written this run folder to its end."""
    return all((folder / name).is_file() for name in ("report.html", "metrics.json", "config.yaml"))


def finished_runs(root: Path) -> list[Path]:
    """The finished run folders under `root`, the newest first; none where there is no such folder."""
    folders = [page.parent for page in _found(root, "report.html") if is_finished_run(page.parent)]
    return sorted(folders, key=lambda folder: (folder / "report.html").stat().st_mtime, reverse=True)


def run_note(run: Path) -> str:
    """What readers must know about the run's collection; empty where there is nothing, or no run folder."""
    return _of_collection(run, "note")


def genre_pages(run: Path) -> dict[str, Path]:
    """Genre -> page of the run's genre report, the index first as "All genres"; empty where none was made."""
    index = run / "genres" / "index.html"
    if not index.is_file():
        return {}
    return {"All genres": index} | {_genre(page): page for page in sorted(index.parent.glob("genre-*.html"))}


def map_folders(roots: Iterable[Path], run: Path) -> list[Path]:
    """The finished maps of a run that lie under one of `roots`, sorted by path.

    A run's name ends in a digest of all that it was made from, so a map belongs to it wherever both were
    moved.
    """
    return [folder for folder in _pages(roots, "projection.parquet") if _mapped(folder) == run.resolve().name]


def ablation_folders(roots: Iterable[Path], run: Path) -> list[Path]:
    """The finished ablations of a run's collection that lie under one of `roots`, the newest first.

    They are told by the collection's fingerprint: same covers, same genres, wherever the files lie.
    """
    own = _fingerprint(run)
    found = [folder for folder in _pages(roots, "ablation.csv") if own and _fingerprint(folder) == own]
    return sorted(found, key=lambda folder: (folder / "index.html").stat().st_mtime, reverse=True)


def _pages(roots: Iterable[Path], beside: str) -> list[Path]:
    """The folders under `roots` with an `index.html` and the file `beside` it, sorted by path."""
    pages = {page.resolve() for root in roots for page in _found(root, "index.html")}
    return sorted(page.parent for page in pages if (page.parent / beside).is_file())


def _found(root: Path, name: str) -> Iterator[Path]:
    """The files of a name in a folder's folders, and in the folders of those."""
    for depth in ("*", "*/*"):
        yield from root.glob(f"{depth}/{name}")


def unique_names(folders: Sequence[Path], root: Path) -> dict[str, Path]:
    """A name for each folder: its own, or its path from `root` where another has the same."""
    often = Counter(folder.name for folder in folders)
    return {
        folder.name if often[folder.name] == 1 else os.path.relpath(folder, root): folder
        for folder in folders
    }


def _mapped(folder: Path) -> str | None:
    """The name of the run that a map was made of; None where the map does not say."""
    try:
        settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        return Path(settings["source"]).name
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def _fingerprint(folder: Path) -> str:
    """Of the collection that a run or a study is about; empty where the folder does not say."""
    return _of_collection(folder, "fingerprint")


def _of_collection(folder: Path, fact: str) -> str:
    try:
        return str(json.loads((folder / "collection.json").read_text(encoding="utf-8")).get(fact, ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _genre(page: Path) -> str:
    with page.open(encoding="utf-8") as text:
        title = _TITLE.search(text.read(TITLE_WITHIN))
    return unescape(title[1]) if title else page.stem
