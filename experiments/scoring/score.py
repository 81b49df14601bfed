"""Batch scoring: pictures in, one row a picture out, in bounded memory and with resume."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.outputs import check_writable
from coverfusion.experiments.scoring.known_backs import (
    PAIRING,
    Backs,
    ReadPicture,
    check_backs,
    digest_of,
    read_sides,
    say_without_backs,
    sides_table,
)
from coverfusion.experiments.scoring.known_metadata import known_metadata, with_metadata
from coverfusion.experiments.scoring.learnt_from import learnt_of
from coverfusion.experiments.scoring.parts import (
    ROWS_FORMAT,
    finished_rows,
    join_parts,
    only_writer,
    parts_of,
    skip_done,
    start_parts,
    write_part,
)
from coverfusion.features.extract import COVERS_PER_CHUNK, decoded_ahead
from coverfusion.features.failure_limit import MAX_FAILED, FailureLimit
from coverfusion.features.named_files import check_named
from coverfusion.features.registry import BLOCKS, Extractor, create, missing_weights
from coverfusion.features.sides import fronts_of
from coverfusion.features.table import FeatureTable, Made
from coverfusion.fusion.bundle import Bundle, load_bundle
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets, rule_of
from coverfusion.fusion.uncertainty.guarantees import guarantee
from coverfusion.fusion.uncertainty.novelty import NEAREST, looks_new

COVERS_PER_PART = 4 * COVERS_PER_CHUNK  # covers a part
TOP_K = 3  # genres that a row names
OUTPUT_FORMATS = (".csv", ".parquet", ".jsonl")
_DECISION_COLUMNS = ("abstain", "genre_set", "nearest_distance", "out_of_distribution", "learnt_from")


def score(
    bundle_folder: str | os.PathLike[str],
    pictures: Iterator[str],
    out: str | os.PathLike[str],
    top_k: int | None = None,
    resume: bool = False,
    progress: Callable[[int], None] | None = None,
    targets: Targets = NO_TARGETS,
    max_failed: float = MAX_FAILED,
    manifests: Sequence[str] = (),
    backs: Backs | None = None,
) -> tuple[int, int]:
    """Scores pictures one after another into a file.

    Args:
        bundle_folder: the fitted model.
        pictures: paths as `data.sources.list_pictures` gives them; never held as a whole.
        out: a .csv, .parquet or .jsonl file.
        top_k: how many genres a row names; None: as `rows_name` has it.
        resume: go on where an earlier run with the same arguments stopped.
        progress: called with the number of covers newly done.
        targets: when to abstain, and what the sets of genres guarantee.
        max_failed: the share of pictures that blocks may fail on.
        manifests: files that name the pictures, for a model that has learnt from their other columns.
        backs: path of an item -> that of its back, for a model that has learnt from backs.

    Returns:
        The number of rows, and of those among them with an error.

    Raises:
        UserError: a bad output name, a place that cannot be written, an existing output, one to resume that
            was made of other pictures or by another model, another run that writes it, a broken bundle,
            weights that are not here, targets for a bundle without held-out covers, backs for a model that
            knows none, or blocks that fail on too many pictures.
    """
    out = Path(out)
    if out.suffix.lower() not in OUTPUT_FORMATS:
        raise UserError(f"--out {out}: the name must end in {', '.join(OUTPUT_FORMATS)}.")
    parts = parts_of(out)
    if not resume and (out.exists() or parts.exists()):
        raise UserError(f"{out} exists (or a stopped run of it). Go on with --resume, or remove it first.")
    check_writable(out)
    bundle = load_bundle(bundle_folder)
    check_targets(bundle, targets)
    check_backs(bundle, backs is not None)
    top_k = rows_name(bundle, top_k)
    known = known_metadata(bundle, manifests)
    facts = {"format": ROWS_FORMAT, "bundle": bundle.digest, "top_k": top_k, "metadata": known.digest()}
    facts |= asdict(targets)
    if backs is not None:
        facts["backs"] = digest_of(backs)
    if out.is_file() and not parts.exists():
        return finished_rows(out, facts, pictures)
    extractors = bundle_extractors(bundle)
    with only_writer(parts, out):
        start_parts(parts, facts)
        if text := guarantee(bundle.decision, targets, bundle.classes):
            console.print(text, highlight=False)
        known.say()
        say_without_backs(bundle, backs is not None, PAIRING)
        done = skip_done(parts, pictures)
        places = (("", path) for path in pictures)
        chunks = decoded_ahead(places)
        limit = FailureLimit(max_failed)
        for number in itertools.count(len(done)):
            frames = []
            for chunk in itertools.islice(chunks, COVERS_PER_PART // COVERS_PER_CHUNK):
                fronts, behind = read_sides(chunk, backs)
                frames.append(
                    score_chunk(bundle, extractors, fronts, top_k, targets, known.of(chunk), behind)
                )
                count_failed(limit, frames[-1])
                if progress:
                    progress(len(chunk))
            if not frames:
                break
            limit.check()  # before its rows are there for ever
            write_part(parts / f"{number:08}.parquet", pd.concat(frames))
        if not number:  # a file without rows has its columns all the same
            empty = score_chunk(bundle, extractors, [], top_k, targets, backs=None if backs is None else [])
            write_part(parts / f"{0:08}.parquet", empty)
        return join_parts(parts, out, facts)


def rows_name(bundle: Bundle, top_k: int | None) -> int:
    """How many genres a row names: at most all, and all where a picture may be called any of them.

    Args:
        bundle: the fitted model.
        top_k: as asked for; None: nothing was.
    """
    usual = TOP_K if bundle.several is None else len(bundle.classes)
    return min(top_k or usual, len(bundle.classes))


def count_failed(limit: FailureLimit, scored: pd.DataFrame) -> None:
    """Counts the pictures of `score_chunk` and those with a failed block; raises UserError as `limit`."""
    failed = scored.loc[scored["error"] == "", "failed_blocks"]
    limit.add("A block", len(failed), failed[failed != ""])


def check_targets(bundle: Bundle, targets: Targets) -> None:
    """Raises UserError where targets are asked of a bundle that cannot say when to abstain."""
    if bundle.several is not None:
        if replace(targets, set_coverage=NO_TARGETS.set_coverage) != NO_TARGETS:
            raise UserError(
                "This bundle names several genres of a cover (labels: many): it never abstains, and of the "
                "targets it knows --set-coverage alone. Leave out --target-error, --target-coverage, "
                "--sets and --thresholds."
            )
        return
    if bundle.decision is None and targets != NO_TARGETS:
        raise UserError(
            "--target-error, --target-coverage, --set-coverage and --sets need held-out covers, which this "
            "bundle, made by an older version, does not have. Train again."
        )


def bundle_extractors(bundle: Bundle) -> list[Extractor]:
    """The extractors that a bundle was trained with. Raises UserError as `same_extractors`."""
    return same_extractors(bundle.extractors)


def same_extractors(made: Mapping[str, Made]) -> list[Extractor]:
    """The extractors that a bundle or an index was made with.

    Args:
        made: block -> {"fingerprint": ..., "preset": ..., "parameters": ...}.

    Raises:
        UserError: their weights are not here, are others than it was made with, or lie in a file that the
            user has not named.
    """
    extractors = []
    BLOCKS.check_origins(
        {name: how["origin"] for name, how in made.items() if "origin" in how}, "This bundle or index"
    )
    for name, how in made.items():
        check_named(name, how["parameters"], "This bundle or index")
        extractor = create(name, **how["parameters"] | {"preset": how["preset"]})
        if reason := missing_weights(extractor):
            raise UserError(f"Block '{name}', which this bundle or index needs, cannot run: {reason}")
        if extractor.fingerprint() != how["fingerprint"]:
            raise UserError(
                f"Block '{name}' is not made as for this bundle or index: expected {how['fingerprint']}, "
                f"found {extractor.fingerprint()}. Use the same weights and parameters, or make it again."
            )
        extractors.append(extractor)
    return extractors


def score_chunk(
    bundle: Bundle,
    extractors: Sequence[Extractor],
    chunk: Sequence[ReadPicture],
    top_k: int,
    targets: Targets = NO_TARGETS,
    known: pd.DataFrame | None = None,
    backs: Sequence[ReadPicture] | None = None,
) -> pd.DataFrame:
    """Scores decoded pictures, or items of a front and a back.

    Args:
        bundle: the fitted model.
        extractors: its extractors, from `bundle_extractors`.
        chunk: cover_id, path, and the picture or why there is none (None: there is only a back).
        top_k: how many genres a row names.
        targets: when to abstain, and what the sets of genres guarantee.
        known: metadata of the pictures in their order, one text column a manifest's; None: all missing.
        backs: cover_id, path and picture of their backs in the same order; None: no back is known of.

    Returns:
        One row a picture: path, cover_id, back (its path, where `backs` are given), genre_1, probability_1,
            ..., genres (joined, of a bundle of several genres a cover: what the picture is called), abstain
            (bool), genre_set (genres joined with `|`, the most probable first), nearest_distance (to a
            training cover; no unit), out_of_distribution (bool), learnt_from (bool: the model has learnt from
            this picture or one just like it, so that its set guarantees nothing), failed_blocks, error. A
            picture that cannot be read has no genre and abstains. Where a target error or coverage is in
            force, so does an out-of-distribution one. A bundle of several genres never abstains.
            Without held-out covers in the bundle nothing else abstains, and sets are empty.
            `out_of_distribution` is None where nothing was looked for: no picture, no front that can be read,
            or a bundle of too few covers to know them. So is `learnt_from`, where a bundle has no index.
            Without a front `nearest_distance` is NaN too.
    """
    sides = sides_table(chunk, backs, extractors)
    good, failed = sides.good, sides.failed
    proba = np.full((len(chunk), len(bundle.classes)), np.nan)
    decided = _unread(sorted(set(range(len(chunk))) - set(good)), abstain=bundle.several is None)
    if sides.table is not None:
        values = None if known is None else known.iloc[good]
        raw = bundle.predict_proba(with_metadata(bundle, sides.table, values))
        proba[good] = bundle.calibrated(raw)
        fronts = fronts_of(sides.table)
        ours = _decide(bundle, fronts, raw, targets, [chunk[i] for i in good]).set_axis(good)
        decided = pd.concat([decided, ours]).sort_index()
    order = np.argsort(-proba, axis=1, kind="stable")[:, :top_k]
    scored = ~np.isnan(proba[:, 0])
    columns: dict[str, Any] = {"path": [path for _, path, _ in chunk], "cover_id": [i for i, _, _ in chunk]}
    if backs is not None:
        columns["back"] = [path for _, path, _ in backs]
    for rank in range(top_k):
        names = np.asarray(bundle.classes, dtype=object)[order[:, rank]]
        columns[f"genre_{rank + 1}"] = [name if ok else None for name, ok in zip(names, scored, strict=True)]
        columns[f"probability_{rank + 1}"] = proba[np.arange(len(chunk)), order[:, rank]]
    if bundle.several is not None:
        called = bundle.several.named(proba[good], bundle.classes)
        joined = dict(zip(good, ["|".join(map(str, own)) for own in called], strict=True))
        columns["genres"] = [joined.get(i) for i in range(len(chunk))]
    columns |= {name: decided[name] for name in _DECISION_COLUMNS} | {
        "genre_set": decided["genre_set"].tolist()
    }
    return pd.DataFrame(columns | {"failed_blocks": failed, "error": sides.errors})


def _unread(rows: list[int], abstain: bool) -> pd.DataFrame:
    """The columns of `_decide` for these rows, whose pictures cannot be read."""
    n = len(rows)
    return pd.DataFrame(
        {
            "abstain": np.full(n, abstain),
            "genre_set": np.full(n, None, dtype=object),
            "nearest_distance": np.full(n, np.nan),
            "out_of_distribution": np.full(n, None, dtype=object),
            "learnt_from": np.full(n, None, dtype=object),
        },
        index=rows,
    )


def _decide(
    bundle: Bundle, table: FeatureTable, raw: np.ndarray, targets: Targets, pictures: Sequence[ReadPicture]
) -> pd.DataFrame:
    """The columns `_DECISION_COLUMNS` for n pictures with (n, k) probabilities of the classifier.

    `pictures`: their fronts; of one without nothing looks like anything.
    """
    frame = pd.DataFrame(
        {"abstain": False, "genre_set": "", "nearest_distance": np.nan}, index=range(len(raw))
    ).assign(out_of_distribution=None, learnt_from=None)
    nearest: list[np.ndarray] = []
    fronts = {i: front for i, (_, _, front) in enumerate(pictures) if isinstance(front, Image)}
    seen = np.isin(frame.index, list(fronts))
    if bundle.neighbours is not None:
        near = bundle.neighbours.query(table.frame(), NEAREST)
        nearest = [one["distance"].to_numpy(np.float64) for one in near]
        frame["nearest_distance"] = np.where(seen, [float(distances[0]) for distances in nearest], np.nan)
        ids = [pictures[i][0] for i in fronts]
        known = learnt_of(bundle.neighbours, ids, list(fronts.values()), [near[i] for i in fronts])
        frame["learnt_from"] = pd.Series(known, index=list(fronts), dtype=object).reindex(frame.index)
        frame["learnt_from"] = frame["learnt_from"].where(seen, None)
    if bundle.novelty is not None:
        new = looks_new(bundle.novelty, table.frame(), nearest)
        frame["out_of_distribution"] = pd.Series(new, dtype=object).where(seen, None)
    if bundle.several is not None:
        held = bundle.several.sets(raw, targets.set_coverage, bundle.classes)
        frame["genre_set"] = ["|".join(map(str, names)) for names in held]
    if bundle.decision is not None:
        rule = rule_of(bundle.decision, targets)
        proba = bundle.decision.answering(raw)
        frame["abstain"] = rule.abstains(proba)
        frame["genre_set"] = ["|".join(map(str, names)) for names in rule.genre_sets(proba, bundle.classes)]
        if targets.in_force:  # what they guarantee is of covers
            frame["abstain"] |= frame["out_of_distribution"].fillna(False).astype(bool)
    return frame
