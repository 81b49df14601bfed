"""Which covers look most like a new one, or fit some words best, whatever the classifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.genre_sets import apart
from coverfusion.fusion.block_weights import squared_distances
from coverfusion.fusion.blocks import BlockScaler, columns_by_block
from coverfusion.fusion.similarity.diversity import CANDIDATES, marginal_relevance
from coverfusion.fusion.similarity.vector_search import (
    indexed_rows,
    nearest_rows,
    new_index,
    read_index,
    write_index,
)
from coverfusion.fusion.state_files import read_state, write_state

INDEX_COMPONENTS = 64  # components kept of wider blocks: 1,000,000 covers x 6 blocks stay under 2 GB
USUAL_PAIRS = 500  # pairs of covers
TOGETHER = 1000  # covers in a row group of the parquet: thumbnails are read by the group
COVER_COLUMNS = ["cover_id", "genre", "path"]


SAME_COVER_DISTANCE = 0.005  # a distance that is shown as 0.00


class TrainingIndex:
    """An L2 index over covers, every block counting the same; where CLIP is a block, words find covers too.

    Attributes after `fit`, `of` or `load`:
        columns: names `block.column` of what a query brings.
        scaler: fitted `BlockScaler`.
        index: FAISS index over the scaled rows.
        words: FAISS index over CLIP's image embeddings as they are, by row number; None without them.
        covers: frame (n rows) with cover_id, genre, path (and, before `save`, thumbnail: JPEG bytes or None).
    """

    columns: list[str]
    scaler: BlockScaler
    index: Any
    words: Any
    covers: pd.DataFrame
    pictures: pa.MemoryMappedFile | None = None

    @classmethod
    def of(
        cls, columns: Sequence[str], scaler: BlockScaler, index: Any, words: Any, covers: pd.DataFrame
    ) -> Self:
        """Neighbours made of what was fitted elsewhere; rows of the indexes are rows of `covers`."""
        made = cls()
        made.columns, made.scaler, made.index, made.words = list(columns), scaler, index, words
        made.covers = covers
        return made

    def fit(
        self,
        X: pd.DataFrame,
        cover_ids: Sequence[str],
        genres: Sequence[str],
        paths: Sequence[str],
        thumbnails: Sequence[bytes] | None = None,
    ) -> Self:
        """Indexes n covers exactly.

        Args:
            X: (n, d) float32 frame with `block.column` names; NaN = not there.
            cover_ids: (n,) sha256 of each cover's bytes.
            genres: (n,) labels.
            paths: (n,) where each cover lies.
            thumbnails: (n,) small JPEG pictures.
        """
        self.columns = [str(column) for column in X.columns]
        self.covers = pd.DataFrame(
            {
                "cover_id": list(cover_ids),
                "genre": list(genres),
                "path": list(paths),
                "thumbnail": pd.Series(
                    [None] * len(X) if thumbnails is None else list(thumbnails), dtype=object
                ),
            }
        )
        self.scaler = BlockScaler(INDEX_COMPONENTS)
        rows = X.to_numpy(np.float32)
        self.index = new_index(self.scaler.fit_transform(rows, columns_by_block(self.columns)), "l2")
        self.words = words_index(self.columns)
        add_words(self.words, self.columns, rows, np.arange(len(rows)))
        return self

    def query(
        self, X: pd.DataFrame, k: int = 5, genres: Sequence[str] | None = None, diversity: float = 0.0
    ) -> list[pd.DataFrame]:
        """The k nearest covers of each row of X.

        Args:
            X: (n, d) frame; a column that is not there counts as missing, one too many is ignored.
            k: how many (fewer where there are fewer).
            genres: only covers that have one of these; None: all covers. The search is exact then.
            diversity: 0 to 1, how much the covers found should differ (`fusion.similarity.diversity`).

        Returns:
            n frames with cover_id, genre, path and distance, nearest first (with `diversity` in the order of
            picking). The distance has no unit; `usual_distance` is that of two random covers.

        Raises:
            UserError: a genre that no cover has.
            ValueError: diversity is not within 0 and 1.
        """
        rows = self.scaler.transform(X.reindex(columns=self.columns).to_numpy(np.float32))
        return self._nearest(self.index, rows, k, "l2", genres, diversity)

    def query_words(
        self, embeddings: np.ndarray, k: int = 5, genres: Sequence[str] | None = None, diversity: float = 0.0
    ) -> list[pd.DataFrame]:
        """The k covers whose CLIP image embedding is nearest to each of (n, width) CLIP text embeddings.

        Args, returns and errors are those of `query`; the distance is 1 - cosine.

        Raises:
            ValueError: `words` is None.
        """
        if self.words is None:
            raise ValueError("there are no CLIP embeddings in this index")
        return self._nearest(self.words, np.asarray(embeddings), k, "cosine", genres, diversity)

    def usual_distance(self, seed: int = 0) -> float:
        """The median distance of two covers drawn at random, which a distance is large or small beside."""
        total = self.index.ntotal
        if total < 2:
            return math.nan
        rng = np.random.default_rng(seed)
        one = rng.integers(0, total, USUAL_PAIRS)
        other = (one + rng.integers(1, total, USUAL_PAIRS)) % total  # never the same cover
        apart = indexed_rows(self.index, one) - indexed_rows(self.index, other)
        return float(np.median(np.sqrt((apart**2).sum(axis=1))))

    @property
    def blocks(self) -> list[str]:
        """What covers are compared over."""
        return list(dict.fromkeys(column.partition(".")[0] for column in self.columns))

    def thumbnails(self, cover_ids: Sequence[str]) -> list[bytes | None]:
        """The small pictures of these covers, as given to `fit`; raises KeyError for an unknown cover.

        None where the index was saved without any.
        """
        rows = pd.Index(self.covers["cover_id"]).get_indexer(pd.Index(list(cover_ids), dtype=object))
        if (rows < 0).any():
            raise KeyError(cover_ids[int(np.argmin(rows))])
        if self.pictures is None:
            return self.covers["thumbnail"].iloc[rows].tolist()
        file = pq.ParquetFile(self.pictures)
        if "thumbnail" not in file.schema_arrow.names:
            return [None] * len(rows)
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        groups = np.searchsorted(ends, rows, side="right")
        read = {
            int(group): file.read_row_group(int(group), columns=["thumbnail"]).column(0)
            for group in np.unique(groups)
        }
        return [
            read[int(group)][int(row - ends[group] + sizes[group])].as_py()
            for row, group in zip(rows, groups, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Writes the indexes, the scaling and the covers (parquet, with the thumbnails)."""
        self.save_parts(folder)
        self.covers.to_parquet(folder / "covers.parquet", index=False, row_group_size=TOGETHER)

    def save_parts(self, folder: Path) -> None:
        """Writes the indexes and the scaling; `covers.parquet` is the caller's."""
        folder.mkdir(parents=True, exist_ok=True)
        write_index(folder / "index.faiss", self.index)
        if self.words is not None:
            write_index(folder / "words.faiss", self.words)
        write_state(folder / "state.skops", {"columns": self.columns, "scaler": self.scaler})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; raises UserError where a file is missing or broken.

        Thumbnails are read when they are asked for, from the file as it is now, even if it is removed since.
        """
        neighbours = cls()
        state = read_state(folder / "state.skops")
        if set(state) != {"columns", "scaler"} or not isinstance(state["scaler"], BlockScaler):
            raise UserError(f"{folder / 'state.skops'} is not that of an index of covers. Make it again.")
        vars(neighbours).update(state)
        neighbours.index = read_index(folder / "index.faiss")
        words = folder / "words.faiss"
        neighbours.words = read_index(words) if words.is_file() else None
        try:
            neighbours.pictures = pa.memory_map(str(folder / "covers.parquet"))
            neighbours.covers = pq.ParquetFile(neighbours.pictures).read(columns=COVER_COLUMNS).to_pandas()
        except (OSError, ValueError) as error:
            raise UserError(f"{folder / 'covers.parquet'} is missing or broken: {error}") from error
        return neighbours

    def _nearest(
        self,
        index: Any,
        rows: np.ndarray,
        k: int,
        metric: str,
        genres: Sequence[str] | None,
        diversity: float,
    ) -> list[pd.DataFrame]:
        only = None if genres is None else self._of_genres(genres)
        distances, found = nearest_rows(index, rows, k * CANDIDATES if diversity else k, metric, only)
        told = self.covers[COVER_COLUMNS]
        frames = []
        for near, far in zip(found, distances, strict=True):
            near, far = near[near >= 0], far[near >= 0]
            if diversity:
                vectors = indexed_rows(index, near)
                squared = squared_distances(vectors, vectors)
                between = squared / 2 if metric == "cosine" else np.sqrt(squared)
                picks = marginal_relevance(far, between, k, diversity)
                near, far = near[picks], far[picks]
            frames.append(told.iloc[near].reset_index(drop=True).assign(distance=far))
        return frames

    def _of_genres(self, genres: Sequence[str]) -> np.ndarray:
        covers = self.covers["genre"].astype(str)
        own = {genre: {genre, *apart(genre)} for genre in covers.unique()}  # a cover may have several, joined
        known: set[str] = set().union(*own.values())
        for genre in genres:
            if genre not in known:
                raise UserError(f"No cover here is of genre '{genre}'.{did_you_mean(genre, sorted(known))}")
        return covers.isin([genre for genre, parts in own.items() if parts & set(genres)]).to_numpy()


def words_index(columns: Sequence[str]) -> Any:
    """An empty FAISS index for CLIP's image embeddings (half precision), or None where there are none."""
    import faiss

    width = len(_clip(columns))
    return faiss.index_factory(width, "IDMap2,SQfp16") if width else None


def add_words(index: Any, columns: Sequence[str], X: np.ndarray, rows: np.ndarray) -> None:
    """Adds the CLIP embeddings among the columns of (n, d) X under (n,) row numbers; gaps are left out."""
    if index is None:
        return
    part = X[:, _clip(columns)]
    there = ~np.isnan(part).any(axis=1)
    # the extractor gives them the length 1, so squared distances are 2 - 2 cos
    index.add_with_ids(np.ascontiguousarray(part[there], dtype=np.float32), rows[there].astype(np.int64))


def _clip(columns: Sequence[str]) -> list[int]:
    return [n for n, column in enumerate(columns) if column.startswith("clip.embedding_")]
