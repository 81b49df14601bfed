"""Which training covers look most like a new one, whatever the classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from data.errors import UserError
from fusion.blocks import BlockScaler, columns_by_block
from fusion.files import read_state, write_state
from fusion.nearest import new_index, read_index, search, write_index

PCA = 64  # components kept of wider blocks: 1,000,000 covers x 6 blocks stay under 2 GB


class Neighbours:
    """An exact L2 index over the training covers, every block counting the same.

    Attributes after `fit`:
        covers: frame (n rows) with cover_id, genre, path and thumbnail (JPEG bytes or None).
    """

    def fit(
        self,
        X: pd.DataFrame,
        cover_ids: Sequence[str],
        genres: Sequence[str],
        paths: Sequence[str],
        thumbnails: Sequence[bytes] | None = None,
    ) -> Self:
        """Indexes n covers.

        Args:
            X: (n, d) float32 frame with `block.column` names; NaN = not there.
            cover_ids, genres, paths: (n,) what `query` tells of a cover.
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
        self.scaler = BlockScaler(PCA)
        rows = self.scaler.fit_transform(X.to_numpy(np.float32), columns_by_block(self.columns))
        self.index = new_index(rows, "l2")
        return self

    def query(self, X: pd.DataFrame, k: int = 5) -> list[pd.DataFrame]:
        """The k nearest covers of each row of X.

        Args:
            X: (n, d) frame; a column that is not there counts as missing, one too many is ignored.
            k: how many (fewer where the index holds fewer).

        Returns:
            n frames with cover_id, genre, path and distance, nearest first. The distance has no unit: two
            random training covers are about sqrt(2 * number of blocks) apart.
        """
        rows = self.scaler.transform(X.reindex(columns=self.columns).to_numpy(np.float32))
        distances, found = search(self.index, rows, k, "l2")
        told = self.covers[["cover_id", "genre", "path"]]
        return [
            told.iloc[where].reset_index(drop=True).assign(distance=far)
            for where, far in zip(found, distances, strict=True)
        ]

    def thumbnails(self, cover_ids: Sequence[str]) -> list[bytes]:
        """The small pictures of these covers, as given to `fit`; raises KeyError for an unknown cover."""
        pictures = self.covers.set_index("cover_id")["thumbnail"]
        return [pictures.loc[cover_id] for cover_id in cover_ids]

    def save(self, folder: Path) -> None:
        """Writes the index, the scaling and the covers (parquet, with the thumbnails)."""
        folder.mkdir(parents=True, exist_ok=True)
        write_index(folder / "index.faiss", self.index)
        write_state(folder / "state.skops", {"columns": self.columns, "scaler": self.scaler})
        self.covers.to_parquet(folder / "covers.parquet", index=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; raises UserError where a file is missing or broken."""
        neighbours = cls()
        vars(neighbours).update(read_state(folder / "state.skops"))
        neighbours.index = read_index(folder / "index.faiss")
        try:
            neighbours.covers = pd.read_parquet(folder / "covers.parquet")
        except (OSError, ValueError) as error:
            raise UserError(f"{folder / 'covers.parquet'} is missing or broken: {error}") from error
        return neighbours
