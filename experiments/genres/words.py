"""The words on covers that are most typical of a genre."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import norm

from coverfusion.data.genre_sets import genre_names, has_sets, labels_of
from coverfusion.experiments.drawing.words import SHOWN_CONFIDENCE
from coverfusion.experiments.evaluation.statistics import holm
from coverfusion.experiments.genres.effects import SIGNIFICANCE_LEVEL
from coverfusion.experiments.genres.membership import of_genre
from coverfusion.features.table import text_columns
from coverfusion.features.text.lines import letters_height
from coverfusion.features.text.words import split_words
from coverfusion.fusion.several_genres import SeveralGenres
from coverfusion.fusion.text import FusionText

WORD_PATTERN = re.compile(
    r"[^\W\d_](?:[^\W\d_]|['\u2019])*[^\W\d_]"
)  # two letters or more, apostrophes inside
PRIOR_WEIGHT = 0.5  # the prior weighs as much as this proportion of the genre's own words
MIN_WORD_COVERS = 3  # covers of the genre that a word stands on
WordModel = FusionText | SeveralGenres  # `text`, of covers with one genre or with several


@dataclass(frozen=True)
class TypicalWord:
    """A word that a genre's covers bear more often than others.

    Attributes:
        z: log-odds ratio over its standard error.
        p: two-sided, corrected by Holm over the words that are common enough, times the number of genres.
        weight: what the word alone adds to the genre's log odds in the classifier `text`; None where none
            was fitted.
        covers, others: covers of the genre and of all others that bear it, one a group.
        cover_ids: those of the genre, the largest writing of the word first.
    """

    word: str
    z: float
    p: float
    log_odds: float
    covers: int
    others: int
    cover_ids: list[str]
    weight: float | None = None


def words_on_covers(notes: pd.Series) -> pd.DataFrame:
    """Every word that was read, with the box it stands in.

    Args:
        notes: cover_id -> JSON list of {text, confidence, box (four x, y in pixels)}, as `ocr` keeps it.

    Returns:
        One row a cover and word: cover_id, word (lower case; words that the engine joined are apart), box,
        height (of its letters, in pixels); of a word that stands there several times the largest.
    """
    rows = [
        (cover_id, word.lower().replace("\u2019", "'"), box["box"], letters_height(box["box"]))
        for cover_id, note in notes.items()
        for box in json.loads(note or "null") or []
        if box["confidence"] >= SHOWN_CONFIDENCE
        for word in WORD_PATTERN.findall(split_words(box["text"]))
    ]
    frame = pd.DataFrame(rows, columns=["cover_id", "word", "box", "height"])
    return frame.sort_values("height", ascending=False, kind="stable").drop_duplicates(["cover_id", "word"])


def texts_of(words: pd.DataFrame, most: int = 8) -> dict[str, str]:
    """cover_id -> its first words, the largest first; `words` as from `words_on_covers`."""
    return {str(one): " ".join(own[:most]) for one, own in words.groupby("cover_id", sort=False)["word"]}


def text_model(texts: pd.Series, covers: pd.DataFrame) -> WordModel | None:
    """The classifier `text`, fitted on what was read; None where too little was.

    Args:
        texts: cover_id -> text or None.
        covers: frame with `cover_id` and `genre`.
    """
    known = covers[covers["cover_id"].isin(texts[texts.fillna("") != ""].index)]
    if len(genre_names(known)) < 2:
        return None
    read = texts.loc[known["cover_id"]]
    X = text_columns({"ocr": read}, read.index)
    if has_sets(known):
        return SeveralGenres(FusionText()).fit(X, pd.DataFrame(labels_of(known)))
    return FusionText().fit(X, known["genre"].tolist())


def learnt_weights(model: WordModel, words: Sequence[str]) -> pd.DataFrame:
    """(words, genres): log probability of each genre for the word alone less that for no word, centred.

    Of several genres a cover each has odds of its own: log odds for the word alone less those for no word.
    """
    read = pd.Series([*words, ""], dtype=object)
    proba = model.predict_proba(text_columns({"ocr": read}, read.index))
    if isinstance(model, SeveralGenres):
        gains = logit(proba[:-1]) - logit(proba[-1])
    else:
        gains = np.log(proba[:-1]) - np.log(proba[-1])
        gains -= gains.mean(axis=1, keepdims=True)
    return pd.DataFrame(gains, index=list(words), columns=[str(name) for name in model.classes_])


def typical_words(
    words: pd.DataFrame, covers: pd.DataFrame, genre: str, most: int, model: WordModel | None = None
) -> list[TypicalWord]:
    """The words with the highest z for this genre against all others; only those that are significant.

    A word counts once a cover, and once a group of covers that belong together, so that neither a repeated
    word nor a copied cover is taken for a habit.

    Args:
        words: from `words_on_covers`.
        covers: frame with `cover_id`, `genre`, `group`.
        genre: the one to describe.
        most: how many words.
        model: of `text_model`, for the learnt weights.
    """
    marked = covers[["cover_id", "group"]].assign(own=of_genre(covers, genre))
    labelled = words.merge(marked, on="cover_id")
    own = labelled["own"]
    counts = pd.DataFrame(
        {
            "own": labelled[own].drop_duplicates(["group", "word"])["word"].value_counts(),
            "others": labelled[~own].drop_duplicates(["group", "word"])["word"].value_counts(),
        }
    ).fillna(0)
    if counts.empty:
        return []
    counts = counts.join(log_odds(counts["own"], counts["others"], PRIOR_WEIGHT * counts["own"].sum()))
    # words are tested that are common enough in all: which these are says nothing of the genre
    counts = counts[counts["own"] + counts["others"] >= MIN_WORD_COVERS]
    counts["p"] = np.minimum(holm(2 * norm.sf(counts["z"].abs())) * len(genre_names(covers)), 1.0)
    sure = (counts["z"] > 0) & (counts["p"] < SIGNIFICANCE_LEVEL)
    typical = counts[sure & (counts["own"] >= MIN_WORD_COVERS)]
    typical = typical.rename_axis("word").reset_index().sort_values(["z", "word"], ascending=[False, True])
    bearers = labelled[own].groupby("word")["cover_id"].agg(list)
    chosen = typical.head(most)
    weights = learnt_weights(model, chosen["word"].tolist())[genre] if model and len(chosen) else None
    return [
        TypicalWord(
            str(row["word"]),
            row["z"],
            row["p"],
            row["log_odds"],
            int(row["own"]),
            int(row["others"]),
            bearers[row["word"]],
            None if weights is None else float(weights[row["word"]]),
        )
        for row in chosen.to_dict(orient="records")
    ]


def log_odds(own: pd.Series, others: pd.Series, prior: float) -> pd.DataFrame:
    """Weighted log-odds ratio with an informative Dirichlet prior.

    B. L. Monroe, M. P. Colaresi and K. M. Quinn, Fightin' Words: Lexical Feature Selection and Evaluation
    for Identifying the Content of Political Conflict, Political Analysis 16, 2008, equations 16, 20 and 21.
    The prior has the word frequencies of the whole collection: a rare word needs more to stand out.

    Args:
        own: word -> count in the genre.
        others: word -> count in all others, the same words.
        prior: the summed counts that the prior stands for.

    Returns:
        Indexed by word: `log_odds`, positive where the genre has the word more often, and `z`, the same over
        its standard error.
    """
    every = own + others
    pseudo = prior * every / every.sum()

    def odds(counts: pd.Series) -> pd.Series:
        total = counts.sum() + prior
        return np.log((counts + pseudo) / (total - counts - pseudo))

    difference = odds(own) - odds(others)
    error = np.sqrt(1 / (own + pseudo) + 1 / (others + pseudo))
    return pd.DataFrame({"log_odds": difference, "z": difference / error})
