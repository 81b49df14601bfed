"""Two scored covers side by side: their genres, what tells them apart, and why each gets its genre."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from coverfusion.data.pictures import decode
from coverfusion.experiments.app.chosen_cover import (
    feature_words,
    show_drawn,
    show_genres,
    value_words,
)
from coverfusion.experiments.app.loaded_model import ONE_AT_A_TIME, LoadedModel
from coverfusion.experiments.app.missing_results import no_run
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.score_page import model_and_scores
from coverfusion.experiments.app.scored_covers import ScoredCovers
from coverfusion.experiments.drawing.words import effect
from coverfusion.experiments.explanation.figure import display_unit
from coverfusion.experiments.explanation.two_covers import TwoCovers, compare_two
from coverfusion.fusion.uncertainty.decision import Targets

NAMES = ("First cover", "Second cover")


def show_two_covers_page(bundle: Path | None, targets: Targets) -> None:
    """The page.

    Args:
        bundle: a bundle folder; None where there is none.
        targets: when to abstain, and what the sets of genres guarantee.

    Raises:
        UserError: as `score_page.model_and_scores`.
    """
    if bundle is None:
        no_run()
        return
    model, scored = model_and_scores(bundle, targets)
    good = [] if scored is None else scored.frame.index[scored.frame["error"] == ""].tolist()
    if scored is None or len(good) < 2:
        st.info("Upload two covers or more, then choose any two of them here.")
        return
    _show_two(model, scored, good, targets)


def _show_two(model: LoadedModel, scored: ScoredCovers, good: list[int], targets: Targets) -> None:
    frame, rows = scored.frame, []
    for number, (name, side) in enumerate(zip(NAMES, st.columns(2), strict=True)):
        with side:
            row = st.selectbox(name, good, index=number, format_func=lambda one: frame["path"][one])
            own = frame.to_dict("records")[row]
            st.image(scored.pictures[row] or b"", width=280, alt=f"{name}: {own['path']}")
            show_genres(model, own, targets)
        rows.append(row)
    st.header("What tells them apart")
    genres = list(dict.fromkeys([*(str(frame["genre_1"][row]) for row in rows), *model.bundle.classes]))
    genre = st.selectbox("Genre whose probability is compared", genres, width=320)
    ids = tuple(str(frame["cover_id"][row]) for row in rows)
    pictures = [scored.pictures[row] or b"" for row in rows]
    two = _compared(model.bundle.digest, ids, genre, model, pictures)
    _show_difference(two)
    st.header("Why each gets its genre")
    reasons = []
    for name, row in zip(NAMES, rows, strict=True):
        st.subheader(f"{name}: why {plain(str(frame['genre_1'][row]))}?")
        reasons.append(show_drawn(model, scored, row, targets))
    st.header("Their strongest features")
    st.table(feature_frame(two, reasons))
    st.caption(
        plain(
            "Values, with the effect on the cover's own genre in brackets where the feature is one of its "
            f"strongest. Effects are in {display_unit(two.unit)[1]}."
        )
    )


@st.cache_data(max_entries=64, show_spinner="Comparing")
def _compared(
    digest: str, cover_ids: tuple[str, ...], genre: str, _model: LoadedModel, _pictures: list[bytes]
) -> TwoCovers:
    with ONE_AT_A_TIME:
        return compare_two(_model.bundle, _model.extractors, [decode(one) for one in _pictures], genre)


def _show_difference(two: TwoCovers) -> None:
    factor, unit = display_unit(two.unit)
    st.markdown(difference_words(two))
    st.table(_effects(two.blocks, factor))
    st.caption(
        plain(f"In {unit}. Differences of the blocks add up to the difference between the two covers.")
    )


def feature_frame(two: TwoCovers, reasons: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a feature that is among the strongest of either cover: both values, with effects.

    Args:
        two: with the values.
        reasons: both explanations, as `Explanation.as_json` gives them.
    """
    factor = display_unit(two.unit)[0]
    effects = [{one["column"]: factor * one["contribution"] for one in why["features"]} for why in reasons]
    strongest = sorted(
        effects[0].keys() | effects[1].keys(),
        key=lambda name: -max(abs(some.get(name, 0.0)) for some in effects),
    )
    rows = {}
    for name in strongest:
        values = two.columns.loc[name]
        cells = [
            value_words(values[side]) + (f" ({effect(own[name])})" if name in own else "")
            for side, own in zip(("first", "second"), effects, strict=True)
        ]
        rows[feature_words(name, values["meaning"])] = cells
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(NAMES)).rename_axis("Feature")


def difference_words(two: TwoCovers) -> str:
    """How far the two covers are apart, and the block that does most of it."""
    factor, unit = display_unit(two.unit)
    first, second = (f"{factor * score:.1f}" for score in two.scores)
    apart = factor * (two.scores[0] - two.scores[1])
    most = two.blocks.iloc[0]
    part = effect(factor * most["difference"])
    return plain(
        f"{two.genre}: {first} for the first cover and {second} for the second, {abs(apart):.1f} apart "
        f"(in {unit}). The block {most['block']} contributes most to it: {part} of "
        f"{effect(apart)}."
    )


def _effects(blocks: pd.DataFrame, factor: float) -> pd.DataFrame:
    """First, second and difference as signed text, one row a block."""
    named = {"block": "Block", "first": NAMES[0], "second": NAMES[1], "difference": "Difference"}
    return blocks.rename(columns=named).set_index("Block").map(lambda value: effect(factor * value))
