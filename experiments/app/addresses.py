"""Where each page of the app is, and what its address says: the run, the covers scored, the genre."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

SCORE, COMPARE, LEADERBOARD, GENRES, ABLATION, MAP = ADDRESSES = (
    "score",
    "compare",
    "leaderboard",
    "genres",
    "ablation",
    "map",
)
OF_A_RUN = (LEADERBOARD, GENRES, ABLATION, MAP)  # pages about the run that was chosen
WITH_OWN_NOTE = (GENRES, ABLATION)  # pages of commands, which may say what must be known of the collection
RUN, SCORED, GENRE, FOLDER, TAB = (
    "run",
    "scored",
    "genre",
    "folder",
    "tab",
)  # what follows the address's question mark
OF_EVERY_PAGE = (RUN, SCORED)
_PAGES = "pages"  # in the visitor's session: address -> page


def remember_pages(pages: dict[str, st.Page]) -> None:
    """Notes the pages of this visit, for `open_page`."""
    st.session_state[_PAGES] = pages


def kept_parameters() -> dict[str, str]:
    """What links from one page to another keep: so a new tab or a reload shows the same."""
    return {name: st.query_params[name] for name in OF_EVERY_PAGE if name in st.query_params}


def open_page(address: str, **parameters: str) -> None:
    """Goes to another page of the app, or to this one with other parameters."""
    st.switch_page(st.session_state[_PAGES][address], query_params=kept_parameters() | parameters)


def choose(
    label: str,
    parameter: str,
    options: Sequence[str],
    format_func: Callable[[str], str] = str,
    width: int | Literal["stretch"] = "stretch",
) -> str:
    """A box to choose from, whose choice stands in the address.

    Args:
        label: above the box.
        parameter: of the address.
        options: at least one; the first is chosen where the address has none of them.
        format_func: what is shown of an option.
        width: in pixels, or "stretch".
    """
    key, asked = f"choice of {parameter}", st.query_params.get(parameter)

    def note() -> None:
        st.query_params[parameter] = st.session_state[key]

    st.session_state[key] = asked if asked in options else options[0]
    return str(
        st.selectbox(label, list(options), format_func=format_func, key=key, on_change=note, width=width)
    )
