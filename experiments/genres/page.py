"""What one genre's page tells: rows, pictures and sentences, ready for its template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.duplicates import beside_another
from coverfusion.experiments.drawing.charts import Axis
from coverfusion.experiments.drawing.thumbnails import sides_at
from coverfusion.experiments.drawing.words import digits_of, listed, percent, spread
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.genres.distributions import SHOWN_COLUMNS, distribution_chart, distributions
from coverfusion.experiments.genres.effects import SIGNIFICANCE_LEVEL, distinct
from coverfusion.experiments.genres.findings import GenreFindings
from coverfusion.experiments.genres.membership import names_in, of_genre, one_a_group, stands_with
from coverfusion.experiments.genres.palette import over
from coverfusion.experiments.genres.pictures import marked_picture
from coverfusion.experiments.genres.shap import Shap
from coverfusion.experiments.genres.typical_covers import (
    Confused,
    can_be_typical,
    confused_with,
    most_confident,
    most_typical,
)
from coverfusion.experiments.genres.words import TypicalWord, typical_words
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel
from coverfusion.features.descriptions import needed_for, opposite_ends, said_of, short_meaning

# how many of each a page shows
MAX_EFFECTS, MAX_SHAP_COLUMNS, MAX_WORDS, MAX_BEARERS, MAX_TYPICAL, MAX_CONFIDENT, MAX_PAIRS = (
    10,
    8,
    12,
    4,
    12,
    6,
    6,
)
EFFECTS_IN_GIST = 3  # effects in the sentences that open it
GENRES_IN_GIST = 2  # other genres that covers have too
AMOUNTS = ("higher", "lower")  # how amounts differ
COUNTED = ("more", "fewer", "less")  # how things differ of which there can be more
# of a place or a colour between opposites the part of its name that its direction says again
_AXIS_WORDS = re.compile(r"^(?:vertical|horizontal) place of | from \w+ to \w+")
SPOKEN_TIES = 0.005  # proportion of pairs from which ties are told
MOSTLY = 0.95  # proportion of groups: of a feature that fewer have it is told what it is among
RAW_SCORES = "objects."  # columns that hold a network's scores, which say little by themselves

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class PageCover:
    """A cover to show.

    Attributes:
        text: the words read on it, the largest first.
        genre: its genre; several are parted by commas.
        predicted: what the chosen model called it; empty where it was not held out.
        probability: of that genre, or where a cover may have several, of the page's; NaN likewise.
        typical: the proportion of covers near it that are of the page's genre; NaN where it is not.
        picture: a data URI; None where the file cannot be read any more.
        path: of its file, as seen from the collection.
        back: as `picture`, of its back; None also where it has none.
    """

    genre: str
    text: str
    predicted: str
    probability: float
    typical: float
    picture: str | None
    path: str
    back: str | None = None

    @property
    def alt(self) -> str:
        """What it is in words, for those who do not see it."""
        return f"{self.genre} cover reading \u201c{self.text}\u201d" if self.text else f"{self.genre} cover"


def genre_page(findings: GenreFindings, genre: str) -> dict[str, Any]:
    """What the template of a genre's page needs, and the index's of it."""
    inside = of_genre(findings.covers, genre)
    own = findings.effects[findings.effects["genre"] == genre]
    own = own.assign(among=among(own, findings.covers, findings.meanings, inside))
    effects = _with_meanings(distinct(own, findings.correlation, MAX_EFFECTS), findings.meanings)
    palette = findings.palettes.get(genre, [])
    ours, others = one_a_group(findings.covers, inside)
    values = findings.values.filter(items=list(SHOWN_COLUMNS)).loc[[*ours, *others]]
    words = (
        typical_words(findings.words, findings.covers, genre, MAX_WORDS, findings.text_model)
        if findings.words is not None
        else []
    )
    confusion = findings.run.chosen.confusion[findings.run.split]
    confused = confused_with(
        confusion,
        findings.predictions,
        findings.space,
        genre,
        MAX_PAIRS,
        widening(findings.run.config["folds"]),
    )
    page = {
        "genre": genre,
        "count": int(inside.sum()),
        "together": grouped_covers(findings.covers, genre),
        "judged": findings.run.covers,
        "guess": guessed_f1(findings.run, genre),
        "share": float(inside.mean()),
        "gist": genre_gist(findings, genre, int(inside.sum()), effects, confused),
        "effects": effects,
        "headline": headline(effects),
        "all_effects": _with_meanings(own, findings.meanings),
        "palette": palette,
        "over": over(palette),
        "mean": findings.means.get(genre),
        "distributions": [
            (one, distribution_chart(one, genre, findings.run.item))
            for one in distributions(values, findings.meanings, np.arange(len(values)) < len(ours))
        ],
        "testable": can_be_typical(findings.space, genre),
        "words": words,
        "bearers": {word.word: bearers(findings, word, genre) for word in words},
        "models": scored_models(findings.run, genre),
        "confused": confused,
    }
    return page | pictures(findings, genre, confused) | contributions(findings, genre, own)


def pictures(findings: GenreFindings, genre: str, confused: Confused | None) -> dict[str, list[Any]]:
    """The typical covers, the most confident right and wrong ones, and the pairs."""
    right, missed, wrongly = most_confident(findings.predictions, findings.space, genre, MAX_CONFIDENT)
    shown = {
        "typical": most_typical(findings.typical, findings.space, genre, MAX_TYPICAL),
        "right": right,
        "missed": missed,
        "wrongly": wrongly,
    }
    pairs = confused.pairs if confused else []
    other = confused.genre if confused else genre
    return {key: [cover(findings, one, genre) for one in ids] for key, ids in shown.items()} | {
        "pairs": [
            (cover(findings, pair.cover_id, other), cover(findings, pair.other_id, other)) for pair in pairs
        ]
    }


def cover(findings: GenreFindings, cover_id: str, genre: str) -> PageCover:
    """A cover with its thumbnail, and what there is to say of it and this genre."""
    front, back = sides_at(findings.space.covers, cover_id)
    return replace(_cover(findings, cover_id, front, genre), back=back)


def bearers(findings: GenreFindings, word: TypicalWord, genre: str) -> list[PageCover]:
    """The covers that bear a word, one a group, the word marked where it was read."""
    assert findings.words is not None
    boxes = findings.words[findings.words["word"] == word.word].set_index("cover_id")["box"]
    covers = findings.space.covers.loc[word.cover_ids]
    shown = covers[~covers["group"].duplicated()].head(MAX_BEARERS)
    return [
        _cover(findings, one, marked_picture(shown["path"][one], boxes[one]), genre)
        for one in shown.index.tolist()
    ]


def _cover(findings: GenreFindings, cover_id: str, picture: str | None, genre: str) -> PageCover:
    predicted, probability = "", float("nan")
    if cover_id in findings.predictions.index:
        row = findings.predictions.loc[[cover_id]]
        [called] = names_in(row, "predicted")
        predicted = ", ".join(called) or "no genre"
        probability = float(row[f"p_{genre if findings.run.several else predicted}"].iloc[0])
    typical = findings.typical.loc[[cover_id]]
    of_page = typical.loc[typical["genre"] == genre, "proportion"]
    return PageCover(
        genre=", ".join(names_in(findings.space.covers.loc[[cover_id]])[0]),
        text=findings.texts.get(cover_id, ""),
        predicted=predicted,
        probability=probability,
        typical=float(of_page.iloc[0]) if len(of_page) else float("nan"),
        picture=picture,
        path=findings.run.shorten(findings.space.covers["path"][cover_id]),
    )


# --- what models say -----------------------------------------------------------------------------------


def scored_models(run: Run, genre: str) -> list[tuple[ScoredModel, dict[str, Any]]]:
    """Every model with its scores for a genre: the chosen one, then the fused and the lone ones by F1.

    Empty where no cover of the genre was held out.
    """
    scored = [(model, model.genres[run.split].get(genre)) for model in run.models]
    there = [(model, scores) for model, scores in scored if scores and scores["covers"]]
    return sorted(there, key=lambda pair: (not pair[0].chosen, pair[0].kind == "alone", -pair[1]["f1"].value))


def grouped_covers(covers: pd.DataFrame, genre: str) -> int:
    """How many covers of a genre are in a group with another cover, of whatever genre."""
    return int(beside_another(covers["cover_id"], covers["group"])[of_genre(covers, genre)].sum())


def guessed_f1(run: Run, genre: str) -> float:
    """The F1 of a genre where every held-out cover is called so; its recall is 1. NaN where none is there."""
    scores = run.chosen.genres[run.split].get(genre)
    own = scores["covers"] if scores else 0
    return 2 * own / (own + run.covers) if own else float("nan")


def contributions(findings: GenreFindings, genre: str, effects: pd.DataFrame) -> dict[str, Any]:
    """The rows of the SHAP chart and of its readable columns, and the axis that holds the former.

    Args:
        findings: of all genres.
        genre: the page's.
        effects: its, with `among`.
    """
    needed = dict(zip(effects["column"], effects["among"], strict=True))
    blocks = findings.shap.blocks[findings.shap.blocks["genre"] == genre]
    columns = findings.shap.columns[
        (findings.shap.columns["genre"] == genre)
        & (findings.shap.columns["gain"] > 0)
        & (findings.shap.columns["p_corrected"] < SIGNIFICANCE_LEVEL)
    ]
    reach = float(np.nanmax(blocks[["own", "others"]].abs().to_numpy(), initial=1e-6))
    return {
        "blocks": blocks.to_dict(orient="records"),
        "explained": findings.shap.covers.get(genre, 0),
        "block_axis": Axis(-reach, reach, 4, 96),
        "columns": [
            row
            | {
                "speaks": speaking_values(row["meaning"], row["says"]),
                "needed": needed.get(row["column"], "") if row["says"] else "",
                "digits": digits_of(row["doubt"]),
            }
            for row in _with_meanings(columns.head(MAX_SHAP_COLUMNS), findings.meanings)
        ],
        "tested": findings.shap.tested(genre),
    }


def speaking_values(meaning: str, says: str) -> str:
    """Which values of a column speak for a genre: "high values" or "values near the bottom edge".

    Args:
        meaning: the column's description.
        says: what high values do: "for", "against" or, where neither is clear, "".
    """
    if not says:
        return "no clear direction"
    ends = opposite_ends(meaning)
    if ends:
        return f"values near {ends[says == 'for']}"
    return "high values" if says == "for" else "low values"


def gains_by_genre(shap: Shap) -> dict[str, Rows]:
    """Genre -> block, its gain, whether that is sure, and how deep its colour is; the largest mean first."""
    corrected = shap.blocks.set_index(["genre", "block"])["p_corrected"].to_dict()
    gains = shap.blocks.pivot(index="genre", columns="block", values="gain")
    gains = gains[gains.mean().sort_values(ascending=False).index]
    largest = float(np.nanmax(gains.to_numpy(), initial=1e-9))
    return {
        str(genre): [
            {
                "block": block,
                "gain": gain,
                "sure": corrected[genre, block] < SIGNIFICANCE_LEVEL,
                "depth": round(gain / largest, 3) if gain > 0 else 0,
            }
            for block, gain in row.items()
        ]
        for genre, row in gains.iterrows()
    }


# --- words ---------------------------------------------------------------------------------------------


def genre_gist(
    findings: GenreFindings, genre: str, count: int, effects: Rows, confused: Confused | None
) -> list[str]:
    """What the page comes to, in a few sentences."""
    percentage, item = percent(count / len(findings.covers)), findings.run.item
    sentences = [
        f"{count:,} of the collection's {len(findings.covers):,} {item}s ({percentage}) are {genre}."
    ]
    if beside := stands_with(findings.covers, genre).most_common(GENRES_IN_GIST):
        also = [f"{number:,} {'is' if number == 1 else 'are'} {other} too" for other, number in beside]
        sentences.append(f"Of these, {' and '.join(also)}.")
    others = f"{item}s that are not {genre}" if findings.run.several else f"the other genres' {item}s"
    if named := headline(effects):
        sentences.append(f"Compared with {others}, theirs {differences_in_words(named)}.")
    elif effects:
        sentences.append("They differ significantly from the rest in scores of detected objects only.")
    else:
        sentences.append("No readable feature sets them significantly apart from the rest.")
    models = scored_models(findings.run, genre)
    if models:
        model, scores = models[0]
        sentences.append(
            f"The chosen model {model.classifier} finds {_spanned(scores['recall'])} of those held "
            f"out; of the {item}s that it calls {genre}, {_spanned(scores['precision'])} are {genre}."
        )
    if confused:
        sentences.append(_mistaken(confused, genre, item))
    return sentences


def _mistaken(confused: Confused, genre: str, item: str) -> str:
    rate = f"{percent(confused.share, 0)} ({spread(confused.ends)})"
    if confused.surely is None:
        return f"Of the {genre} {item}s that are not {confused.genre} it calls {rate} so."
    return f"Of the {genre} {item}s it takes {rate} for {confused.genre}{confused.doubt}."


def headline(effects: Rows) -> Rows:
    """The effects to name first; scores of detected objects are raw, so that they stand in the table only."""
    return [row for row in effects if not row["column"].startswith(RAW_SCORES)][:EFFECTS_IN_GIST]


def _spanned(score: Interval) -> str:
    return f"{percent(score.value)} ({spread(score)})"


def differences_in_words(effects: Rows) -> str:
    """Such as "are higher in contrast (60 % of pairs, lower in 28 %) and have more dark areas (62 %)"."""
    ordered = sorted(
        effects, key=lambda row: (row["way"] not in AMOUNTS, row["way"] not in COUNTED, row["delta"] < 0)
    )
    they_are: dict[str, list[str]] = {}
    they_have: list[str] = []
    for row in ordered:
        less = 1 - row["higher"] - row["equal"]
        most, least = (row["higher"], less) if row["delta"] > 0 else (less, row["higher"])
        said = percent(most, 0) + (" of pairs" if row is ordered[0] else "")
        said += f" where both have {row['among']}" if row["among"] else ""
        if row["equal"] >= SPOKEN_TIES:  # else the rest are the other way
            said += f", {row['other_way']} in {percent(least, 0)}"
        if row["way"] in AMOUNTS:
            they_are.setdefault(row["way"], []).append(f"{row['short']} ({said})")
        elif row["way"] in COUNTED:
            they_have.append(f"{row['way']} {row['short']} ({said})")
        else:
            they_have.append(f"{_AXIS_WORDS.sub('', row['short'])} {row['way']} ({said})")
    ways = [
        f"{way} in {(listed if len(they_are) == 1 else ', '.join)(names)}" for way, names in they_are.items()
    ]
    return ", and ".join(
        f"{verb} {listed(parts)}" for verb, parts in (("are", ways), ("have", they_have)) if parts
    )


def among(
    own: pd.DataFrame, covers: pd.DataFrame, meanings: Mapping[str, str], inside: np.ndarray
) -> list[str]:
    """What covers must have to be in a row of effects, such as "a face"; "" where nearly all take part.

    Args:
        own: effects of one genre.
        covers: frame with `group`.
        meanings: `block.column` -> its description.
        inside: (n covers,) bool, which are of the genre.
    """
    groups = covers["group"]
    parts = np.minimum(own["covers"] / groups[inside].nunique(), own["others"] / groups[~inside].nunique())
    return [
        "" if part >= MOSTLY else needed_for(meanings.get(column, ""))
        for part, column in zip(parts, own["column"], strict=True)
    ]


def _with_meanings(frame: pd.DataFrame, meanings: Mapping[str, str]) -> Rows:
    """Rows about columns, with what each column means, in full and in short, and how a difference is told."""
    rows = frame.to_dict(orient="records")
    for row in rows:
        row["meaning"] = meanings.get(row["column"], "")
        row["short"] = short_meaning(row["meaning"]) or row["column"]
        row["details"] = row["meaning"].removeprefix(row["short"])
        if "delta" in row:
            row["way"], row["other_way"] = (
                said_of(row["meaning"], up) for up in (row["delta"] > 0, row["delta"] <= 0)
            )
    return [{str(key): value for key, value in row.items()} for row in rows]
