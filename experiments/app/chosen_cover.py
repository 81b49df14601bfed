"""One scored cover: all genres, why the first of them, and the training covers that look alike."""

from __future__ import annotations

import io
import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from PIL.Image import Image
from streamlit.delta_generator import DeltaGenerator

from coverfusion.data.genre_sets import apart
from coverfusion.data.pictures import decode
from coverfusion.experiments.app.loaded_model import ONE_AT_A_TIME, LoadedModel
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.reasons import show_why
from coverfusion.experiments.app.scored_covers import ScoredCovers
from coverfusion.experiments.drawing.words import capital, percent
from coverfusion.experiments.explanation.explain import explain_picture
from coverfusion.experiments.explanation.explanation import TRAINING_COVER_WARNING
from coverfusion.experiments.explanation.figure import draw_explanation
from coverfusion.experiments.explanation.marked_pictures import (
    map_reach,
    marked_cover,
    network_map,
    people_text,
    words_text,
)
from coverfusion.experiments.retrieval.similar import nearest_covers
from coverfusion.experiments.scoring.verdict import (
    NO_ANSWER,
    NO_GUARANTEE,
    OF_ITS_GENRES,
    OUT_OF_DISTRIBUTION,
    called_in_words,
    genre_thresholds,
    set_in_words,
)
from coverfusion.fusion.uncertainty.decision import Targets
from coverfusion.fusion.uncertainty.novelty import NEAREST, is_training_cover

SHOWN_SIMILAR_COVERS = 8  # similar covers
SHOWN_GENRE_BARS = 8  # genres with a bar
SET_BESIDE_CALLED = (
    "A cover is called the genres whose thresholds its probabilities reach; the set is of all genres that "
    "cannot be ruled out."
)
SET_LACKING = "That holds only where all that the model has learnt from is given: for this cover expect less."
CLOSE = 0.05  # between two probabilities that are nearly the same


@dataclass(frozen=True)
class DrawnExplanation:
    """What the app shows of an explanation.

    Attributes:
        cover: PNG, with what was found marked on it.
        map: PNG, where the image network looks; None where there is no map.
        figure: PNG of all, for papers.
        found: the marks in words.
        reach: points of probability that the map's deepest colours stand for; NaN without a map.
        facts: as `Explanation.as_json` gives them.
    """

    cover: bytes
    map: bytes | None
    figure: bytes
    found: str
    reach: float
    facts: dict[str, Any]


def show_cover(model: LoadedModel, scored: ScoredCovers, row: int, targets: Targets) -> None:
    """Genres, explanation and similar covers.

    Args:
        model: shared with other visitors.
        scored: what was scored.
        row: of a cover that has a picture.
        targets: those that it was scored with.
    """
    own, picture = scored.frame.to_dict("records")[row], scored.pictures[row]
    if picture is None:
        return
    left, right = st.columns([1, 2])
    left.image(picture, width="stretch", caption=plain(own["path"]), alt=f"The cover {own['path']}")
    with right:
        show_genres(model, own)
        verdict = st.empty()
    genre = _chosen_genre(called_of(own))
    why = f"Why {plain(genre)}?"
    st.subheader(f"No prediction. {why}" if own["abstain"] else why, anchor=False)
    facts = show_drawn(model, scored, row, targets, genre)
    show_set(verdict, own, facts)
    show_why(facts)
    st.subheader("Similar training covers", anchor=False)
    _show_similar(model, own["cover_id"], picture)


def called_of(own: dict[Hashable, Any]) -> list[str]:
    """What a cover is called, by its row of scores: one genre, or some where it may have several."""
    return apart(str(own["genres"])) if "genres" in own else [str(own["genre_1"])]


def _chosen_genre(called: list[str]) -> str:
    """The genre that is explained: where a cover is called several, the visitor chooses."""
    if len(called) == 1:
        return called[0]
    chosen = st.segmented_control("Genre that is explained", called, default=called[0], required=True)
    return str(chosen)


def show_genres(model: LoadedModel, own: dict[Hashable, Any]) -> None:
    """Warnings, what the cover is called where it may have several genres, and a bar for the most probable.

    Args:
        model: that scored the cover.
        own: the cover's row of scores.
    """
    at, several = genre_thresholds(model.bundle), model.bundle.several is not None
    if own["out_of_distribution"]:
        st.warning(OUT_OF_DISTRIBUTION)
    if own["abstain"]:
        st.warning(NO_GUARANTEE if own["out_of_distribution"] else NO_ANSWER)
    if several:
        chances = {own[f"genre_{rank}"]: own[f"probability_{rank}"] for rank in range(1, 1 + len(at))}
        reached = any(chances.get(genre, 0.0) >= limit for genre, limit in at.items())
        st.markdown(plain(called_in_words(called_of(own), reached)))
    elif close := close_call(own):
        st.markdown(plain(close))
    for rank in range(1, SHOWN_GENRE_BARS + 1):
        if f"genre_{rank}" not in own:
            break
        genre, chance = str(own[f"genre_{rank}"]), float(own[f"probability_{rank}"])
        shown = f"{plain(genre)} {100 * chance:.1f} %"
        if several:
            shown = f"**{shown}**" if genre in called_of(own) else shown
            shown += f" (threshold {100 * at[genre]:.1f} %)" if genre in at else " (never called so)"
        st.progress(min(max(chance, 0.0), 1.0), shown)
    if own["failed_blocks"]:
        st.warning(f"Blocks that failed, taken as missing: {plain(own['failed_blocks'])}")


def show_set(place: DeltaGenerator, own: dict[Hashable, Any], facts: dict[str, Any]) -> None:
    """The set of genres with its guarantee; of a cover that the model has learnt from a warning instead.

    Args:
        place: one that is empty.
        own: the cover's row of scores.
        facts: of the explanation, as `show_drawn` returns them.
    """
    if own["learnt_from"] or facts["training_cover"]:
        place.warning(TRAINING_COVER_WARNING)
    elif facts["genre_set"]:
        place.markdown(set_said(facts))


def set_said(facts: dict[str, Any]) -> str:
    """The set with its guarantee and what it rests on, as Markdown; `facts` as of `show_set`, with a set."""
    names = facts["genre_set"]
    every = len(names) == facts["known_genres"]
    coverage = None if facts["out_of_distribution"] else facts["set_coverage"]
    said = [set_in_words(names, coverage, facts["sets"], every)]
    said += [SET_BESIDE_CALLED] if facts["sets"] == OF_ITS_GENRES and coverage is not None else []
    said += [SET_LACKING] if facts["lacking"] and not every else []
    return plain(" ".join(said))


def close_call(own: dict[Hashable, Any]) -> str:
    """Says where the second genre is nearly as probable as the first; else ""."""
    if "genre_2" not in own or own["probability_1"] - own["probability_2"] > CLOSE:
        return ""
    both = (f"{own[f'genre_{rank}']} {percent(own[f'probability_{rank}'])}" for rank in (1, 2))
    return f"Close call: {', '.join(both)}."


def show_drawn(
    model: LoadedModel, scored: ScoredCovers, row: int, targets: Targets, genre: str
) -> dict[str, Any]:
    """What was found on a scored cover and where the network looks; returns the explanation as JSON.

    Args:
        model: shared with other visitors.
        scored: what was scored.
        row: of a cover that has a picture.
        targets: those that it was scored with.
        genre: that is explained.
    """
    drawn = _drawn(
        model.bundle.digest,
        str(scored.frame["cover_id"][row]),
        targets,
        genre,
        model,
        scored.pictures[row] or b"",
    )
    left, right = st.columns(2)
    left.markdown("**Found on the cover**")
    left.image(drawn.cover, width="stretch", alt="The cover with marks; the words below say what they are.")
    left.markdown(plain(drawn.found))
    if drawn.map is not None:
        right.markdown("**Where the image network looks**")
        right.image(drawn.map, width="stretch", alt="The map of where the image network looks.")
        right.markdown(plain(map_words(drawn)))
    st.download_button(
        "Download the explanation as a picture",
        drawn.figure,
        "explanation.png",
        "image/png",
        key=f"explanation-{row}",
        on_click="ignore",
    )
    return drawn.facts


def map_words(drawn: DrawnExplanation) -> str:
    """What the map's colours stand for."""
    return (
        f"{capital(drawn.facts['attention_note'])}. Blue speaks for the genre, orange against it; its "
        f"deepest colours stand for {drawn.reach:.1f} points of probability."
    )


@st.cache_data(max_entries=64, show_spinner="Explaining")
def _drawn(
    digest: str, cover_id: str, targets: Targets, genre: str, _model: LoadedModel, _picture: bytes
) -> DrawnExplanation:
    with ONE_AT_A_TIME:
        explanation = explain_picture(
            _model.bundle, _model.extractors, decode(_picture), targets=targets, genre=genre
        )
        looked = network_map(explanation)
        return DrawnExplanation(
            _png(marked_cover(explanation)),
            None if looked is None else _png(looked),
            _png(draw_explanation(explanation)),
            f"{people_text(explanation)}; {words_text(explanation)}",
            math.nan if explanation.attention is None else map_reach(explanation.attention),
            explanation.as_json(),
        )


def _scale(model: LoadedModel) -> str:
    """What a distance is large or small beside."""
    assert model.bundle.neighbours is not None
    usual = model.bundle.neighbours.usual_distance()
    same = "Distances are over all blocks, whatever the model reads: at 0 all features are the same"
    return f"{same}." if math.isnan(usual) else f"{same}; two random training covers are {usual:.2f} apart."


def _png(picture: Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _show_similar(model: LoadedModel, cover_id: str, picture: bytes) -> None:
    if model.bundle.neighbours is None:
        st.info("This bundle has no index of training covers. Train again to get one.")
        return
    genres = st.multiselect("Only of these genres", model.bundle.classes, placeholder="all")
    frame, pictures, left_out = _nearest(model.bundle.digest, cover_id, tuple(genres), model, picture)
    st.caption(
        "Genre, distance and file, the nearest first. "
        + _scale(model)
        + (" This very cover is a training cover, and is left out." if left_out else "")
    )
    with st.container(key="similar"):
        for one, thumbnail in zip(frame.itertuples(), pictures, strict=True):
            label = f"{str(one.genre).replace('|', ', ')}, {one.distance:.2f}"
            caption = plain(f"{label} \u00b7 {Path(str(one.path)).name}")
            if thumbnail is None:
                st.caption(caption)
            else:
                st.image(thumbnail, width="stretch", caption=caption, alt=f"{label}: {one.path}")


@st.cache_data(max_entries=64, show_spinner="Looking for similar covers")
def _nearest(
    digest: str, cover_id: str, genres: tuple[str, ...], _model: LoadedModel, _picture: bytes
) -> tuple[pd.DataFrame, list[bytes | None], bool]:
    """The nearest training covers and their small pictures; whether the cover itself was left out of them."""
    assert _model.bundle.neighbours is not None
    with ONE_AT_A_TIME:
        most = SHOWN_SIMILAR_COVERS + 1
        frame = nearest_covers(_model.bundle, _model.extractors, decode(_picture), most, list(genres) or None)
        itself = is_training_cover(frame["distance"].to_numpy()[:NEAREST])
        frame = frame[int(itself) :].head(SHOWN_SIMILAR_COVERS)
        return frame, list(_model.bundle.neighbours.thumbnails(frame["cover_id"].tolist())), itself
