"""What each block and each readable column of one cover does to the model's prediction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.catboost_shap import catboost_contributions, sum_by_block
from coverfusion.experiments.evaluation.shapley import shapley_values, subsets
from coverfusion.experiments.explanation.background import background
from coverfusion.features.table import is_metadata
from coverfusion.fusion.blocks import NUMBERED
from coverfusion.fusion.bundle import Bundle
from coverfusion.fusion.catboost import FusionCatBoost
from coverfusion.fusion.categories import holds_strings
from coverfusion.fusion.pictures import COLUMN
from coverfusion.fusion.texts import is_text

PROBABILITY = "probability"
LOG_PROBABILITY = "log probability less its mean over the genres"
MAX_BACKGROUND_COVERS = 64  # training covers that stand in for what is taken away
COLUMN_BACKGROUND_COVERS = 32  # the same for single columns
MAX_ROWS_AT_ONCE = 4096  # predicted together
MAX_WORDS = 60  # of a cover that are taken away one by one
WORD = re.compile(r"\w{2,}")
ROUNDING_ERROR = 1e-6  # a difference of two probabilities below this is none: models compute in float32

Chance = Callable[[np.ndarray], np.ndarray]  # (n, d) rows -> (n,) the genre's probability


@dataclass(frozen=True)
class Contributions:
    """How one cover's parts move the model towards its genre, or away from it.

    Attributes:
        unit: of all numbers here; log probabilities are CatBoost's own, before prior and calibration.
        method: how `blocks` were found.
        base: what the model says of a training cover, on average.
        score: what it says of this cover; `base` and the values of `blocks` add up to it.
        blocks: block -> contribution, in the model's order.
        column_method: how `columns` were found.
        columns: readable `block.column` -> contribution. Those of SHAP add up, those of taking single
            columns away do not: columns that say the same thing share it unseen.
        unsplit: blocks with readable columns that the model sees as mixtures, so that SHAP cannot tell
            them apart.
        words: word that was read -> what the probability loses without it, the most first; the sentence
            embedding stays as it is. Words that change nothing are left out.
        start: what `base` is of.
    """

    unit: str
    method: str
    base: float
    score: float
    blocks: dict[str, float]
    column_method: str
    columns: dict[str, float]
    unsplit: list[str] = field(default_factory=list)
    words: dict[str, float] = field(default_factory=dict)
    start: str = "an average training cover"


def contributions_to(
    bundle: Bundle, row: pd.DataFrame, genre: str, blocks_alone: bool = False
) -> Contributions:
    """SHAP for CatBoost, exact Shapley values of whole blocks for every other classifier.

    Args:
        bundle: the fitted model.
        row: (1, d) frame of one cover with `block.column` names; a block that is not there is missing.
        genre: one of the bundle's classes.
        blocks_alone: leave words out, and columns where they cost more; several times as fast.
    """
    row = row.reindex(columns=bundle.classifier.feature_names_in_)
    code = bundle.classes.index(genre)
    words = {} if blocks_alone else without_each_word(bundle, row, code)
    if isinstance(bundle.classifier, FusionCatBoost):
        return replace(_by_shap(bundle.classifier, row, code), words=words)
    names = [str(name) for name in row.columns]
    blocks = _blocks(names)
    covers = min(MAX_BACKGROUND_COVERS, max(1, MAX_ROWS_AT_ONCE // 2 ** len(blocks)))
    values, cells = _numbers(row)

    def chance(rows: np.ndarray) -> np.ndarray:
        return chances_of(bundle, with_cells(pd.DataFrame(rows, columns=names), cells))[:, code]

    by_block, base = block_shapley(chance, values, background(bundle, covers).to_numpy(np.float32), blocks)
    readable = [
        at
        for at, name in enumerate(names)
        if not blocks_alone and name not in cells and not NUMBERED.search(name)
    ]
    others = background(bundle, COLUMN_BACKGROUND_COVERS).to_numpy(np.float32)
    by_column = without_each(chance, values, others, readable)
    instead = "of random training covers" if bundle.neighbours is not None else "missing"
    numbers = len(cells) < len(names)
    away = [f"a block that is taken away has the values {instead}"] if numbers else []
    away += ["a picture or text that is taken away is not there"] if cells else []
    return Contributions(
        unit=PROBABILITY,
        method=f"exact Shapley values over blocks; {', '.join(away)}",
        base=base,
        score=float(chance(values[None])[0]),
        blocks=by_block,
        column_method=f"one column taken away at a time; it then has the values {instead}",
        columns={names[position]: float(value) for position, value in zip(readable, by_column, strict=True)},
        words=words,
        start=_start(bundle, numbers, ["picture" if name == COLUMN else "text" for name in cells]),
    )


def _start(bundle: Bundle, numbers: bool, without: Sequence[str]) -> str:
    """What stands where every block was taken away."""
    if not numbers:
        return f"a cover without its {' and '.join(dict.fromkeys(without))}"
    if bundle.neighbours is None:
        return "a cover of which nothing is known"
    # numbers about the text or the picture stay those of an average cover
    aside = " and ".join("words" if what == "text" else what for what in dict.fromkeys(without))
    return f"an average training cover (its {aside} left out)" if aside else "an average training cover"


def with_cells(rows: pd.DataFrame, cells: Mapping[str, Any]) -> pd.DataFrame:
    """The same rows; in the columns of `cells` stands the cell where they have a 1, else None.

    Args:
        rows: of numbers alone.
        cells: column -> the picture, text or category of the cover.
    """
    restored = {}
    for name in cells.keys() & set(rows.columns):
        column = np.full(len(rows), None, dtype=object)
        for position in np.flatnonzero(rows[name].to_numpy() == 1):
            column[position] = cells[name]
        restored[name] = pd.Series(column, index=rows.index, dtype=object)
    return rows.assign(**restored)


def _numbers(row: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any]]:
    """(d,) float32 of one row, and column -> its picture, text or category, a 1 where it is there."""
    cells = {str(name): row[name].iloc[0] for name in row if name == COLUMN or holds_strings(name)}
    there = {name: np.float32(isinstance(cell, np.ndarray | str)) for name, cell in cells.items()}
    return row.assign(**there).to_numpy(np.float32)[0], cells


def without_each_word(bundle: Bundle, row: pd.DataFrame, code: int) -> dict[str, float]:
    """Word of the cover's text -> what the genre's probability loses without it, the most first.

    Args:
        bundle: the fitted model.
        row: (1, d) frame with the classifier's columns.
        code: of the genre.
    """
    columns = [str(name) for name in row if is_text(name) and isinstance(row[name].iloc[0], str)]
    columns = [name for name in columns if not is_metadata(name)]  # a title was not read on the cover
    text = row[columns[0]].iloc[0] if columns else ""
    words = list(dict.fromkeys(WORD.findall(text)))[:MAX_WORDS]
    if not words:
        return {}
    left = [re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", text) for word in words]
    rows = row.loc[row.index.repeat(len(words) + 1)].reset_index(drop=True)
    cells = pd.Series([text, *left], dtype=object)
    chances = chances_of(bundle, rows.assign(**dict.fromkeys(columns, cells)))[:, code]
    drops = {word: float(chances[0] - chances[k]) for k, word in enumerate(words, 1)}
    moved = {word: drop for word, drop in drops.items() if abs(drop) >= ROUNDING_ERROR}
    return dict(sorted(moved.items(), key=lambda pair: -pair[1]))


def strongest_words(words: Mapping[str, float], most: int) -> list[str]:
    """The words that move the prediction most, either way, in the order of their effect."""
    chosen = sorted(words, key=lambda word: -abs(words[word]))[:most]
    return sorted(chosen, key=lambda word: -words[word])


def chances_of(bundle: Bundle, rows: pd.DataFrame) -> np.ndarray:
    """(n, n_classes) probabilities as scoring gives them, calibrated."""
    return bundle.calibrated(bundle.predict_proba(rows))


def block_shapley(
    chance: Chance, row: np.ndarray, others: np.ndarray, blocks: Mapping[str, np.ndarray]
) -> tuple[dict[str, float], float]:
    """Exact interventional Shapley values of whole blocks.

    A set of blocks is worth the mean probability of rows that have these blocks from the cover and the rest
    from another cover: S. M. Lundberg and S.-I. Lee, A Unified Approach to Interpreting Model Predictions,
    NeurIPS 2017, with blocks as the players. The values add up to the cover's probability less the others'
    mean.

    Args:
        chance: the model.
        row: (d,) the cover; NaN = not there.
        others: (n, d) covers that stand in for what is taken away.
        blocks: block -> positions of its columns.

    Returns:
        block -> value, and the mean probability of `others`.
    """
    chosen = subsets(list(blocks))

    def mixed() -> Iterable[np.ndarray]:
        for names in chosen:
            rows = others.copy()
            for name in names:
                rows[:, blocks[name]] = row[blocks[name]]
            yield rows

    worth = dict(zip(chosen, _means(chance, mixed(), len(others)), strict=True))
    values = shapley_values(list(blocks), worth)
    return {name: float(value) for name, value in values.items()}, float(worth[()])


def without_each(chance: Chance, row: np.ndarray, others: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """(k,) what the cover's probability loses, on average, when one column has another cover's value.

    Args:
        chance: the model.
        row: (d,) the cover.
        others: (n, d) the other covers.
        columns: k positions.
    """

    def mixed() -> Iterable[np.ndarray]:
        for column in columns:
            rows = np.repeat(row[None], len(others), axis=0)
            rows[:, column] = others[:, column]
            yield rows

    drops = chance(row[None])[0] - _means(chance, mixed(), len(others))
    return np.where(np.abs(drops) < ROUNDING_ERROR, 0.0, drops)


def _means(chance: Chance, parts: Iterable[np.ndarray], size: int) -> np.ndarray:
    """The mean probability of each part of `size` rows; many parts are predicted together."""
    parts, means = iter(parts), [np.zeros(0)]
    while some := list(islice(parts, max(1, MAX_ROWS_AT_ONCE // size))):
        means.append(chance(np.concatenate(some)).reshape(len(some), size).mean(axis=1))
    return np.concatenate(means)


def _blocks(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Block -> positions of its columns; the numbered ones belong to the block they stand in."""
    of = np.array([name.partition(".")[0] for name in names])
    return {str(block): np.flatnonzero(of == block) for block in dict.fromkeys(of)}


def _by_shap(model: FusionCatBoost, row: pd.DataFrame, code: int) -> Contributions:
    values = catboost_contributions(model, row)
    names = [str(name) for name in row.columns]
    by_block, by_column = sum_by_block(model, names, values)
    numbers, texts = model.seen(row)
    Z = model.prepared(numbers.to_numpy(np.float32), texts)
    raw = model.model_.predict(Z, prediction_type="RawFormulaVal")
    score = float(raw[0, code] - raw[0].mean())
    readable = {name.partition(".")[0] for name in names if not NUMBERED.search(name) and not is_text(name)}
    split = {name.partition(".")[0] for name in by_column}
    return Contributions(
        unit=LOG_PROBABILITY,
        method="SHAP values of CatBoost, summed by block",
        base=score - float(values[0, code].sum()),
        score=score,
        blocks={block: float(value[0, code]) for block, value in by_block.items()},
        column_method="SHAP values of CatBoost",
        columns={column: float(value[0, code]) for column, value in by_column.items()},
        unsplit=sorted(readable - split),
    )
