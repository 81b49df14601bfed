"""A run's held-out predictions of one model, and which of them to learn from before trying on others.

Of an 8:1:1 run validation is learnt from and test tried on, as scoring with the bundle would; of a run with
folds the held-out covers are cut into ten parts, each tried with what the other nine say. Covers that chose
the run's model among others have no part in it: they flatter it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel
from coverfusion.fusion.grouped_folds import Split, inner_folds

HELD_OUT_PARTS = 10  # of the held-out covers of a run with folds


@dataclass(frozen=True)
class HeldOut:
    """One model's predictions of covers that it was not fitted on.

    Attributes:
        genres: k names.
        proba: (n, k) probabilities.
        y: (n,) true codes.
        groups: (n,) labels; covers with the same one belong together.
        parts: (rows to learn from, rows to try on) pairs.
        wider: from `evaluation.statistics.widening`: predictions of pooled folds are of several models.
    """

    genres: list[str]
    proba: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    parts: list[Split]
    wider: float = 1.0

    @property
    def tried(self) -> np.ndarray:
        """All rows that something is tried on."""
        return np.sort(np.concatenate([tried for _, tried in self.parts]))

    @property
    def confidence(self) -> np.ndarray:
        """(n,) the highest probability."""
        return self.proba.max(axis=1)

    @property
    def wrong(self) -> np.ndarray:
        """(n,) bool, whether the genre with the highest probability is wrong."""
        return self.proba.argmax(axis=1) != self.y


def held_out_parts(run: Run, seed: int) -> list[Split]:
    """(rows to learn from, rows to try on) pairs for `read_held_out`, the same for every model of a run.

    Raises:
        UserError: the run was made by a version that kept no groups, or held out too few covers.
    """
    frame = held_out_rows(run, run.chosen)
    if run.other is not None:
        parts = [(np.flatnonzero(frame["split"] == run.other), np.flatnonzero(frame["split"] == run.split))]
    else:
        parts = inner_folds(frame["genre"].to_numpy(), frame["group"].to_numpy(), HELD_OUT_PARTS, seed)
    if not parts:
        raise UserError(f"{run.folder} has too few held-out covers to learn from some and try on others.")
    return parts


def read_held_out(run: Run, model: ScoredModel, parts: Sequence[Split]) -> HeldOut:
    """The held-out predictions of a model, of all splits or folds, but for covers that chose the run's model.

    Raises:
        UserError: the run was made by a version that kept no groups.
    """
    frame = held_out_rows(run, model)
    genres = [str(column)[2:] for column in frame if str(column).startswith("p_")]
    return HeldOut(
        genres=genres,
        proba=frame[[f"p_{genre}" for genre in genres]].to_numpy(),
        y=pd.Index(genres).get_indexer(pd.Index(frame["genre"])),
        groups=frame["group"].to_numpy(),
        parts=list(parts),
        wider=widening(run.config["folds"]),
    )


def held_out_rows(run: Run, model: ScoredModel) -> pd.DataFrame:
    """The predictions of covers that a model was not fitted on, but for those that chose the run's model.

    Raises:
        UserError: the run was made by a version that kept no groups.
    """
    frame = _predictions(run, model)
    if "group" not in frame:
        raise UserError(
            f"{run.folder} was made by an older version that kept no groups, so near duplicates could not be "
            f"kept together. Train again."
        )
    if "decides" in frame:  # a run of an older version chose by all of them
        frame = frame[frame["decides"] | (frame["split"] == "test")]
    return frame.sort_values(["cover_id", "genre"]).reset_index(drop=True)


def choosing_rows(run: Run, model: ScoredModel) -> pd.DataFrame:
    """The predictions of covers that chose the run's model and count in its scores: of folds, about half."""
    frame = _predictions(run, model)
    if run.other is not None or "decides" not in frame:
        return frame[:0]
    return frame[~frame["decides"]]


def _predictions(run: Run, model: ScoredModel) -> pd.DataFrame:
    """All predictions of a model."""
    return pd.read_parquet(
        run.folder / "predictions.parquet",
        filters=[("classifier", "==", model.classifier), ("blocks", "==", "+".join(model.blocks))],
    )
