"""Reads a finished run folder: what was asked, and every score of every model."""

from __future__ import annotations

import html
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from coverfusion.data.checksums import check_sums
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.plurals import how_many
from coverfusion.data.splits import load_splits
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.cached_fits import all_blocks
from coverfusion.experiments.pipeline.guess import largest_genre
from coverfusion.experiments.pipeline.results_csv import read_results
from coverfusion.features.table import BACK_BLOCK, METADATA
from coverfusion.fusion.pictures import PIXELS

RUN_FILES = (  # that readers take numbers from; their digests are in the run folder
    "collection.json",
    "leaderboard.csv",
    "metrics.json",
    "per_genre.csv",
    "predictions.parquet",
    "splits.parquet",
)
NOTE_FILE = "note.txt"  # what the user wants to remember
Key = tuple[str, tuple[str, ...]]  # classifier, blocks


def blocks_in_words(blocks: Sequence[str]) -> str:
    """All that a model sees, as `cached_fits.all_blocks` names it, in words."""
    if tuple(blocks) == (PIXELS,):
        return "the pictures themselves"
    if all(":" in name for name in blocks):  # `text` sees families of a block: ocr:letters, ocr:words
        read = dict.fromkeys(name.partition(":")[0] for name in blocks)
        return f"the words of {' and '.join(read)}"
    if len(blocks) == 1:
        return f"{blocks[0]}, the only block"
    said = "both blocks" if len(blocks) == 2 else f"all {len(blocks)} blocks"
    kinds = {"metadata": METADATA, "the back": BACK_BLOCK}
    counts = {kind: sum(name.startswith(prefix) for name in blocks) for kind, prefix in kinds.items()}
    others = [f"{count} of {kind}" for kind, count in counts.items() if count]
    return f"{said} ({', '.join(others)})" if others else said


@dataclass(frozen=True)
class ScoredModel:
    """One classifier on some blocks, with its scores by split.

    Attributes:
        kind: "alone" where it saw one of several blocks, "fused" where all that its classifier can see.
        scores: split -> score -> value with interval.
        genres: split -> genre -> precision, recall and f1 with intervals, and the number of covers.
        confusion: split -> (k, k) counts, rows true genres; of covers of several genres those called another
            that they do not have.
        covers: split -> how many were scored.
    """

    classifier: str
    blocks: tuple[str, ...]
    chosen: bool
    kind: str
    seconds: float
    scores: Mapping[str, Mapping[str, Interval]]
    genres: Mapping[str, Mapping[str, Any]]
    confusion: Mapping[str, pd.DataFrame]
    covers: Mapping[str, int] = field(default_factory=dict)

    @property
    def on(self) -> str:
        """Its blocks in words."""
        return f"{self.blocks[0]} alone" if self.kind == "alone" else blocks_in_words(self.blocks)

    @property
    def fuses(self) -> bool:
        """Whether it saw several blocks; `text` sees two families of one."""
        return len({name.partition(":")[0] for name in self.blocks}) > 1


@dataclass(frozen=True, repr=False)
class Run:
    """What a run folder says.

    Attributes:
        folder: where it lies.
        config: as `config.yaml` has it.
        environment: command, versions and machine.
        facts: of the collection.
        models: the best on validation (or on the pooled folds) by the config's metric first.
        split: whose scores count, "test" or "folds".
        other: "validation", where there is one.
        chosen_by: the metric that chose the model; "" of a run of an older version.
        baseline: split -> metric -> its value where nothing is known of a cover.
        guessed: the same of guessing by the prior, where it is not the natural one.
    """

    folder: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    facts: dict[str, Any]
    models: list[ScoredModel]
    split: str
    other: str | None
    chosen_by: str = ""
    baseline: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    guessed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __repr__(self) -> str:
        score = self.score(self.chosen)
        return (
            f"Run({str(self.folder)!r}: {how_many(len(self.models), 'model')}; best: "
            f"{self.chosen.classifier} on {self.chosen.on}, {self.metric.label} {score.value:.3f} "
            f"({score.low:.3f} to {score.high:.3f}) on {self.split})"
        )

    def _repr_html_(self) -> str:
        """For notebooks: the summary above the leaderboard."""
        return f"<p>{html.escape(repr(self))}</p>{self.leaderboard.to_html(index=False)}"

    @property
    def item(self) -> str:
        """What one row of it is called: an album where its sides are one item."""
        return "album" if self.facts.get("backs") else "cover"

    @property
    def bundle(self) -> Path:
        """The folder of the chosen model, for `Predictor.load` and every command that takes a bundle."""
        return self.folder / "bundle"

    @property
    def report(self) -> Path:
        """The page that shows the run."""
        return self.folder / "report.html"

    @property
    def leaderboard(self) -> pd.DataFrame:
        """One row a model and split, the best first: its blocks, scores with intervals, seconds of fits."""
        return read_results(self.folder / "leaderboard.csv")

    @property
    def per_genre(self) -> pd.DataFrame:
        """One row a model, split, genre and score (precision, recall, F1), with intervals."""
        return read_results(self.folder / "per_genre.csv")

    @property
    def confusion(self) -> pd.DataFrame:
        """(k, k) counts of the chosen model on the split that counts: rows true genres, columns predicted."""
        return self.chosen.confusion[self.split]

    def model(self, name: str) -> ScoredModel:
        """The model called `name`: "svc" on all its blocks, or "svc on color" on one alone.

        Raises:
            UserError: the run has no such model.
        """
        named = {
            model.classifier if model.kind == "fused" else f"{model.classifier} on {model.blocks[0]}": model
            for model in self.models
        }
        if name not in named:
            raise UserError(f"{self.folder} has no model '{name}'.{did_you_mean(name, named)}")
        return named[name]

    @property
    def name(self) -> str:
        """What the collection's folder or file is called."""
        return Path(self.config["collection"]).stem

    @property
    def several(self) -> bool:
        """Whether a cover may have several genres."""
        return bool(self.config.get("labels") == "many")

    @property
    def covers(self) -> int:
        """How many covers are scored on the split that counts."""
        return self.chosen.covers[self.split]

    @property
    def chosen(self) -> ScoredModel:
        """The model that became the bundle."""
        return next(model for model in self.models if model.chosen)

    @property
    def alone(self) -> list[ScoredModel]:
        """The models that saw one block only, the best first."""
        return [model for model in self.models if model.kind == "alone"]

    @property
    def fusing(self) -> ScoredModel:
        """What single blocks are compared with: the chosen model, or the best on several blocks.

        The chosen model where none saw several.
        """
        several = [model for model in self.models if model.fuses]
        return self.chosen if self.chosen in several or not several else several[0]

    @property
    def metric(self) -> Metric:
        """What models are ranked by."""
        return SET_METRICS[self.config.get("metric", "accuracy")]

    def score(self, model: ScoredModel) -> Interval:
        """That metric on the split that counts."""
        return model.scores[self.split][self.metric.column]

    def accuracy(self, model: ScoredModel) -> Interval:
        """Accuracy on the split that counts."""
        return model.scores[self.split]["accuracy"]

    def predictions(self, model: ScoredModel | str | None = None) -> pd.DataFrame:
        """By cover_id: `genre`, `predicted`, `p_<genre>`, on the split that counts.

        Args:
            model: of this run, or its name as in `model`; None: the chosen one.

        Raises:
            UserError: as `model`.
        """
        if not isinstance(model, ScoredModel):
            model = self.chosen if model is None else self.model(model)
        wanted = [
            ("split", "==", self.split),
            ("classifier", "==", model.classifier),
            ("blocks", "==", "+".join(model.blocks)),
        ]
        frame = pd.read_parquet(self.folder / "predictions.parquet", filters=wanted)
        return frame.sort_values(["cover_id", "genre"]).set_index("cover_id")

    def folds(self, covers: pd.DataFrame) -> pd.Series | None:
        """cover_id -> number of its fold; None where the run had one split."""
        if not self.config["folds"]:
            return None
        return load_splits(self.folder / "splits.parquet", covers).iloc[:, 0]

    def shorten(self, path: str) -> str:
        """A path as seen from beside the collection, which is all that tells covers apart."""
        return path.removeprefix(f"{Path(self.config['collection']).parent}/")


def read_run(folder: str | os.PathLike[str]) -> Run:
    """Reads config, environment, collection facts and all scores of a run folder.

    Raises:
        UserError: no finished run folder, or a file is missing or was changed since it was written.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> run = cf.train(folder, classifiers=["knn"], blocks=["color"], folds=2, store="store")
        >>> cf.open_run(run.folder).chosen.classifier
        'knn'
    """
    folder = Path(folder)
    if not (folder / "metrics.json").is_file():
        raise UserError(f"{folder} is not a finished run folder; `coverfusion train` makes one.")
    for name in ("leaderboard.csv", "config.yaml", "environment.json", "collection.json"):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing: this is no whole run folder. Train it again.")
    check_sums(folder, RUN_FILES, "Train it again.")
    metrics = _json(folder / "metrics.json")
    chosen = (metrics["chosen"]["classifier"], tuple(metrics["chosen"]["blocks"]))
    by_model: dict[Key, dict[str, Any]] = {}
    for entry in metrics["models"]:
        by_model.setdefault((entry["classifier"], tuple(entry["blocks"])), {})[entry["split"]] = entry
    facts = _json(folder / "collection.json")
    tabled = {name for name in facts["extractors"] if name != PIXELS}
    tabled |= set(facts.get("backs", []))
    tabled |= {made["block"] for made in facts.get("metadata", [])}
    models = [
        _model(key, by_model[key], chosen, seconds, tabled)
        for key, seconds in _leaderboard_order(folder).items()
    ]
    splits = list(models[0].scores)
    main = "test" if "test" in splits else splits[0]
    return Run(
        folder=folder,
        config=yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")),
        environment=_json(folder / "environment.json"),
        facts=facts,
        models=models,
        split=main,
        other=next((split for split in splits if split != main), None),
        chosen_by=metrics["chosen"].get("by", ""),
        baseline=metrics.get("baseline", {}),
        guessed=metrics.get("guessed", {}),
    )


def _leaderboard_order(folder: Path) -> dict[Key, float]:
    """Each model with the seconds its fits took, in the order of `leaderboard.csv`."""
    board = read_results(folder / "leaderboard.csv")
    keys = zip(board["classifier"].astype(str), board["blocks"].astype(str).str.split("+"), strict=True)
    seconds = board["fit_seconds"].astype(float)
    return {(name, tuple(blocks)): took for (name, blocks), took in zip(keys, seconds, strict=True)}


def _model(
    key: Key, entries: Mapping[str, Any], chosen: Key, seconds: float, tabled: set[str]
) -> ScoredModel:
    classifier, blocks = key
    every = set(all_blocks(classifier, sorted(tabled)))
    return ScoredModel(
        classifier=classifier,
        blocks=blocks,
        chosen=key == chosen,
        kind="fused" if set(blocks) == every else "alone",
        seconds=seconds,
        scores={
            split: {name: _interval(values) for name, values in entry["scores"].items()}
            for split, entry in entries.items()
        },
        genres={split: _genres(entry["genres"]) for split, entry in entries.items()},
        confusion={split: _counts(entry["confusion"]) for split, entry in entries.items()},
        # an older version counted no covers; each was then in one cell
        covers={split: int(entry.get("covers", _cells(entry))) for split, entry in entries.items()},
    )


def _cells(entry: Mapping[str, Any]) -> int:
    return sum(map(sum, entry["confusion"]["counts"]))


def _interval(values: Mapping[str, Any]) -> Interval:
    low, high = (math.nan if values[end] is None else values[end] for end in ("low", "high"))
    return Interval(values["value"], low, high)


def _genres(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        genre: {name: _interval(values) for name, values in scores.items()}
        | {"covers": int(scores["recall"]["covers"])}
        for genre, scores in entry.items()
    }


def _counts(entry: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(entry["counts"], index=entry["genres"], columns=entry["genres"])


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def check_one_genre(run: Run, why: str) -> None:
    """Raises UserError where covers of the run may have several genres; `why` says what speaks of one."""
    if run.several:
        raise UserError(f"{run.folder} was trained with labels: many, and {why}")


def baseline_row(run: Run, split: str = "") -> dict[str, Interval]:
    """Score as tables have it -> its value where nothing is known of a cover; none of an older run.

    Args:
        run: the run.
        split: of its covers; "": the split that counts.
    """
    split = split or run.split
    known = run.baseline.get(split, {})
    values = {SET_METRICS[name].column: value for name, value in known.items()}
    if run.several and known:
        # of a probability that is the same for all covers it is the proportion that has the genre
        had = [scores["covers"] for scores in run.chosen.genres[split].values() if scores["covers"]]
        values["average_precision"] = sum(had) / len(had) / run.chosen.covers[split]
    return {name: Interval(value, math.nan, math.nan) for name, value in values.items()}


def chance_of(run: Run, metric: Metric) -> tuple[str, float]:
    """The collection's most frequent genre, and what a metric is where that is all that is known of covers.

    Accuracy is that of always saying this genre, also of a run whose version kept no baseline.
    """
    usual = largest_genre(run.facts["genres"])
    if run.several:
        return usual, run.baseline[run.split][metric.name]
    held = run.chosen.confusion[run.split].sum(axis=1)
    if metric.name == "accuracy":
        return usual, float(held.get(usual, 0) / held.sum())
    return usual, run.baseline[run.split][metric.name]
