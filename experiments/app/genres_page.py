"""The genre report of a run: what sets the covers of each genre apart."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from coverfusion.experiments.app.embedded import show_page
from coverfusion.experiments.app.missing_results import no_run, show_command
from coverfusion.experiments.app.runs import genre_pages


def show_genres_page(run: Path | None) -> None:
    """The report's index or the page of one genre.

    Args:
        run: a finished run folder; None where there is none.
    """
    if run is None:
        no_run()
        return
    pages = genre_pages(run)
    if not pages:
        show_command("This run has no genre report yet.", "coverfusion", "report", run)
        return
    genre = st.selectbox("Genre", list(pages), key=f"genre of {run.name}")
    show_page(pages[genre], f"Genre report: {genre}")
