"""The navigation bar of a run: each of its pages links to all the others."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

from coverfusion.data.errors import UserError
from coverfusion.data.json_files import read_json
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.pipeline.provenance import write_json

PAGES_FILE = "pages.json"  # in the run folder: kind of page -> its address from there
KINDS = ("Report", "Genres", "Map", "Labels", "Decisions", "Comparison")  # in the order of the bar
BAR = re.compile(r'<nav class="run".*?</nav>', re.DOTALL)  # in every page, hidden until it has links


def link_run_pages(run: Path, kind: str, page: Path) -> None:
    """Adds a page to those of a run, and sets the navigation bar of all of them.

    Pages outside the run folder that were made before are linked, but not written again. What cannot be
    written stays as it is.

    Args:
        run: the run folder.
        kind: one of `KINDS`.
        page: that was just written.
    """
    known = {name: found for name, found in _known_pages(run).items() if name != kind} | {kind: page}
    if "Report" not in known:
        return
    with contextlib.suppress(OSError):
        write_json(run / PAGES_FILE, {name: address(found, run) for name, found in known.items()})
    for name, found in known.items():
        own = name == kind or found.resolve().is_relative_to(run.resolve())
        for file in [found, *found.parent.glob("genre-*.html")] if own else []:
            with contextlib.suppress(OSError, ValueError):
                text, bar = file.read_text(encoding="utf-8"), _bar(known, file)
                pages.write(file, bar.join(BAR.split(text, maxsplit=1)))


def address(file: Path, folder: Path) -> str:
    """A file as a link from a page in the folder."""
    return quote(Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix())


def _known_pages(run: Path) -> dict[str, Path]:
    """The pages of a run that are still there."""
    noted: Mapping[str, str] = {}
    with contextlib.suppress(UserError):
        noted = read_json(run / PAGES_FILE, dict[str, str])
    found = {kind: run / noted[kind] for kind in KINDS if kind in noted} | {"Report": run / "report.html"}
    return {kind: page for kind, page in found.items() if page.suffix == ".html" and page.is_file()}


def _bar(known: Mapping[str, Path], file: Path) -> str:
    links = [
        f'<span aria-current="page">{kind}</span>'
        if known[kind].resolve() == file.resolve()
        else f'<a href="{escape(address(known[kind], file.parent))}">{kind}</a>'
        for kind in KINDS
        if kind in known
    ]
    hidden = " hidden" if len(links) < 2 else ""
    return f'<nav class="run" aria-label="Pages of the run"{hidden}>{" ".join(links)}</nav>'
