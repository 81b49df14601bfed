"""Two scored covers side by side: their genres, what tells them apart, and why each gets its genre."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from coverfusion.data.pictures import decode
from coverfusion.experiments.app.addresses import SCORE, open_page
from coverfusion.experiments.app.chosen_cover import called_of, show_drawn, show_genres, show_set
from coverfusion.experiments.app.covers_in import model_and_scores
from coverfusion.experiments.app.loaded_model import ONE_AT_A_TIME, LoadedModel
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.reasons import (
    feature_names,
    show_definitions,
    show_words,
    value_words,
)
from coverfusion.experiments.app.score_table import short_names
from coverfusion.experiments.app.scored_covers import ScoredCovers
from coverfusion.experiments.drawing.words import effect
from coverfusion.experiments.explanation.blocks import PROBABILITY
from coverfusion.experiments.explanation.figure import display_unit
from coverfusion.experiments.explanation.two_covers import TwoCovers, compare_two
from coverfusion.fusion.uncertainty.decision import Targets

NAMES = ("First cover", "Second cover")


def show_two_covers_page(bundle: Path, targets: Targets) -> None:
    """The page.

    Args:
        bundle: a bundle folder.
        targets: when to abstain, and what the sets of genres guarantee.

    Raises:
        UserError: as `covers_in.model_and_scores`.
    """
    model, scored = model_and_scores(bundle, targets, uploads=False)
    good = [] if scored is None else scored.good
    if scored is None or len(good) < 2:
        st.info("Upload two covers or more, then choose any two of them here.")
        return
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.markdown(f"Choosing from {len(good)} scored covers.")
    if right.button("Score others", width="stretch"):
        open_page(SCORE)
    _show_two(model, scored, good, targets)


def _show_two(model: LoadedModel, scored: ScoredCovers, good: list[int], targets: Targets) -> None:
    frame, rows, owns, verdicts = scored.frame, [], [], []
    names = dict(zip(good, short_names(frame["path"].tolist(), good), strict=True))
    with st.container(key="two"):
        sides = st.columns(2)
    for number, (name, side) in enumerate(zip(NAMES, sides, strict=True)):
        with side:
            row = st.selectbox(name, good, index=number, format_func=names.__getitem__)
            own = frame.to_dict("records")[row]
            st.image(scored.pictures[row] or b"", width=280, alt=f"{name}: {own['path']}")
            show_genres(model, own)
            verdicts.append(st.empty())
        rows.append(row)
        owns.append(own)
    if rows[0] == rows[1]:
        st.info("Both are the same cover: choose another one to compare it with.")
        return
    st.header("What tells them apart", anchor=False)
    called = [called_of(own) for own in owns]
    genres = list(dict.fromkeys([*(genre for named in called for genre in named), *model.bundle.classes]))
    genre = st.selectbox("Genre whose probability is compared", genres, width=320)
    ids = tuple(str(frame["cover_id"][row]) for row in rows)
    pictures = [scored.pictures[row] or b"" for row in rows]
    two = _compared(model.bundle.digest, ids, genre, model, pictures)
    _show_difference(two)
    st.header("Why each gets its genre", anchor=False)
    reasons = []
    for name, row, own, verdict, (own_genre, *_) in zip(NAMES, rows, owns, verdicts, called, strict=True):
        with st.expander(f"{name}: why {plain(own_genre)}?"):
            reasons.append(show_drawn(model, scored, row, targets, own_genre))
            show_words(reasons[-1])
        show_set(verdict, own, reasons[-1])
    shown = feature_frame(two, reasons)
    if shown.empty:
        return
    st.header("Their strongest features", anchor=False)
    st.table(shown)
    st.caption(
        plain(
            "Values, with the effect on the cover's own genre in brackets where the feature is one of its "
            f"strongest. Effects are in {display_unit(two.unit)[1]}."
        )
    )
    show_definitions(_meanings(two, strongest_columns(reasons)))


@st.cache_data(max_entries=64, show_spinner="Comparing")
def _compared(
    digest: str, cover_ids: tuple[str, ...], genre: str, _model: LoadedModel, _pictures: list[bytes]
) -> TwoCovers:
    with ONE_AT_A_TIME:
        return compare_two(_model.bundle, _model.extractors, [decode(one) for one in _pictures], genre)


def _show_difference(two: TwoCovers) -> None:
    unit = display_unit(two.unit)[1]
    st.markdown(difference_words(two))
    if len(two.blocks) > 1:
        st.table(effect_frame(two))
        st.caption(plain(f"In {unit}. The blocks' differences add up to that of the two covers."))


def strongest_columns(reasons: list[dict[str, Any]]) -> list[str]:
    """The columns that are among the strongest of either cover, the strongest first.

    Args:
        reasons: both explanations, as `Explanation.as_json` gives them.
    """
    effects = [{one["column"]: one["contribution"] for one in why["features"]} for why in reasons]
    return sorted(
        effects[0].keys() | effects[1].keys(),
        key=lambda name: (-max(abs(some.get(name, 0.0)) for some in effects), name),
    )


def feature_frame(two: TwoCovers, reasons: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a feature of `strongest_columns`: both values, with effects.

    Args:
        two: with the values.
        reasons: both explanations, as `Explanation.as_json` gives them.
    """
    factor = display_unit(two.unit)[0]
    effects = [{one["column"]: factor * one["contribution"] for one in why["features"]} for why in reasons]
    strongest = strongest_columns(reasons)
    names = feature_names(_meanings(two, strongest))
    rows = []
    for name in strongest:
        values = two.columns.loc[name].to_dict()
        cells = [
            value_words(values[side]) + (f" ({effect(own[name])})" if name in own else "")
            for side, own in zip(("first", "second"), effects, strict=True)
        ]
        rows.append((names[name], *cells))
    return pd.DataFrame(rows, columns=["Feature", *NAMES]).set_index("Feature")


def _meanings(two: TwoCovers, columns: Sequence[str]) -> dict[str, str]:
    return {column: str(two.columns.loc[column, "meaning"]) for column in columns}


def difference_words(two: TwoCovers) -> str:
    """How far the two covers are apart, and the block that does most of it."""
    factor, unit = display_unit(two.unit)
    apart = factor * abs(two.scores[0] - two.scores[1])
    if (two.blocks["difference"] == 0).all():
        return plain(f"Both covers get as much for {two.genre} ({factor * two.scores[0]:.1f}).")
    unit = "points" if two.unit == PROBABILITY else f"in {unit}"
    more, less = sorted((factor * score for score in two.scores), reverse=True)
    most = two.blocks.iloc[0]
    part = (
        f"all of it from {most['block']}"
        if len(two.blocks) == 1
        else f"the block {most['block']} contributes most to it, "
        f"{effect(_ahead(two) * factor * most['difference'])}"
    )
    scores = f"{more:.1f} against {less:.1f}"
    which = NAMES[_ahead(two) < 0].lower()
    return plain(f"The {which} gets {apart:.1f} {unit} more for {two.genre} ({scores}); {part}.")


def effect_frame(two: TwoCovers) -> pd.DataFrame:
    """First, second and difference as signed text, one row a block; the cover that gets more comes first."""
    factor, ahead = display_unit(two.unit)[0], _ahead(two)
    blocks = two.blocks.assign(difference=ahead * two.blocks["difference"])
    less = "First less second" if ahead > 0 else "Second less first"
    named = {"block": "Block", "first": NAMES[0], "second": NAMES[1], "difference": less}
    return blocks.rename(columns=named).set_index("Block").map(lambda value: effect(factor * value))


def _ahead(two: TwoCovers) -> int:
    """1 where the first cover gets more, -1 where the second does."""
    return 1 if two.scores[0] >= two.scores[1] else -1
