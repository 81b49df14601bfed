"""`coverfusion map`: covers on a plane, clusters, and which genres separate; a folder with a page."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import genre_names, has_sets
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.sealed_files import read_sealed_array, write_sealed_array
from coverfusion.experiments.drawing.run_pages import link_run_pages
from coverfusion.experiments.map.clusters import cluster_scores, hdbscan, k_means
from coverfusion.experiments.map.features import MapSource, open_map_source, sample_rows, scale_blocks
from coverfusion.experiments.map.figures import draw_map, draw_separation
from coverfusion.experiments.map.page import write_map_page
from coverfusion.experiments.map.projections import Sample, chosen_projections, make_sample, project
from coverfusion.experiments.map.separation import probed_rows, separate
from coverfusion.experiments.pipeline.outputs import check_folder, one_writer
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import environment, write_json

MAX_SAMPLED_COVERS = 10_000  # covers that projections and clusters are learnt from and scored on
MIN_MAP_COVERS = 10  # covers


@dataclass(frozen=True)
class Map:
    """Covers on planes and in clusters.

    Attributes:
        covers: frame (n rows) with `cover_id`, `path`, `genre`, `group`.
        sample: covers that everything was learnt from.
        planes: method -> (n, 2) float32.
        clusters: "k_means" and "hdbscan" -> (n,) int64, -1 for none.
        scores: as `clusters.cluster_scores` gives it, of the sample.
    """

    covers: pd.DataFrame
    sample: Sample
    planes: dict[str, np.ndarray]
    clusters: dict[str, np.ndarray]
    scores: pd.DataFrame


def write_map(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    blocks: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    seed: int = 0,
) -> Path:
    """Writes the folder of a map and returns it; finished projections of a stopped map are used again.

    In it: `index.html` (one file), `projection.parquet`, `separation.csv`, `clusters.csv`, a PNG for each
    projection and `separation.png`, `config.yaml` and `environment.json`.

    Args:
        source: a run folder or a table folder.
        out: the folder to make; None: `runs/map-NAME`.
        blocks: only these; None: all.
        methods: of `projections.PROJECTIONS`; None: all that are installed.
        seed: of samples, projections, clusters, folds and resampling.

    Raises:
        UserError: as `open_map_source`; an unknown method or one that is not installed; too few
            covers or genres.
    """
    source = Path(source)
    folder = Path(out or Path("runs") / f"map-{source.absolute().name}")
    check_folder(folder)
    methods = chosen_projections(methods)
    opened = open_map_source(source, blocks)
    covers = opened.covers
    if len(covers) < MIN_MAP_COVERS or covers["genre"].nunique() < 2:
        raise UserError(
            f"A map needs {MIN_MAP_COVERS} covers and two genres; {source} has {len(covers)} covers and "
            f"{covers['genre'].nunique()} genres."
        )
    make_output_folder(folder)
    with one_writer(folder / ".lock", folder):
        _write_map(opened, source, folder, methods, seed)
    return folder


def _write_map(opened: MapSource, source: Path, folder: Path, methods: Sequence[str], seed: int) -> None:
    covers = opened.covers
    write_json(folder / "environment.json", environment())
    settings = {
        "source": str(source.absolute()),
        "blocks": opened.blocks,
        "methods": methods,
        "seed": seed,
        "sample": min(MAX_SAMPLED_COVERS, len(covers)),
    }
    if has_sets(covers):
        settings["labels"] = "many"
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    sampled = sample_rows(covers["cover_id"], MAX_SAMPLED_COVERS, seed)
    probed = probed_rows(covers, seed)
    with counted("mapping", len(methods) + 3) as bar:

        def step(name: str) -> None:
            bar.update(bar.task_ids[0], now=name)
            bar.advance(bar.task_ids[0])

        bar.update(bar.task_ids[0], now="scaling")
        features = scale_blocks(opened, sampled, probed)
        made = make_map(covers, features.scaled, sampled, methods, seed, folder / "parts", step)
    pairs = separate(features.raw, features.columns, covers.iloc[probed].reset_index(drop=True), seed)
    del features
    _write_tables(folder, made, pairs, opened.predicted)
    for method, xy in made.planes.items():
        draw_map(folder / f"{method}.png", xy, covers["genre"].to_numpy(), method)
    if len(pairs):
        draw_separation(folder / "separation.png", pairs)
    link_run_pages(source, "Map", write_map_page(folder, seed))
    shutil.rmtree(folder / "parts")


def make_map(
    covers: pd.DataFrame,
    Z: np.ndarray,
    sampled: np.ndarray,
    methods: Sequence[str],
    seed: int,
    parts: Path,
    step: Callable[[str], None],
) -> Map:
    """Clusters, scores and projections of (n, width) float32 rows.

    Args:
        covers: n rows with `genre` and `group`.
        Z: the scaled features.
        sampled: rows to learn from.
        methods: of `projections.PROJECTIONS`.
        seed: of everything random.
        parts: folder in which finished projections are kept.
        step: told what begins.
    """
    parts.mkdir(parents=True, exist_ok=True)
    genres, groups = covers["genre"].to_numpy(), covers["group"].to_numpy()
    step("clusters")
    sample = make_sample(Z, sampled)
    clusters = {
        "k_means": k_means(Z, sample, len(genre_names(covers)), seed),
        "hdbscan": hdbscan(Z, sample),
    }
    step("scores of the clusters")
    sampled_clusters = {name: labels[sampled] for name, labels in clusters.items()}
    scores = cluster_scores(Z[sampled], genres[sampled], groups[sampled], sampled_clusters, seed)
    key = hashlib.sha256(np.ascontiguousarray(Z).data).hexdigest()[:16]
    planes = {}
    for method in methods:
        step(method)
        kept = parts / f"{method}-{seed}-{key}.npy"
        plane = read_sealed_array(kept)
        if plane is None:
            plane = project(method, Z, sample, seed)
            write_sealed_array(kept, plane)
        planes[method] = plane
    step("done")
    return Map(covers, sample, planes, clusters, scores)


def _write_tables(folder: Path, made: Map, pairs: pd.DataFrame, predicted: pd.Series | None) -> None:
    table = made.covers[["cover_id", "path", "genre"]].copy()
    table["sampled"] = np.isin(np.arange(len(table)), made.sample.rows)
    for method, xy in made.planes.items():
        table[f"{method}_x"], table[f"{method}_y"] = xy.T
    for name, labels in made.clusters.items():
        table[name] = labels
    if predicted is not None:
        table["predicted"] = predicted.to_numpy()
    table.to_parquet(folder / "projection.parquet", index=False)
    write_csv(made.scores, folder / "clusters.csv")
    write_csv(pairs, folder / "separation.csv")
