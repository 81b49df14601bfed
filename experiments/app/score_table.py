"""The table of scored covers."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from coverfusion.data.genre_sets import apart
from coverfusion.experiments.app.loaded_model import LoadedModel
from coverfusion.experiments.app.scored_covers import ScoredCovers, marked
from coverfusion.experiments.scoring.verdict import OF_ITS_GENRES, UNDECIDED, set_guarantee
from coverfusion.fusion.uncertainty.decision import Targets, kind_of_sets

SHOWN_GENRES = 2  # genres that the table shows; the files have all
OPTIONAL_COLUMNS = ("genres", "warning", "genre_set", "failed_blocks")  # columns that often say nothing
ROW, HEADER = 68, 36  # pixels; streamlit breaks lines in rows of more than 64
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

    table = table_of_scores(scored, rows, len(model.bundle.classes))
    sets = OF_ITS_GENRES if model.bundle.several else kind_of_sets(model.bundle.decision, targets)
    with st.container(key="scores-wide"):
        st.dataframe(
            table,
            hide_index=True,
            row_height=ROW,
            height=int(HEADER + ROW * min(len(rows), SHOWN_ROWS)) + 4,
            column_config=_columns(targets, sets),
            key=key if chosen else None,
            on_select=selected if chosen else "ignore",
            selection_mode="single-row",
            alt="Genres with probabilities for each cover",
        )
        if chosen and len(rows) > 1:
            st.caption("Select a row to look at its cover.")
    with st.container(key="scores-narrow"):
        st.html(narrow_table(table))


def narrow_table(table: pd.DataFrame) -> str:
    """The same as HTML that fits a phone: picture, genres and what must be known of them, and file.

    Args:
        table: as of `table_of_scores`.
    """
    lines = []
    for row in table.to_dict("records"):
        picture = f'<img src="{row["cover"]}" alt="">' if row["cover"] else ""
        named = row["genres"] if row.get("genres") else f"{row['genre_1']} {row['probability_1']:.1f} %"
        more = [row.get("warning"), row["path"]]
        small = "".join(f"<small>{escape(str(text))}</small>" for text in more if text)
        lines.append(f"<tr><td>{picture}</td><td>{escape(str(named))}{small}</td></tr>")
    head = "<tr><th>Cover</th><th>Genre and file</th></tr>"
    label = 'role="region" aria-label="Scores" tabindex="0"'
    return f"<div {label}><table><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table></div>"


def table_of_scores(scored: ScoredCovers, rows: Sequence[int], genres: int) -> pd.DataFrame:
    """What the table shows: small pictures as data URIs, the first genres, and what was noticed.

    Probabilities are in percent; a column that says nothing of any cover is left out. What must be known of
    the genre stands right after it: `warning` has "out of distribution", "abstained" and "learnt from". A set
    of a cover that the model has learnt from guarantees nothing, and is left out.

    Args:
        scored: what was scored.
        rows: numbers of the covers.
        genres: how many the model knows: a set of all of them is "undecided".
    """
    frame = scored.frame.loc[list(rows)]
    table = pd.DataFrame({"cover": [_data_uri(scored.thumbnails[row]) for row in rows]}, index=frame.index)
    called = frame["genres"] if "genres" in frame else pd.Series("", index=frame.index)
    table["genres"] = called.fillna("").str.replace("|", ", ")
    table["genre_1"], table["probability_1"] = frame["genre_1"], 100 * frame["probability_1"]
    table["warning"] = [_warning(row) for row in frame.to_dict("records")]
    table["path"] = short_names(scored.frame["path"].tolist(), rows)
    sets = marked(frame)["genre_set"].fillna("")
    table["genre_set"] = [_set_words(genre_set, genres) for genre_set in sets]
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
    """Whether something must be known of a row's genres."""
    return bool(_warning(row))


def _warning(row: Mapping[Any, Any]) -> str:
    warnings = (
        ("out of distribution", row["out_of_distribution"]),
        ("abstained", row["abstain"]),
        ("learnt from", row["learnt_from"]),
    )
    return ", ".join(text for text, known in warnings if pd.notna(known) and known)


def _set_words(genre_set: str | None, genres: int) -> str:
    names = apart(genre_set or "")
    return UNDECIDED if len(names) == genres else ", ".join(names)


def _columns(targets: Targets, sets: str) -> dict[str, ColumnConfig | str | None]:
    columns: dict[str, ColumnConfig | str | None] = {
        "cover": st.column_config.ImageColumn("Cover", width=60, pinned=True),
        "warning": st.column_config.TextColumn(
            "Warning",
            width=135,
            help="abstained: not sure enough; out of distribution: looks like no training cover, so its "
            "genre means little; learnt from: the model has seen this cover or one just like it, and fares "
            "worse on new ones",
        ),
        "genres": st.column_config.TextColumn(
            "Called",
            width=130,
            help="The genres whose thresholds are reached, or the one that comes nearest.",
        ),
        "genre_set": st.column_config.TextColumn(
            "Genre set", width=180, help=f"Such sets hold {set_guarantee(targets.set_coverage, sets)}."
        ),
        "path": st.column_config.TextColumn("File", width=200),
        "failed_blocks": st.column_config.TextColumn("Failed blocks"),
    }
    for rank in range(1, SHOWN_GENRES + 1):
        columns[f"genre_{rank}"] = st.column_config.TextColumn(f"Genre {rank}", width=85)
        columns[f"probability_{rank}"] = st.column_config.ProgressColumn(
            "Probability", width=80, format="%.1f %%", min_value=0, max_value=100
        )
    return columns


def _data_uri(jpeg: bytes | None) -> str | None:
    return None if jpeg is None else f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
