"""The table of scored covers."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from coverfusion.experiments.app.loaded_model import LoadedModel
from coverfusion.experiments.app.scored_covers import ScoredCovers
from coverfusion.experiments.scoring.verdict import UNDECIDED, set_guarantee
from coverfusion.fusion.uncertainty.decision import Targets, kind_of_sets

SHOWN_GENRES = 2  # genres that the table shows; the files have all
OPTIONAL_COLUMNS = ("warning", "genre_set", "failed_blocks")  # columns that often say nothing
ROW, HEADER = 64, 36  # pixels
SHOWN_ROWS = 6.5  # half a row says that there are more
_PARTS = re.compile(r"[/\\!]")


def show_table(
    model: LoadedModel,
    scored: ScoredCovers,
    rows: Sequence[int],
    targets: Targets,
    chosen: Callable[[int], None] | None = None,
) -> None:
    """The covers in these rows, each with its genres and what must be known of them.

    Args:
        model: that scored them.
        scored: what was scored.
        rows: numbers of covers that could be read.
        targets: those that they were scored with.
        chosen: called with the number of the cover whose row is selected.
    """
    key = "table of scores"

    def selected() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked and chosen is not None:
            chosen(rows[picked[0]])

    st.dataframe(
        table_of_scores(scored, rows, len(model.bundle.classes)),
        hide_index=True,
        row_height=ROW,
        height=int(HEADER + ROW * min(len(rows), SHOWN_ROWS)) + 4,
        column_config=_columns(targets, kind_of_sets(model.bundle.decision, targets)),
        key=key if chosen else None,
        on_select=selected if chosen else "ignore",
        selection_mode="single-row",
        alt="Genres with probabilities for each cover",
    )


def table_of_scores(scored: ScoredCovers, rows: Sequence[int], genres: int) -> pd.DataFrame:
    """What the table shows: small pictures as data URIs, the first genres, and what was noticed.

    Probabilities are in percent; a column that says nothing of any cover is left out. What must be known of
    the genre stands right after it, where a phone still shows it: `warning` has "out of distribution",
    "abstained", or both.

    Args:
        scored: what was scored.
        rows: numbers of the covers.
        genres: how many the model knows: a set of all of them is "undecided".
    """
    frame = scored.frame.loc[list(rows)]
    table = pd.DataFrame({"cover": [_data_uri(scored.thumbnails[row]) for row in rows]}, index=frame.index)
    table["genre_1"], table["probability_1"] = frame["genre_1"], 100 * frame["probability_1"]
    table["warning"] = [_warning(row) for row in frame.to_dict("records")]
    table["path"] = short_names(scored.frame["path"].tolist(), rows)
    table["genre_set"] = [_set_words(genre_set, genres) for genre_set in frame["genre_set"]]
    for rank in range(2, SHOWN_GENRES + 1):
        if f"genre_{rank}" in frame:
            table[f"genre_{rank}"] = frame[f"genre_{rank}"]
            table[f"probability_{rank}"] = 100 * frame[f"probability_{rank}"]
    table["failed_blocks"] = frame["failed_blocks"]
    silent = [name for name in OPTIONAL_COLUMNS if not table[name].fillna("").astype(bool).any()]
    return table.drop(columns=silent)


def short_names(paths: Sequence[str], rows: Sequence[int]) -> list[str]:
    """What files are called in a table: without their folders and zips, where no other has the same name."""
    last = [_PARTS.split(path)[-1] for path in paths]
    often = Counter(last)
    return [last[row] if often[last[row]] == 1 else paths[row] for row in rows]


def is_flagged(row: Mapping[Any, Any]) -> bool:
    """Whether something must be known of a row's first genre."""
    return bool(_warning(row))


def _warning(row: Mapping[Any, Any]) -> str:
    warnings = (("out of distribution", row["out_of_distribution"]), ("abstained", row["abstain"]))
    return ", ".join(text for text, known in warnings if pd.notna(known) and known)


def _set_words(genre_set: str | None, genres: int) -> str:
    names = [name for name in (genre_set or "").split("|") if name]
    return UNDECIDED if len(names) == genres else ", ".join(names)


def _columns(targets: Targets, sets: str) -> dict[str, ColumnConfig | str | None]:
    columns: dict[str, ColumnConfig | str | None] = {
        "cover": st.column_config.ImageColumn("Cover", width=60, pinned=True),
        "warning": st.column_config.TextColumn(
            "Warning",
            width=130,
            help="abstained: not sure enough; out of distribution: looks like no training cover, so its "
            "genre means little",
        ),
        "genre_set": st.column_config.TextColumn(
            "Genre set", help=f"Such sets hold {set_guarantee(targets.set_coverage, sets)}."
        ),
        "path": st.column_config.TextColumn("File", width=150),
        "failed_blocks": st.column_config.TextColumn("Failed blocks"),
    }
    for rank in range(1, SHOWN_GENRES + 1):
        columns[f"genre_{rank}"] = st.column_config.TextColumn(f"Genre {rank}", width=85)
        columns[f"probability_{rank}"] = st.column_config.ProgressColumn(
            "Probability", width=90, format="%.1f %%", min_value=0, max_value=100
        )
    return columns


def _data_uri(jpeg: bytes | None) -> str | None:
    return None if jpeg is None else f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
