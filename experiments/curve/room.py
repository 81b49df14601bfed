"""Which sizes a collection has room for, and what gives it more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from coverfusion.experiments.curve.power_law import MIN_SIZE_RATIO, MIN_SIZES
from coverfusion.experiments.curve.subsamples import MIN_COVERS_PER_GENRE
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.provenance import read_json

MOST_ADVISED_FOLDS = 20


@dataclass(frozen=True)
class Room:
    """What the sizes of a curve are taken from.

    Attributes:
        genres: how many there are.
        covers: of the collection.
        folds: of which one is tested on.
        fixed: the folds come from a file, so others cannot be asked for.
    """

    genres: int
    covers: int
    folds: int
    fixed: bool = False

    @property
    def smallest(self) -> int:
        """The fewest training covers that a size may have."""
        return MIN_COVERS_PER_GENRE * self.genres

    @property
    def needed(self) -> int:
        """The fewest training covers that the largest size of a forecast may have."""
        return math.ceil(MIN_SIZE_RATIO * self.smallest)

    def advice(self, largest: int) -> str:
        """What gives a curve sizes that are many and far apart enough, in a sentence.

        Args:
            largest: the size that the curve has.
        """
        if largest >= self.needed:
            most = int(largest // MIN_SIZE_RATIO)
            ends = f"{most:,}" if most == self.smallest else f"{self.smallest:,} to {most:,}"
            return f"Name {MIN_SIZES} or more by --sizes, the smallest {ends}."
        if self.covers * (self.folds - 1) // self.folds >= self.needed:
            return f"Name {MIN_SIZES} or more by --sizes, from {self.smallest:,} to {self.needed:,} or more."
        return (
            f"A forecast takes {self.needed:,} training covers or more, and a significant rise: add covers"
            f"{self._more_folds()}."
        )

    def _more_folds(self) -> str:
        """The number of folds that learn from enough covers; nothing where no number is advised."""
        if self.fixed or self.covers <= self.needed:
            return ""
        # (folds - 1) / folds of the covers are needed
        folds = math.ceil(self.covers / (self.covers - self.needed))
        return f", or take --folds {folds}" if self.folds < folds <= MOST_ADVISED_FOLDS else ""


def room_of(folder: Path) -> Room:
    """The room of the collection that a study is of."""
    facts, config = read_json(folder / "collection.json"), read_config(folder / "config.yaml")
    return Room(len(facts["genres"]), facts["covers"], config.folds or 2, config.split_file is not None)
