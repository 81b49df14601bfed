"""Pages that other commands made, within a page of the app."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

import streamlit as st

from coverfusion.data.errors import UserError
from coverfusion.experiments.app.addresses import FOLDER, choose
from coverfusion.experiments.app.plain_text import noted
from coverfusion.experiments.app.runs import unique_names
from coverfusion.experiments.drawing.run_pages import BAR

_BESIDE = re.compile(r'<a\b[^>]*?href="([^"#:]+\.html)(?:#[^"]*)?"[^>]*>(.*?)</a>', re.DOTALL)
_TABLES = re.compile(r"<span data-beside>.*?</span>")
NOTICE = '<p class="notice">'  # before the note of a page that has one
_HERE = Path(__file__).parent


def show_page(page: Path, title: str, links: Collection[str] = (), note: str = "") -> str | None:
    """Shows a self-contained page as high as it is, and offers it as a download.

    Args:
        page: an HTML file. Only pages from the folders that the app was started with may be shown, never
            an upload.
        title: what it shows, for screen readers.
        links: the pages beside it, as it links them, that the app can open. Its other links to such pages
            become plain text.
        note: what readers must know of the collection; it is shown where the page does not say so.

    Returns:
        The one of `links` that was clicked just now, else None.

    Raises:
        UserError: it cannot be read.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{page} cannot be read: {error}. Make it again.") from error
    if note and NOTICE not in text:
        st.warning(noted(note))
    text = placed(text, page.parent)
    frame = st.components.v2.component(
        "coverfusion_page", js=(_HERE / "frame.js").read_text(encoding="utf-8"), isolate_styles=False
    )
    shown = {"page": framed(text, links), "title": title}
    clicked = frame(data=shown, key=f"page {page}", on_link_change=lambda: None)
    st.download_button(
        "Download this page",
        linked(text),
        f"{page.parent.name}-{page.name}",
        "text/html",
        on_click="ignore",
    )
    link = str(clicked.link or "").partition("#")[0]
    return link if link in links else None


def show_one_of(folders: Sequence[Path], label: str, title: str, note: str = "") -> None:
    """Shows the `index.html` of the folder that the visitor chooses; of one folder without asking.

    Args:
        folders: at least one; the first is shown at first.
        label: above the box to choose from.
        title: what the pages show, for screen readers.
        note: as of `show_page`.
    """
    named = unique_names(folders, Path(os.path.commonpath(folders)))
    name = choose(label, FOLDER, list(named)) if len(named) > 1 else next(iter(named))
    show_page(named[name] / "index.html", f"{title}: {name}", note=note)


def placed(text: str, folder: Path) -> str:
    """A page that says in which folder its tables lie, in place of "beside this page"."""
    return _TABLES.sub(lambda _: f"in <code>{escape(str(folder))}</code>", text)


def linked(text: str, links: Collection[str] = ()) -> str:
    """A page whose links to pages beside it are plain text, and gone from the run's bar, but for `links`."""

    def bar(found: re.Match[str]) -> str:
        kept = _BESIDE.sub(lambda link: link[0] if link[1] in links else "", found[0])
        return kept if _BESIDE.search(kept) else ""

    alone = BAR.sub(bar, text, count=1)
    return _BESIDE.sub(lambda found: found[0] if found[1] in links else found[2], alone)


def framed(text: str, links: Collection[str] = ()) -> str:
    """A page for the frame: it tells the app its height and its clicks, and its own sections are found."""
    script = (_HERE / "framed.js").read_text(encoding="utf-8")
    # the page's own policy, which allows its own scripts alone, holds from where it stands
    ahead = f'<head><base href="about:srcdoc"><script>{script}</script>'
    return linked(text, links).replace("<head>", ahead, 1)
