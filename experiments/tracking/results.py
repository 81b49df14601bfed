"""What a finished result says, in the words of experiment trackers: parameters, metrics, child runs."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.csv
import pyarrow.dataset
import yaml

from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import apart
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, why_not
from coverfusion.experiments.pipeline.fold_scores import fold_scores
from coverfusion.experiments.pipeline.predicted_genres import predicted_of
from coverfusion.experiments.pipeline.results_csv import read_results

SCORE_ENDINGS = (".csv", ".parquet", ".jsonl")  # endings of a score file
INTERVAL_KEYS = ("value", "low", "high")
FOLDERS_NOT_LOGGED = ("bundle", "fits")  # folders that are not logged as files


@dataclass(frozen=True)
class Metric:
    """One number; `step` is the fold, the number of training covers, or 0."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class TrackedResult:
    """What is logged as one run.

    Attributes:
        kind: "train", "ablation", "curve", "scores", or "model" for a child.
        name: what the run is called.
        parameters: what was asked.
        metrics: what came out.
        children: one a model.
        files: files and folders to keep with it.
        bundle: the folder of the fitted model, where there is one.
        note: a sentence for readers.
    """

    kind: str
    name: str
    parameters: dict[str, str]
    metrics: list[Metric]
    children: list[TrackedResult] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    bundle: Path | None = None
    note: str = ""


def read_result(place: str | os.PathLike[str]) -> TrackedResult:
    """Reads a run folder, an ablation, a learning curve or a score file.

    Raises:
        UserError: it is none of these, or not finished.
    """
    place = Path(place)
    if place.is_file() and place.suffix in SCORE_ENDINGS:
        return _scores(place)
    if (place / "report.html").is_file() and (place / "leaderboard.csv").is_file():
        return _train(place)
    if (place / "index.html").is_file() and (place / "ablation.csv").is_file():
        return _ablation(place)
    if (place / "index.html").is_file() and (place / "curve.csv").is_file():
        return _curve(place)
    raise UserError(
        f"{place} is nothing that can be tracked: neither a finished folder of `coverfusion train`, `ablate` "
        f"or `curve`, nor a file of `coverfusion score`."
    )


def result_digest(place: str | os.PathLike[str]) -> str:
    """sha256 over the names and bytes of a file or of every file in a folder, as 64 hex digits."""
    place = Path(place)
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    total = hashlib.sha256()
    for path in files:
        name = path.name if path == place else path.relative_to(place).as_posix()
        with path.open("rb") as stream:
            total.update(f"{name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


# --- a run ---------------------------------------------------------------------------------------------


def _train(folder: Path) -> TrackedResult:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    chosen = metrics["chosen"]
    seconds = (
        read_results(folder / "leaderboard.csv").groupby(["classifier", "blocks"])["fit_seconds"].first()
    )
    by_model: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in metrics["models"]:
        by_model.setdefault((entry["classifier"], "+".join(entry["blocks"])), []).append(entry)
    asked = _asked(folder)
    several = _several(asked)
    folds = _fold_metrics(folder, several)
    children = [
        TrackedResult(
            kind="model",
            name=f"{classifier} on {blocks}",
            parameters={"classifier": classifier, "blocks": blocks},
            metrics=[m for entry in entries for m in _split_metrics(entry, several)]
            + folds.get((classifier, blocks), [])
            + [Metric("fit_seconds", float(seconds[classifier, blocks]))],
        )
        for (classifier, blocks), entries in by_model.items()
    ]
    chosen = {"classifier": chosen["classifier"], "blocks": "+".join(chosen["blocks"])}
    best = next(child for child in children if child.parameters == chosen)
    return TrackedResult(
        kind="train",
        name=folder.name,
        parameters=asked | _flat(best.parameters, "chosen"),
        metrics=[*_facts(folder), *best.metrics],
        children=children,
        files=_files(folder),
        bundle=folder / "bundle",
        note=_json(folder / "collection.json").get("note", ""),
    )


def _split_metrics(entry: Mapping[str, Any], several: bool) -> list[Metric]:
    split = entry["split"]
    metrics = [
        Metric(f"{split}/{name}" + ("" if kind == "value" else f"_{kind}"), values[kind])
        for name, values in entry["scores"].items()
        if _is_logged(name, several)
        for kind in INTERVAL_KEYS
        if values[kind] is not None  # a score without an interval
    ]
    each = [
        Metric(f"{split}/{name}/{genre}", values["value"])
        for genre, scores in entry["genres"].items()
        for name, values in scores.items()
    ]
    return metrics + each


def _fold_metrics(folder: Path, several: bool) -> dict[tuple[str, str], list[Metric]]:
    """(classifier, blocks) -> scores of each fold, its number as the step; empty for a run with one split."""
    fold = pd.read_parquet(folder / "splits.parquet").set_index("cover_id")
    if "fold" not in fold:
        return {}
    predictions = pd.read_parquet(folder / "predictions.parquet")
    by_model: dict[tuple[str, str], list[Metric]] = {}
    numbers = fold["fold"].loc[predictions["cover_id"]].to_numpy()
    for key, part in predictions.groupby(["classifier", "blocks", numbers], sort=True):
        classifier, blocks, number = map(str, key)
        found = predicted_of(part)
        scores = fold_scores(found.truth, found.named, found.proba, found.genres)
        metrics = _at_fold(scores, found.genres, int(number), several)
        by_model.setdefault((classifier, blocks), []).extend(metrics)
    return by_model


# --- an ablation ---------------------------------------------------------------------------------------


def _ablation(folder: Path) -> TrackedResult:
    rows = pd.read_csv(folder / "ablation.csv", keep_default_na=False)
    board = read_results(folder / "leaderboard.csv")
    whole = {metric.column for metric in SET_METRICS.values()}
    names = [str(name) for name in rows.columns if name not in whole]
    genres = [name.removeprefix("f1_") for name in names if name.startswith("f1_")]
    overall = {(row["classifier"], row["units"]): row for row in records(board)}
    folds = int(rows["fold"].max()) + 1
    asked = _asked(folder)
    several = _several(asked)
    children = []
    for (classifier, units), part in rows.groupby(["classifier", "units"], sort=False):
        pooled = overall[classifier, units].items()
        metrics = [
            Metric(str(n), float(v))
            for n, v in pooled
            if n not in ("classifier", "units") and _is_logged(str(n), several)
        ]
        for row in records(part):
            step = int(row["repeat"]) * folds + int(row["fold"])
            metrics += _at_fold(row, genres, step, several)
        parameters = {"classifier": str(classifier), "units": str(units)}
        children.append(TrackedResult("model", f"{classifier} on {units}", parameters, metrics))
    first = {"classifier": str(board["classifier"].iloc[0]), "units": str(board["units"].iloc[0])}
    best = next(child for child in children if child.parameters == first)
    return TrackedResult(
        kind="ablation",
        name=folder.name,
        parameters=asked | _flat(_json(folder / "study.json"), "study") | _flat(first, "best"),
        metrics=[*_facts(folder), *(m for m in best.metrics if "/" not in m.name)],
        children=children,
        files=_files(folder),
    )


# --- a learning curve ----------------------------------------------------------------------------------


def _curve(folder: Path) -> TrackedResult:
    pooled = read_results(folder / "pooled.csv")
    laws = read_results(folder / "powerlaw.csv")
    children = []
    for law in records(laws):
        classifier, balance = str(law["classifier"]), str(law["balance"])
        mine = pooled[(pooled["classifier"] == classifier) & (pooled["balance"] == balance)]
        metrics = [
            Metric("/".join(filter(None, [row["score"], row["genre"]])), row["value"], row["size"])
            for row in records(mine)
        ]
        names = ("a", "b", "c", "gain", "gain_low", "gain_high", "per_doubling")
        metrics += [Metric(f"law/{name}", float(law[name])) for name in names if law[name] == law[name]]
        parameters = {"classifier": classifier, "balance": balance, "verdict": str(law["verdict"])}
        children.append(TrackedResult("model", f"{classifier}, {balance}", parameters, metrics))
    return TrackedResult(
        kind="curve",
        name=folder.name,
        parameters=_asked(folder) | _flat(_json(folder / "curve.json"), "curve"),
        metrics=_facts(folder),
        children=children,
        files=_files(folder),
    )


# --- a score file --------------------------------------------------------------------------------------


def _scores(path: Path) -> TrackedResult:
    """Counts, read batch by batch: a score file may have any number of rows."""
    text = {name: pyarrow.string() for name in ("genre_1", "genres", "failed_blocks", "error")}
    kinds = {
        ".csv": pyarrow.dataset.CsvFileFormat(
            convert_options=pyarrow.csv.ConvertOptions(column_types=text, strings_can_be_null=True)
        ),
        ".parquet": "parquet",
        ".jsonl": "json",
    }
    try:
        dataset = pyarrow.dataset.dataset(path, format=kinds[path.suffix])
        # of a cover that may have several genres, all that it is called
        called = "genres" if "genres" in dataset.schema.names else "genre_1"
        batches = dataset.to_batches(columns=[called, "failed_blocks", "error", "probability_1"])
        rows = errors = failed = 0
        confidence = 0.0
        genres: Counter[str] = Counter()
        for batch in batches:
            frame = batch.to_pandas()
            rows += len(frame)
            errors += int(frame["error"].fillna("").ne("").sum())
            failed += int(frame["failed_blocks"].fillna("").ne("").sum())
            confidence += float(frame["probability_1"].fillna(0).sum())
            genres.update(_each_genre(frame[called].dropna(), called == "genres"))
    except (pyarrow.ArrowInvalid, KeyError) as error:
        raise UserError(f"{path} is no file of `coverfusion score`: {error}") from error
    scored = max(rows - errors, 1)
    metrics = [
        Metric("rows", rows),
        Metric("errors", errors),
        Metric("with_failed_blocks", failed),
        Metric("confidence_mean", confidence / scored),
        *(Metric(f"covers/{genre}", count) for genre, count in sorted(genres.items())),
    ]
    return TrackedResult("scores", path.name, {"file": path.name}, metrics, files=[path])


def _each_genre(named: pd.Series, several: bool) -> Iterable[str]:
    return (name for text in named for name in (apart(text) if several else [text]) if name)


# --- what several share --------------------------------------------------------------------------------


def _several(asked: Mapping[str, str]) -> bool:
    """Whether covers may have several genres."""
    return asked.get("labels") == "many"


def _is_logged(column: str, several: bool) -> bool:
    """No result is ranked by the balanced accuracy of several genres, so it is not logged either."""
    if not several:
        return True
    stem = re.sub("_(low|high)$", "", column)
    return not any(metric.column == stem and why_not(name, True) for name, metric in SET_METRICS.items())


def _at_fold(scores: Mapping[str, Any], genres: list[str], fold: int, several: bool) -> list[Metric]:
    columns = (metric.column for metric in SET_METRICS.values())
    names = [column for column in columns if column in scores and _is_logged(column, several)]
    metrics = [Metric(f"each_fold/{name}", float(scores[name]), fold) for name in names]
    return metrics + [Metric(f"each_fold/f1/{genre}", float(scores[f"f1_{genre}"]), fold) for genre in genres]


def _asked(folder: Path) -> dict[str, str]:
    """Every value of `config.yaml`, nested keys joined by dots, and the collection's fingerprint."""
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    environment = _json(folder / "environment.json")
    facts = _json(folder / "collection.json")
    return {
        **_flat(config),
        "collection.fingerprint": str(facts["fingerprint"]),
        "version": str(environment["packages"]["coverfusion"]),
        **_flat(facts["extractors"], "extractor"),
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, name)
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _facts(folder: Path) -> list[Metric]:
    facts = _json(folder / "collection.json")
    return [Metric("covers", facts["covers"]), Metric("failures", facts["failures"])]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.name not in FOLDERS_NOT_LOGGED and not path.name.startswith(".")
    )


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
