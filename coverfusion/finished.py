"""Finished studies from Python: their tables, figures and pages."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coverfusion.experiments.pipeline.results_csv import read_results


@dataclass(frozen=True)
class Transfer:
    """A finished transfer study.

    Attributes:
        folder: where it lies.
    """

    folder: Path

    @property
    def page(self) -> Path:
        """The page that shows the study."""
        return self.folder / "index.html"

    @property
    def scores(self) -> pd.DataFrame:
        """One row a classifier, set of blocks and collection that was tested: within, and after transfer."""
        return read_results(self.folder / "scores.csv")

    @property
    def blocks(self) -> pd.DataFrame:
        """One row a block: what it tells alone and what it adds, within and after transfer, with tests."""
        return read_results(self.folder / "blocks.csv")

    @property
    def findings(self) -> list[str]:
        """What came out, in sentences."""
        return (self.folder / "findings.txt").read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True, repr=False)
class Ablation:
    """A finished ablation study.

    Attributes:
        folder: where it lies.
    """

    folder: Path

    def __repr__(self) -> str:
        return f"Ablation({str(self.folder)!r}: {len(self.comparisons)} comparisons)"

    def _repr_html_(self) -> str:
        """For notebooks: the comparisons."""
        return f"<p>{html.escape(repr(self))}</p>{self.comparisons.to_html(index=False)}"

    @property
    def page(self) -> Path:
        """The page that shows the study."""
        return self.folder / "index.html"

    @property
    def scores(self) -> pd.DataFrame:
        """One row a classifier, set of blocks and fold."""
        return self._table("ablation")

    @property
    def leaderboard(self) -> pd.DataFrame:
        """One row a classifier and set of blocks, the best first."""
        return self._table("leaderboard")

    @property
    def comparisons(self) -> pd.DataFrame:
        """One row a planned comparison: the difference with its interval, p, and what could be shown."""
        return self._table("comparisons")

    @property
    def per_genre(self) -> pd.DataFrame:
        """One row a comparison and genre; empty where a design compares none."""
        return self._table("genres")

    @property
    def shapley(self) -> pd.DataFrame:
        """What each block brings, over all subsets of blocks; empty without the design "subsets"."""
        return self._table("shapley")

    @property
    def interactions(self) -> pd.DataFrame:
        """What each two blocks bring together beyond what each brings; empty without "subsets"."""
        return self._table("interactions")

    @property
    def figures(self) -> dict[str, Path]:
        """Name -> the drawn figure, an SVG file; "leaderboard" is always there."""
        return {file.stem: file for file in sorted((self.folder / "figures").glob("*.svg"))}

    def _table(self, name: str) -> pd.DataFrame:
        file = self.folder / f"{name}.csv"
        return read_results(file) if file.is_file() else pd.DataFrame()
