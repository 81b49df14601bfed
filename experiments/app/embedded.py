"""Pages that other commands made, within a page of the app."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from coverfusion.data.errors import UserError
from coverfusion.experiments.drawing.run_pages import BAR

_BESIDE = re.compile(r'<a href="[^"#:]+\.html">(.*?)</a>', re.DOTALL)
PAGE_HEIGHT = 850  # pixels; the page scrolls within


def show_page(page: Path, title: str) -> None:
    """Shows a self-contained page and offers it as a download.

    Args:
        page: an HTML file. Its scripts run as the app's own: only pages from the folders that the app was
            started with may be shown, never an upload.
        title: what it shows, for screen readers.

    Raises:
        UserError: it cannot be read.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{page} cannot be read: {error}. Make it again.") from error
    st.download_button(
        "Download this page", text, f"{page.parent.name}-{page.name}", "text/html", on_click="ignore"
    )
    # Without this its links to its own sections would lead into the app; the pages beside it are not there.
    text = BAR.sub("", text, count=1)
    alone = _BESIDE.sub(r"\1", text).replace("<head>", '<head><base href="about:srcdoc">', 1)
    st.iframe(alone, height=PAGE_HEIGHT, alt=title)
