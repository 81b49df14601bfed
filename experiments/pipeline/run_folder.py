"""Reads a finished run folder: what was asked, and every score of every model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from coverfusion.data.errors import UserError
from coverfusion.data.splits import load_splits
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.cached_fits import all_blocks
from coverfusion.fusion.pictures import PIXELS

Key = tuple[str, tuple[str, ...]]  # classifier, blocks


@dataclass(frozen=True)
class ScoredModel:
    """One classifier on some blocks, with its scores by split.

    Attributes:
        kind: "alone" where it saw one of several blocks, "fused" where all that its classifier can see.
        scores: split -> score -> value with interval.
        genres: split -> genre -> precision, recall and f1 with intervals, and the number of covers.
        confusion: split -> (k, k) counts, rows true genres.
    """

    classifier: str
    blocks: tuple[str, ...]
    chosen: bool
    kind: str
    seconds: float
    scores: Mapping[str, Mapping[str, Interval]]
    genres: Mapping[str, Mapping[str, Any]]
    confusion: Mapping[str, pd.DataFrame]

    @property
    def on(self) -> str:
        """Its blocks in words."""
        if self.kind == "alone":
            return f"{self.blocks[0]} alone"
        if self.blocks == (PIXELS,):
            return "the pictures themselves"
        return (
            f"all {len(self.blocks)} blocks" if len(self.blocks) > 1 else f"{self.blocks[0]}, the only block"
        )


@dataclass(frozen=True)
class Run:
    """What a run folder says.

    Attributes:
        folder: where it lies.
        config: as `config.yaml` has it.
        environment: command, versions and machine.
        facts: of the collection.
        models: the best on validation (or on the pooled folds) first.
        split: whose scores count, "test" or "folds".
        other: "validation", where there is one.
    """

    folder: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    facts: dict[str, Any]
    models: list[ScoredModel]
    split: str
    other: str | None

    @property
    def name(self) -> str:
        """What the collection's folder or file is called."""
        return Path(self.config["collection"]).stem

    @property
    def chosen(self) -> ScoredModel:
        """The model that became the bundle."""
        return next(model for model in self.models if model.chosen)

    @property
    def alone(self) -> list[ScoredModel]:
        """The models that saw one block only, the best first."""
        return [model for model in self.models if model.kind == "alone"]

    def accuracy(self, model: ScoredModel) -> Interval:
        """Accuracy on the split that counts."""
        return model.scores[self.split]["accuracy"]

    def predictions(self, model: ScoredModel) -> pd.DataFrame:
        """By cover_id: `genre`, `predicted`, `p_<genre>`, on the split that counts."""
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


def read_run(folder: Path) -> Run:
    """Reads config, environment, collection facts and all scores of a run folder.

    Raises:
        UserError: a file is missing from it.
    """
    for name in ("metrics.json", "leaderboard.csv", "config.yaml", "environment.json", "collection.json"):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing: this is no whole run folder. Train it again.")
    metrics = _json(folder / "metrics.json")
    chosen = (metrics["chosen"]["classifier"], tuple(metrics["chosen"]["blocks"]))
    by_model: dict[Key, dict[str, Any]] = {}
    for entry in metrics["models"]:
        by_model.setdefault((entry["classifier"], tuple(entry["blocks"])), {})[entry["split"]] = entry
    facts = _json(folder / "collection.json")
    tabled = {name for name in facts["extractors"] if name != PIXELS}
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
    )


def _leaderboard_order(folder: Path) -> dict[Key, float]:
    """Each model with the seconds its fits took, in the order of `leaderboard.csv`."""
    board = pd.read_csv(folder / "leaderboard.csv", dtype={"classifier": str, "blocks": str})
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
    )


def _interval(values: Mapping[str, float]) -> Interval:
    return Interval(values["value"], values["low"], values["high"])


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


def chance_of(run: Run) -> tuple[str, float]:
    """The collection's most frequent genre, and the accuracy of always saying it."""
    usual = max(run.facts["genres"], key=lambda genre: run.facts["genres"][genre])
    held = run.chosen.confusion[run.split].sum(axis=1)
    return str(usual), float(held.get(usual, 0) / held.sum())
