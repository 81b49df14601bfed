"""What models of an earlier study or run differ by: the pilot of a study that is planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.experiments.ablation.saved_outcomes import FILE, of_sets, read_sums, saved_comparisons
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric, cover_losses, metric_of
from coverfusion.experiments.evaluation.power import KEPT, Spread, spread_between
from coverfusion.experiments.evaluation.statistics import group_weights
from coverfusion.experiments.pipeline.guess import guessed
from coverfusion.experiments.pipeline.predicted_genres import genres_of, several, truth_of
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, read_run
from coverfusion.fusion.prior import Prior

DRAWS = 1000
Repeats = list[np.ndarray]  # (n, s) sums of each repeat


@dataclass(frozen=True)
class PilotPair:
    """Two models that were compared, or may be.

    Attributes:
        design: the kind of comparison, as `comparisons.csv` has it.
        unit: the block in question, "" of two classifiers.
        classifier, other: whose models they are.
        discordant: the proportion of covers that only one of them got right; NaN where it is not known.
        spread: what their difference varies by.
    """

    design: str
    unit: str
    classifier: str
    other: str
    discordant: float
    spread: Spread


@dataclass(frozen=True)
class Pilot:
    """All pairs of an earlier study or run, and how many covers in how many groups they were tested on."""

    pairs: list[PilotPair]
    covers: int
    groups: int


def read_pilot(
    folder: Path, metric: Metric, classifiers: Sequence[str] | None = None, seed: int = 0
) -> Pilot:
    """The pairs of models that an earlier study compared, or that a run has.

    Args:
        folder: of an ablation or of a run; a run has no models without a block.
        metric: that differences are of.
        classifiers: only these; None: all.
        seed: of the bootstrap of groups that variances come from.

    Raises:
        UserError: it is neither, is damaged, was made by a version that kept no predictions, has no such
            pair, or is of covers that the metric does not rank.
    """
    if (folder / "ablation.csv").is_file():
        pilot = _of_study(folder, metric, seed)
    elif (folder / "metrics.json").is_file():
        pilot = _of_run(read_run(folder), metric, seed)
    else:
        raise UserError(f"--pilot {folder}: this is neither a finished ablation nor a finished run.")
    known = sorted({name for pair in pilot.pairs for name in (pair.classifier, pair.other)})
    for name in classifiers or ():
        if name not in known:
            raise UserError(
                f"--pilot {folder}: it compares no models of '{name}'; it has {', '.join(known)}."
            )
    kept = [
        pair for pair in pilot.pairs if not classifiers or {pair.classifier, pair.other} <= set(classifiers)
    ]
    if not kept:
        raise UserError(f"--pilot {folder}: there are no two models to compare. Name another, or other -c.")
    return Pilot(kept, pilot.covers, pilot.groups)


class _Compared:
    """The spread of pairs of models; what one model has is worked out once."""

    def __init__(
        self, metric: Metric, groups: np.ndarray, seed: int, sums: Callable[[str, str, Metric], Repeats]
    ) -> None:
        self.metric, self.sums = metric, sums
        self.covers, self.groups = len(groups), len(np.unique(groups))
        self.weights = group_weights(groups, seed, DRAWS)
        self.known: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def pair(self, design: str, unit: str, first: tuple[str, str], second: tuple[str, str]) -> PilotPair:
        """Of two models, each named by its classifier and its joined blocks."""
        (values, right), (others, other_right) = self._model(*first), self._model(*second)
        spread = spread_between(values, others, self.covers, self.groups, KEPT)
        differ = float((right != other_right).mean())
        return PilotPair(design, unit, first[0], second[0], differ, spread)

    def _model(self, classifier: str, units: str) -> tuple[np.ndarray, np.ndarray]:
        """(repeats, draws) values of the metric, and (repeats, n) whether it was right."""
        if (classifier, units) not in self.known:
            repeats = self.sums(classifier, units, self.metric)
            values = [self.metric.better(self.metric.value(self.weights @ sums)) for sums in repeats]
            right = [sums[:, 0] for sums in self.sums(classifier, units, METRICS["accuracy"])]
            self.known[classifier, units] = np.array(values), np.array(right)
        return self.known[classifier, units]


def _of_study(folder: Path, metric: Metric, seed: int) -> Pilot:
    if not (folder / FILE).is_file():
        raise UserError(
            f"--pilot {folder}: this study keeps no predictions: an earlier version made it, or it is not "
            f"finished. Do it again, or name a run."
        )
    frame = pd.read_parquet(folder / FILE)
    genres = sorted(read_json(folder / "collection.json")["genres"])
    metric_of(metric.name, of_sets(frame))

    def sums(classifier: str, units: str, of: Metric) -> Repeats:
        return read_sums(frame, classifier, units, of, genres)

    compared = _Compared(metric, frame["group"].to_numpy(), seed, sums)
    rows = saved_comparisons(folder).to_dict("records")
    pairs = [
        compared.pair(r["design"], r["unit"], (r["classifier"], r["first"]), (r["other"], r["second"]))
        for r in rows
    ]
    return Pilot(pairs, len(frame), compared.groups)


def _of_run(run: Run, metric: Metric, seed: int) -> Pilot:
    frames = {(model.classifier, "+".join(model.blocks)): run.predictions(model) for model in run.models}
    any_frame = next(iter(frames.values()))
    metric_of(metric.name, run.several)
    if "group" not in any_frame:
        raise UserError(f"--pilot {run.folder}: an earlier version made it and kept no groups. Train again.")

    def sums(classifier: str, units: str, of: Metric) -> Repeats:
        if units == "none":
            return [_sums_of_nothing(any_frame, run.config.get("prior", "natural"), of)]
        return [predicted_sums(frames[classifier, units], of)]

    compared = _Compared(metric, any_frame["group"].to_numpy(), seed, sums)
    fused = [_key(model) for model in run.models if model.kind == "fused"]
    pairs = [compared.pair("classifiers", "", first, second) for first, second in combinations(fused, 2)]
    whole = dict(fused)
    for name, block in map(_key, run.alone):
        pairs.append(compared.pair("block alone against chance", block, (name, block), (name, "none")))
        if name in whole:
            first, second = (name, whole[name]), (name, block)
            pairs.append(compared.pair("all against block alone", block, first, second))
    return Pilot(pairs, len(any_frame), compared.groups)


def _key(model: ScoredModel) -> tuple[str, str]:
    return model.classifier, "+".join(model.blocks)


def _sums_of_nothing(frame: pd.DataFrame, prior: Prior, metric: Metric) -> np.ndarray:
    """Of guessing by the prior as an ablation's empty set does; tested covers say how common genres are."""
    genres = genres_of(frame)
    genre: pd.Series | pd.DataFrame = frame["genre"]
    if several(frame):
        genre = pd.DataFrame(truth_of(frame["genre"], genres, True), index=frame.index, columns=genres)
    found = guessed(genre, frame.index, frame.index, genres, prior)
    return metric.sums(found.truth, found.named, cover_losses(found.truth, found.proba), len(genres))
