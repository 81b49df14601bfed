"""Genres out: the table of scores, downloads, and one cover looked at closely."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from coverfusion.data.plurals import how_many
from coverfusion.experiments.app.chosen_cover import show_cover
from coverfusion.experiments.app.covers_in import model_and_scores
from coverfusion.experiments.app.loaded_model import LoadedModel
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.score_table import is_flagged, short_names, show_table
from coverfusion.experiments.app.scored_covers import ScoredCovers, as_file, marked
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets

DOWNLOAD_FORMATS = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSONL"}
MAX_ERRORS_LISTED = 20  # errors that are listed as text; the files have all
ALL, FLAGGED = "All", "Flagged"
COVER = "cover"  # in the visitor's session: the number of the one that is looked at


def show_score_page(bundle: Path, targets: Targets = NO_TARGETS) -> None:
    """The page.

    Args:
        bundle: a bundle folder.
        targets: when to abstain, and what the sets of genres guarantee.

    Raises:
        UserError: the bundle cannot be read, or has no held-out covers for the targets.
    """
    model, scored = model_and_scores(bundle, targets)
    if scored is not None:
        _show_scores(model, scored, targets)


def noticed_of(frame: pd.DataFrame) -> list[str]:
    """How many of the scored pictures have no prediction, look like no cover, or were learnt from."""
    read = frame[frame["error"] == ""]
    silent, strange = int(read["abstain"].sum()), int(read["out_of_distribution"].sum())
    sentences = []
    if silent:
        sentences.append(f"No prediction for {silent} of {len(read)}: the model is not sure enough there.")
    if strange:
        sentences.append(
            f"Of {len(read)}, {strange} {'looks' if strange == 1 else 'look'} like no training cover: "
            f"{'its prediction means' if strange == 1 else 'their predictions mean'} little."
        )
    if known := int(read["learnt_from"].fillna(False).astype(bool).sum()):
        sentences.append(
            f"The model has learnt from {known} of {len(read)}, or from covers just like them: it fares "
            "worse on new covers, and its guarantees do not hold for these."
        )
    return sentences


def heading_of(frame: pd.DataFrame) -> str:
    """How many covers were scored, and how many files could not be read."""
    wrong = int((frame["error"] != "").sum())
    heading = f"{how_many(len(frame) - wrong, 'cover')} scored"
    return f"{heading}, {how_many(wrong, 'file')} could not be read" if wrong else heading


def _show_scores(model: LoadedModel, scored: ScoredCovers, targets: Targets) -> None:
    frame = scored.frame
    st.header(heading_of(frame), anchor=False)
    _show_errors(frame[frame["error"] != ""])
    for sentence in noticed_of(frame):
        st.warning(sentence)
    if not scored.good:
        return
    rows = _filtered(scored)
    # the first that is not flagged: what a visitor sees first should be the usual
    usual = next((row for row in scored.good if not is_flagged(_row(frame, row))), scored.good[0])
    if st.session_state.get(COVER) not in scored.good:
        st.session_state[COVER] = usual
    show_table(model, scored, rows, targets, lambda row: st.session_state.update({COVER: row}))
    _offer_files(model, frame)
    st.header("One cover", anchor=False)
    names = dict(zip(scored.good, short_names(frame["path"].tolist(), scored.good), strict=True))
    row = st.selectbox("Cover", scored.good, format_func=names.__getitem__, key=COVER)
    show_cover(model, scored, row, targets)


def _row(frame: pd.DataFrame, row: int) -> dict[str, Any]:
    return {str(name): value for name, value in frame.loc[row].items()}


def _filtered(scored: ScoredCovers) -> list[int]:
    """The rows that the visitor wants to see."""
    flagged = [row for row in scored.good if is_flagged(_row(scored.frame, row))]
    if not flagged or len(flagged) == len(scored.good):
        return scored.good
    labels = {ALL: f"All {len(scored.good)}", FLAGGED: f"With a warning: {len(flagged)}"}
    shown = st.segmented_control(
        "Covers shown", list(labels), default=ALL, format_func=labels.__getitem__, required=True
    )
    return flagged if shown == FLAGGED else scored.good


def _show_errors(wrong: pd.DataFrame) -> None:
    if wrong.empty:
        return
    listed = wrong[["path", "error"]].head(MAX_ERRORS_LISTED).to_numpy().tolist()
    lines = [f"- {plain(path)}: {plain(reason)}" for path, reason in listed]
    more = [f"- and {len(wrong) - MAX_ERRORS_LISTED} more"] if len(wrong) > MAX_ERRORS_LISTED else []
    st.warning("\n".join(["Could not be read:", *lines, *more]))


def _offer_files(model: LoadedModel, frame: pd.DataFrame) -> None:
    name = f"scores-{model.folder.resolve().parent.name}-{date.today().isoformat()}"  # noqa: DTZ011
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Download scores:", width="content")
        for kind, label in DOWNLOAD_FORMATS.items():
            st.download_button(label, as_file(marked(frame), kind), f"{name}.{kind}", on_click="ignore")
