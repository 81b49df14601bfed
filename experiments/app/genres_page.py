"""The genre report of a run: what sets the covers of each genre apart."""

from __future__ import annotations

from pathlib import Path

from coverfusion.experiments.app.addresses import GENRE, GENRES, LEADERBOARD, TAB, choose, open_page
from coverfusion.experiments.app.embedded import show_page
from coverfusion.experiments.app.missing_results import no_run, offer
from coverfusion.experiments.app.run_page import REPORT
from coverfusion.experiments.app.runs import genre_pages, run_note

LINK = "../report.html"  # to the run's report, as its genre pages have it


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
        offer("This run has no genre report yet.", "genres", run)
        return
    genre = choose("Genre", GENRE, list(pages))
    names = {page.name: own for own, page in pages.items()}
    link = show_page(pages[genre], f"Genre report: {genre}", [*names, LINK], run_note(run))
    if link == LINK:
        open_page(LEADERBOARD, **{TAB: REPORT})
    elif link:
        open_page(GENRES, **{GENRE: names[link]})
