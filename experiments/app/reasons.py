"""Why one cover gets its genre, as tables: blocks, readable features, words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.drawing.words import SHOWN_CONFIDENCE, brief, capital, effect
from coverfusion.experiments.explanation.blocks import PROBABILITY, strongest_words
from coverfusion.experiments.explanation.figure import WORD_EFFECTS, display_unit
from coverfusion.features.descriptions import short_meaning

SHOWN_WORDS = 10  # words with their effect
WORDS_ONLY = "This model looks at words only."
NO_WORDS = "No words were read on this cover: every such cover gets this answer."
UNSURE_WORDS = "No words were read with confidence on this cover: every such cover gets this answer."
WORDS_ALONE = "Each word is taken away alone: these effects do not add up to the effect of their block."
ALONE = "Each feature is taken away alone: these effects do not add up to the effect of their block."
NOTHING_READABLE = "No readable feature moves this prediction."


def show_why(explanation: dict[str, Any]) -> None:
    """What each block, each readable feature and each word does.

    Args:
        explanation: as `Explanation.as_json` gives it.
    """
    parts = explanation["contributions"]
    factor = display_unit(parts["unit"])[0]  # as in the drawing
    blocks, features = st.columns([2, 5])
    with blocks:
        st.markdown("**What each block does**", help=plain(capital(f"{parts['method']}.")))
        effects = pd.Series(parts["blocks"]).sort_values(ascending=False)
        shown = effects.map(lambda value: effect(factor * value))
        st.table(shown.rename("Effect").rename_axis("Block"))
        st.caption(plain(base_words(explanation)))
    with features:
        if explanation["features"]:
            st.markdown("**Readable features**", help=plain(capital(f"{parts['column_method']}.")))
            st.table(feature_frame(explanation["features"], factor))
            if parts["unit"] == PROBABILITY:
                st.caption(ALONE)
            show_definitions({one["column"]: one["description"] for one in explanation["features"]})
        show_words(explanation)


def show_words(explanation: dict[str, Any]) -> None:
    """The words that moved the prediction most, or what there is instead of tables."""
    words = explanation["contributions"]["words"]
    if words:
        st.markdown("**Words that moved it most**", help=capital(f"{WORD_EFFECTS}."))
        st.table(word_effects(words))
        st.caption(WORDS_ALONE)
    if not explanation["features"]:
        st.caption(nothing_words(explanation))


def nothing_words(explanation: dict[str, Any]) -> str:
    """Why there is no table of readable features; argument as of `show_why`."""
    parts = explanation["contributions"]
    if parts["words"]:
        return WORDS_ONLY
    read = explanation["words"]
    if read is None or list(parts["blocks"]) != ["ocr"]:
        return NOTHING_READABLE
    if any(word["confidence"] >= SHOWN_CONFIDENCE for word in read):
        return NOTHING_READABLE
    return UNSURE_WORDS if read else NO_WORDS


def base_words(explanation: dict[str, Any]) -> str:
    """From where to where the effects of the blocks lead."""
    parts, genre = explanation["contributions"], explanation["genres"][0]["genre"]
    factor, unit = display_unit(parts["unit"])
    base, score = factor * parts["base"], factor * parts["score"]
    if parts["unit"] != PROBABILITY:
        return f"In {unit}, from {brief(base)} ({parts['start']}) to {brief(score)}."
    return (
        f"{capital(parts['start'])} gets {base:.1f} % for {genre}, this one {score:.1f} %. "
        "The effects of the blocks, in points, add up to the difference."
    )


def word_effects(words: dict[str, float]) -> pd.DataFrame:
    """The signed effect of the strongest words, indexed by the word as Markdown."""
    factor, _ = display_unit(PROBABILITY)
    chosen = strongest_words(words, SHOWN_WORDS)
    shown = {plain(word): effect(factor * words[word]) for word in chosen}
    return pd.Series(shown).rename_axis("Word").to_frame("Effect")


def feature_frame(features: list[dict[str, Any]], factor: float) -> pd.DataFrame:
    """One row a readable feature: its name in words, value, effect, the genre's middle half.

    Args:
        features: of an explanation as JSON.
        factor: that effects are shown with.
    """
    names = feature_names({one["column"]: one["description"] for one in features})
    return pd.DataFrame(
        [
            (
                names[one["column"]],
                value_words(one["value"]),
                effect(factor * one["contribution"]),
                _middle(one["quartiles"]),
            )
            for one in features
        ],
        columns=["Feature", "Value", "Effect", "Middle half of the genre"],
    ).set_index("Feature")


def feature_names(meanings: Mapping[str, str]) -> dict[str, str]:
    """Column -> what it is called, as Markdown: in words, with the column where two have the same.

    Args:
        meanings: column -> its description; "" where there is none.
    """
    short = {column: capital(short_meaning(text)) or column for column, text in meanings.items()}
    often = Counter(short.values())
    return {
        column: plain(name if often[name] == 1 else f"{name} ({column})") for column, name in short.items()
    }


def show_definitions(meanings: Mapping[str, str]) -> None:
    """What each feature measures, on demand; argument as of `feature_names`."""
    names = feature_names(meanings)
    rows = [(names[column], plain(column), plain(text)) for column, text in meanings.items()]
    with st.expander("Columns and definitions"):
        st.table(pd.DataFrame(rows, columns=["Feature", "Column", "Definition"]).set_index("Feature"))


def value_words(value: float | None) -> str:
    """A feature's value in three digits; NaN and None are of a feature that is not there."""
    return "not there" if value is None or math.isnan(value) else brief(value)


def _middle(quartiles: list[float] | None) -> str:
    return "" if quartiles is None else f"{brief(quartiles[0])} to {brief(quartiles[2])}"
