"""Covers in, genres out: uploads, the table of scores, downloads, and one cover looked at closely."""

from __future__ import annotations

import base64
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from coverfusion.experiments.app.chosen_cover import show_cover
from coverfusion.experiments.app.example import drawn_uploads, train_example
from coverfusion.experiments.app.loaded_model import LoadedModel, read_model
from coverfusion.experiments.app.missing_results import no_run
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.runs import run_note
from coverfusion.experiments.app.scored_covers import ScoredCovers, as_file, score_uploads
from coverfusion.experiments.app.uploads import MAX_PICTURES, UPLOAD_TYPES
from coverfusion.experiments.scoring.score import check_targets
from coverfusion.experiments.scoring.verdict import note_of as bundle_note
from coverfusion.experiments.scoring.verdict import set_guarantee
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets, kind_of_sets
from coverfusion.fusion.uncertainty.guarantees import guarantee

DOWNLOAD_FORMATS = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSONL"}
SHOWN_GENRES = 2  # genres that the table shows; the files have all
OPTIONAL_COLUMNS = ("warning", "genre_set", "failed_blocks")  # columns that often say nothing
MAX_ERRORS_LISTED = 20  # errors that are listed as text; the table has all
SESSION_KEY = "scored"  # in the visitor's session: (what was scored, its scores)


def show_score_page(bundle: Path | None, root: Path, targets: Targets = NO_TARGETS) -> None:
    """The page.

    Args:
        bundle: a bundle folder; None where there is none.
        root: the folder of runs, in which an example can be trained where there is no model.
        targets: when to abstain, and what the sets of genres guarantee.

    Raises:
        UserError: the bundle cannot be read, or has no held-out covers for the targets.
    """
    if bundle is None:
        _offer_example(root)
        return
    model, scored = model_and_scores(bundle, targets)
    if scored is not None:
        _show_scores(model, scored, targets)


def model_and_scores(bundle: Path, targets: Targets) -> tuple[LoadedModel, ScoredCovers | None]:
    """Says what the model is, takes covers, and returns what was scored of them; None before that.

    Raises:
        UserError: as `show_score_page`.
    """
    with st.spinner("Reading the model"):
        model = read_model(bundle)
    check_targets(model.bundle, targets)
    note = bundle_note(model.bundle)
    if note and note != run_note(bundle.parent):  # which stands above every page
        st.warning(plain(note))
    st.markdown(_about(model, targets))
    uploads = st.file_uploader(
        f"Pictures, or zips of pictures: up to {MAX_PICTURES} at once",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        on_change=lambda: st.session_state.pop(SESSION_KEY, None),
    )
    drawn = st.button("No covers at hand? Score 12 drawn ones")
    # After a visit to another page the uploader is empty, but what was scored is still there.
    key, scored = st.session_state.get(SESSION_KEY, (None, None))
    wanted = (model.bundle.digest, *(upload.file_id for upload in uploads))
    if drawn:
        key, scored = (model.bundle.digest, "drawn"), _score(model, drawn_uploads(), targets)
    elif uploads and key not in (wanted, (model.bundle.digest, "drawn")):
        files = [(upload.name, upload.getbuffer()) for upload in uploads]
        key, scored = wanted, _score(model, files, targets)
    st.session_state[SESSION_KEY] = key, scored
    return model, scored if key is not None and key[0] == model.bundle.digest else None


def _offer_example(root: Path) -> None:
    no_run()
    st.markdown(
        "Or begin with an example. It draws a collection of covers, trains a small model on it in about a "
        "minute, and opens it here."
    )
    if st.button("Make the example", type="primary"):
        with st.spinner("Drawing covers and training on them"):
            train_example(root)
        st.rerun()


def table_of_scores(scored: ScoredCovers) -> pd.DataFrame:
    """What the page's table shows: small pictures as data URIs, the first genres, and what was noticed.

    Probabilities are in percent; a column that says nothing of any cover is left out. What must be known of
    the genre stands right after it, where a phone still shows it: `warning` has "out of distribution",
    "abstained", both, or the error.
    """
    frame = scored.frame
    table = pd.DataFrame({"cover": [_data_uri(picture) for picture in scored.thumbnails]}, index=frame.index)
    table["genre_1"], table["probability_1"] = frame["genre_1"], 100 * frame["probability_1"]
    table["warning"] = [_warning(row) for row in frame.to_dict("records")]
    table["genre_set"] = frame["genre_set"].str.replace("|", ", ")
    table["path"] = frame["path"]
    for rank in range(2, SHOWN_GENRES + 1):
        if f"genre_{rank}" in frame:
            table[f"genre_{rank}"] = frame[f"genre_{rank}"]
            table[f"probability_{rank}"] = 100 * frame[f"probability_{rank}"]
    table["failed_blocks"] = frame["failed_blocks"]
    silent = [name for name in OPTIONAL_COLUMNS if not table[name].fillna("").astype(bool).any()]
    return table.drop(columns=silent)


def _warning(row: dict[Hashable, Any]) -> str:
    """What must be known of a row's first genre, or why there is none."""
    if row["error"]:
        return str(row["error"])
    warnings = (("out of distribution", row["out_of_distribution"]), ("abstained", row["abstain"]))
    return ", ".join(text for text, known in warnings if pd.notna(known) and known)


def noticed_of(frame: pd.DataFrame) -> list[str]:
    """How many of the scored pictures have no prediction or look like no cover, in words."""
    read = frame[frame["error"] == ""]
    silent, strange = int(read["abstain"].sum()), int(read["out_of_distribution"].sum())
    sentences = []
    if silent:
        sentences.append(f"No prediction for {silent} of {len(read)}: the model is not sure enough there.")
    if strange:
        sentences.append(
            f"{strange} of {len(read)} look like no training cover: their predictions mean little."
        )
    return sentences


def _about(model: LoadedModel, targets: Targets) -> str:
    genres = ", ".join(plain(str(genre)) for genre in model.bundle.classes)
    sentence = guarantee(model.bundle.decision, targets, model.bundle.classes)
    about = (
        f"The model `{model.bundle.classifier.name}` on the blocks {', '.join(model.bundle.columns)} "
        f"names one of {len(model.bundle.classes)} genres: {genres}."
    )
    return f"{about} {plain(sentence)}" if sentence else about


def _score(
    model: LoadedModel, files: Sequence[tuple[str, bytes | memoryview]], targets: Targets
) -> ScoredCovers:
    bar = st.progress(0.0, "Reading")

    def progress(done: int, total: int) -> None:
        bar.progress(done / total, f"Scored {done} of {total}")

    scored = score_uploads(model, files, progress, targets)
    bar.empty()
    return scored


def _show_scores(model: LoadedModel, scored: ScoredCovers, targets: Targets) -> None:
    frame = scored.frame
    wrong = frame[frame["error"] != ""]
    st.header(f"{len(frame) - len(wrong)} scored" + (f", {len(wrong)} not" if len(wrong) else ""))
    if not scored.all:
        st.warning(
            f"These are the first {MAX_PICTURES} pictures. For more, run "
            f"`coverfusion score BUNDLE covers.zip --out scores.csv` in a terminal."
        )
    if len(wrong):
        listed = wrong[["path", "error"]].head(MAX_ERRORS_LISTED).to_numpy().tolist()
        lines = [f"- {plain(path)}: {plain(reason)}" for path, reason in listed]
        more = [f"- and {len(wrong) - MAX_ERRORS_LISTED} more"] if len(wrong) > MAX_ERRORS_LISTED else []
        st.warning("\n".join(["Not scored:", *lines, *more]))
    for sentence in noticed_of(frame):
        st.warning(sentence)
    st.dataframe(
        table_of_scores(scored),
        hide_index=True,
        row_height=64,
        column_config=_columns(targets, kind_of_sets(model.bundle.decision, targets)),
        alt="Genres with probabilities for each cover",
    )
    with st.container(horizontal=True):
        for kind, name in DOWNLOAD_FORMATS.items():
            st.download_button(f"Download {name}", as_file(frame, kind), f"scores.{kind}", on_click="ignore")
    good = frame.index[frame["error"] == ""].tolist()
    if good:
        st.header("One cover")
        row = st.selectbox("Cover", good, format_func=lambda number: frame["path"][number])
        show_cover(model, scored, row, targets)


def _columns(targets: Targets, sets: str) -> dict[str, ColumnConfig | str | None]:
    columns: dict[str, ColumnConfig | str | None] = {
        "cover": st.column_config.ImageColumn("Cover", width=60, pinned=True),
        "warning": st.column_config.TextColumn(
            "Warning",
            width=170,
            help="abstained: not sure enough; out of distribution: looks like no training cover, so its "
            "genre means little",
        ),
        "genre_set": st.column_config.TextColumn(
            "One of", help=f"such sets hold {set_guarantee(targets.set_coverage, sets)}"
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
