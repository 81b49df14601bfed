"""What an explanation holds: readable features, nearest covers, words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.sides import BACK, FRONT
from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.explanation.blocks import Contributions
from coverfusion.experiments.explanation.occlusion import cells
from coverfusion.experiments.explanation.people_and_words import Box, MarkedWord
from coverfusion.experiments.scoring.learnt_from import is_learnt
from coverfusion.experiments.scoring.verdict import Verdict
from coverfusion.features.table import is_back, is_metadata
from coverfusion.fusion.uncertainty.novelty import NEAREST, is_training_cover

SHOWN_NEIGHBOURS = 5
TRAINING_COVER_WARNING = (
    "The model has learnt from this very cover, or one just like it: on new covers it is less accurate."
)


@dataclass(frozen=True)
class Feature:
    """A readable column of this cover.

    Attributes:
        column: `block.column`.
        value: NaN where it is not there (no text, so no middle of the text).
        contribution: in the unit of the contributions.
        description: its meaning and unit, in the extractor's words.
        quartiles: lower quartile, median and upper quartile over training covers of the genre; None where
            they are not known.
    """

    column: str
    value: float
    contribution: float
    description: str
    quartiles: tuple[float, float, float] | None


@dataclass(frozen=True)
class Neighbour:
    """A training cover; `distance` has no unit, `thumbnail` is a small JPEG or None."""

    cover_id: str
    genre: str
    path: str
    distance: float
    thumbnail: bytes | None


@dataclass(frozen=True)
class OnThePicture:
    """A picture and what was found on it.

    Attributes:
        image: RGB.
        faces, persons, words: the largest first; None where the model has no block that looks for them.
    """

    image: Image
    faces: list[Box] | None
    persons: list[Box] | None
    words: list[MarkedWord] | None


@dataclass(frozen=True)
class Explanation:
    """Everything that `coverfusion explain` shows of one cover.

    Attributes:
        image: the cover, RGB.
        classifier: its registered name.
        genres: the most probable ones with their probabilities, the first is what is explained. Of a model of
            several genres that is the most probable of those that the cover is called, all of which are here.
        contributions: of each block, and of each readable column.
        features: the readable columns that move the prediction most, either way, the strongest first.
        faces, persons, words: found on the cover, the largest first; None where the model has no block that
            looks for them.
        attention: (H, W) float32 map in units of probability (see `occlusion_map`), or None.
        attention_note: what the map shows, or why there is none.
        neighbours: nearest training covers, the nearest first, which may be this very cover.
        failed: block -> what went wrong on this cover; the model took it as missing.
        verdict: whether the model abstains, a set of genres, and a warning.
        usual_distance: of two training covers, in the median; NaN where it is not known.
        neighbours_over: what the distances of the nearest covers are over, in words.
        lacking: warnings of what the model has learnt from and is not told of this cover.
        back: its back, and what was found on it; None where there is none that can be read.
    """

    image: Image
    classifier: str
    genres: list[tuple[str, float]]
    contributions: Contributions
    features: list[Feature]
    faces: list[Box] | None
    persons: list[Box] | None
    words: list[MarkedWord] | None
    attention: np.ndarray | None
    attention_note: str
    neighbours: list[Neighbour]
    failed: dict[str, str]
    verdict: Verdict = field(default_factory=Verdict)
    usual_distance: float = math.nan
    neighbours_over: str = "all blocks"
    lacking: list[str] = field(default_factory=list)
    back: OnThePicture | None = None

    @cached_property
    def training_cover(self) -> bool | None:
        """Whether the model has learnt from this cover or one just like it; None where that is not known."""
        thumbnails = [neighbour.thumbnail for neighbour in self.neighbours[:NEAREST]]
        return is_learnt(self.image, self._distances, thumbnails) if self.neighbours else None

    @property
    def _distances(self) -> np.ndarray:
        return np.array([neighbour.distance for neighbour in self.neighbours[:NEAREST]])

    @property
    def others(self) -> list[Neighbour]:
        """The nearest training covers but for this very one."""
        return self.neighbours[int(is_training_cover(self._distances)) :][:SHOWN_NEIGHBOURS]

    def in_words(self) -> list[str]:
        """The verdict's sentences; a cover that the model has learnt from has a warning in place of a set."""
        warning = [TRAINING_COVER_WARNING] if self.training_cover else []
        return [*warning, *self.shown_verdict.in_words()]

    @property
    def shown_verdict(self) -> Verdict:
        """The verdict, without a set where the model has learnt from this very cover."""
        return self.verdict.without_set() if self.training_cover else self.verdict

    @property
    def called(self) -> list[str]:
        """The genres that the cover is called, each with its probability and threshold; none of one genre."""
        thresholds = self.verdict.thresholds or {}
        return [
            f"{genre} {percent(chance)} ({_threshold_words(thresholds.get(genre))})"
            for genre, chance in self.genres
            if genre in (self.verdict.called or ())
        ]

    @property
    def others_named(self) -> list[tuple[str, float]]:
        """The genres that are named besides what the cover is called; of one genre, besides the first."""
        called = [self.genre] if self.verdict.called is None else self.verdict.called
        return [(genre, chance) for genre, chance in self.genres if genre not in called]

    @property
    def headline_note(self) -> str:
        """What stands behind the genres: the classifier, and how its probabilities are meant."""
        known = [self.classifier]
        if self.verdict.called is not None:
            known.append("each genre by itself")
        return ", ".join(known)

    @property
    def sides(self) -> dict[str, float]:
        """What the blocks of each side do together, in the unit of the contributions; none of one picture."""
        blocks = self.contributions.blocks
        behind = sum(value for block, value in blocks.items() if is_back(block))
        ahead = sum(value for block, value in blocks.items() if not (is_back(block) or is_metadata(block)))
        return {FRONT: ahead, BACK: behind} if self.back is not None else {}

    @property
    def genre(self) -> str:
        """The genre that is explained."""
        return self.genres[0][0]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; what is not there is None. The map is given at its 7 x 7 patches."""
        return _plain(
            {
                "width": self.image.width,
                "height": self.image.height,
                "classifier": self.classifier,
                "genres": [{"genre": genre, "probability": chance} for genre, chance in self.genres],
                **asdict(self.shown_verdict),
                "training_cover": self.training_cover,
                "contributions": asdict(self.contributions),
                "features": [asdict(feature) for feature in self.features],
                "faces": _each(self.faces),
                "persons": _each(self.persons),
                "words": _each(self.words),
                "attention": None if self.attention is None else cells(self.attention).tolist(),
                "attention_note": self.attention_note,
                "neighbours": [
                    {key: value for key, value in vars(neighbour).items() if key != "thumbnail"}
                    for neighbour in self.others
                ],
                "usual_distance": self.usual_distance,
                "failed": self.failed,
                "lacking": self.lacking,
                "on_back": None
                if self.back is None
                else {
                    "width": self.back.image.width,
                    "height": self.back.image.height,
                    "faces": _each(self.back.faces),
                    "persons": _each(self.back.persons),
                    "words": _each(self.back.words),
                },
                "sides": self.sides,
            }
        )


def _threshold_words(threshold: float | None) -> str:
    return "no threshold" if threshold is None else f"threshold {percent(threshold)}"


def _each(items: Sequence[Box] | Sequence[MarkedWord] | None) -> list[dict[str, Any]] | None:
    return None if items is None else [asdict(one) for one in items]


def _plain(value: Any) -> Any:
    """The same with None for NaN and lists for tuples: JSON knows neither."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
