"""What is found over all genres of a run at once, before it is told genre by genre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coverfusion.data.genre_sets import genre_names
from coverfusion.experiments.genres.effects import effects, rank_correlation, readable
from coverfusion.experiments.genres.palette import Swatch, palettes
from coverfusion.experiments.genres.pictures import MeanPicture, mean_pictures
from coverfusion.experiments.genres.shap import Shap, genre_shap
from coverfusion.experiments.genres.typical_covers import EmbeddingSpace, neighbours_for, space_of, typicality
from coverfusion.experiments.genres.words import WordModel, text_model, texts_of, words_on_covers
from coverfusion.experiments.pipeline.run_folder import Run
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex


@dataclass(frozen=True)
class GenreFindings:
    """What was found over all genres; a block that the run lacks leaves its part empty.

    Attributes:
        meanings: `block.column` -> its description.
        values: the readable columns, a row a cover.
        words: every word on every cover; None without the block `ocr`.
        text_model: the classifier `text`, fitted on all covers; None where too little was read.
        texts: cover_id -> the words read on it, the largest first.
        predictions: of the chosen model, on the split that counts.
        others: what the parts' own modules give.
    """

    run: Run
    covers: pd.DataFrame
    meanings: Mapping[str, str]
    values: pd.DataFrame
    effects: pd.DataFrame
    correlation: pd.DataFrame
    shap: Shap
    palettes: Mapping[str, list[Swatch]]
    means: Mapping[str, MeanPicture]
    words: pd.DataFrame | None
    text_model: WordModel | None
    texts: Mapping[str, str]
    space: EmbeddingSpace
    typical: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def genres(self) -> list[str]:
        """All genres, sorted."""
        return genre_names(self.covers)


def find_all_genres(
    run: Run,
    covers: pd.DataFrame,
    table: FeatureTable,
    meanings: Mapping[str, str],
    neighbours: TrainingIndex,
    kept: Path,
) -> GenreFindings:
    """Everything that is found over all genres at once.

    Args:
        run: the finished run.
        covers: frame with `cover_id`, `path`, `genre`, `group`.
        table: features of all covers.
        meanings: `block.column` -> its description.
        neighbours: the bundle's index.
        kept: where the fitted CatBoost is kept, so that a killed report goes on.
    """
    values = readable(table)
    space = space_of(neighbours, table, covers)
    color = table.blocks.get("color")
    words = words_on_covers(table.notes["ocr"]) if "ocr" in table.notes else None
    return GenreFindings(
        run=run,
        covers=covers,
        meanings=meanings,
        values=values,
        effects=effects(values, covers),
        correlation=rank_correlation(values),
        shap=genre_shap(run, table, covers, kept),
        palettes=palettes(color, covers, run.config["seed"]) if color is not None else {},
        means=mean_pictures(covers),
        words=words,
        text_model=text_model(table.texts["ocr"], covers) if "ocr" in table.texts else None,
        texts=texts_of(words) if words is not None else {},
        space=space,
        typical=typicality(space, neighbours_for(covers["group"].nunique())),
        predictions=run.predictions(run.chosen),
    )
