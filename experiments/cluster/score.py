"""Scoring on Ray: partitioned parquet in a folder or an object store, with resume.

The list of pictures is cut into parts of the size of the local engine's; the actor that has scored a part
writes it as one file, `part-<number>-<digest of its paths>.parquet`. A part that is there is not done
again, and one that is done twice, since its first actor died, replaces itself. In the order of their names
the files have the rows of the local engine's output, in its order.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import posixpath
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from coverfusion.data.addresses import filesystem, is_address
from coverfusion.data.errors import UserError
from coverfusion.data.parquet_bytes import parquet_bytes
from coverfusion.data.registry import Plugin, loaded_plugins, use_plugins
from coverfusion.experiments.cluster.engine import cluster, limit_threads, require_ray, run_parts
from coverfusion.experiments.cluster.pictures import decoded_chunks
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.scoring.known_metadata import known_metadata
from coverfusion.experiments.scoring.parts import ROWS_FORMAT, schema_of
from coverfusion.experiments.scoring.score import (
    COVERS_PER_PART,
    OUTPUT_FORMATS,
    bundle_extractors,
    check_targets,
    count_failed,
    rows_name,
    score_chunk,
)
from coverfusion.features.failure_limit import MAX_FAILED, FailureLimit
from coverfusion.features.named_files import name_files, named_files
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets
from coverfusion.fusion.uncertainty.guarantees import guarantee

RUN_FILE = "_run.json"  # readers of a parquet folder pass over names that begin with _ or .


@dataclass(frozen=True)
class ScoreJob:
    """What an actor is made from.

    Attributes:
        bundle: a Ray reference to the bundle's files, name -> bytes; an actor needs no shared folder for it.
        top_k: how many genres a row names.
        targets: when to abstain, and what the sets of genres guarantee.
        out: folder or address of the parts.
        base: what relative paths of pictures are relative to.
        cpus: threads of an actor.
        plugins: what the starting process has loaded.
        named: weight files that the user has named there.
        max_failed: the share of an actor's pictures that blocks may fail on.
    """

    bundle: Any
    top_k: int
    targets: Targets
    out: str
    base: Path
    cpus: int
    plugins: Sequence[Plugin] = ()
    named: Sequence[Path] = ()
    max_failed: float = MAX_FAILED


def score_on_ray(
    bundle_folder: str | os.PathLike[str],
    pictures: Iterator[str],
    out: str,
    top_k: int | None = None,
    resume: bool = False,
    progress: Callable[[int], None] | None = None,
    targets: Targets = NO_TARGETS,
    workers: int | None = None,
    address: str | None = None,
    part: int = COVERS_PER_PART,
    max_failed: float = MAX_FAILED,
) -> tuple[int, int]:
    """Scores pictures into a folder of parquet files.

    Args:
        bundle_folder: the fitted model, on this machine.
        pictures: paths and addresses as `data.sources.list_pictures` gives them; their list is held here
            (about 0.1 GB a million).
        out: a folder that all nodes share, or an address; the name of a file is refused.
        top_k: how many genres a row names.
        resume: go on where an earlier run with the same arguments stopped.
        progress: called with the number of covers newly done.
        targets: when to abstain, and what the sets of genres guarantee.
        workers: as `experiments.cluster.engine.cluster`.
        address: likewise.
        part: covers a file; a multiple of `features.extract.COVERS_PER_CHUNK` keeps the batches of the
            local engine.
        max_failed: the share of pictures that blocks may fail on.

    Returns:
        The number of rows in all parts, and of those among them with an error.

    Raises:
        UserError: a bad output name, an existing output, other pictures than the stopped run's, a broken
            bundle, weights that are not here, no Ray, no cluster, or a worker failed.
    """
    if out.endswith(OUTPUT_FORMATS):
        raise UserError(
            f"--out {out}: the ray engine writes a folder of parquet files, so name a folder or an address; "
            f"pandas.read_parquet reads it as one table."
        )
    require_ray()
    out = out if is_address(out) else str(Path(out).resolve())
    bundle = load_bundle(bundle_folder)
    check_targets(bundle, targets)
    bundle_extractors(bundle)  # says here and now what cannot run
    top_k = rows_name(bundle, top_k)
    facts = {"format": ROWS_FORMAT, "bundle": bundle.digest, "top_k": top_k, "part": part} | asdict(targets)
    _start_folder(out, facts, resume)
    if sentence := guarantee(bundle.decision, targets, bundle.classes):
        console.print(sentence, highlight=False)
    known_metadata(bundle, ()).say()
    parts, names = _missing_parts(out, pictures, part)
    if parts:
        with cluster(workers, address) as on:
            import ray

            files = ray.put(_packed(Path(bundle_folder)))
            job = ScoreJob(
                files,
                top_k,
                targets,
                out,
                Path.cwd(),
                on.cpus,
                loaded_plugins(),
                named_files(),
                max_failed,
            )
            for done in run_parts(on, parts, Scorer, job):
                if progress:
                    progress(done.column("rows")[0].as_py())
    return _counts(out, names)


class Scorer:
    """An actor: one copy of the model, which turns parts of the list into files."""

    def __init__(self, job: ScoreJob) -> None:
        import ray

        limit_threads(job.cpus)
        use_plugins(job.plugins)
        name_files(job.named)
        self.job = job
        with tempfile.TemporaryDirectory() as folder:
            _unpack(ray.get(job.bundle), Path(folder))
            self.bundle = load_bundle(Path(folder))
        self.extractors = bundle_extractors(self.bundle)
        self.limit = FailureLimit(job.max_failed)

    def __call__(self, part: pa.Table) -> pa.Table:
        """Columns `number` (of the part, on every row) and `path` in; one row `number` and `rows` out."""
        number, paths = part.column("number")[0].as_py(), part.column("path").to_pylist()
        chunks = decoded_chunks((("", path) for path in paths), self.job.base, self.job.cpus)
        wanted = self.job.top_k, self.job.targets
        frame = pd.concat(score_chunk(self.bundle, self.extractors, chunk, *wanted) for chunk in chunks)
        count_failed(self.limit, frame)
        self.limit.check()
        table = pa.Table.from_pandas(frame, preserve_index=False, schema=schema_of(frame))
        _write(self.job.out, _name(number, paths), parquet_bytes(table))
        return pa.table({"number": [number], "rows": [table.num_rows]})


def _start_folder(out: str, facts: dict[str, Any], resume: bool) -> None:
    """Makes the folder with its note, or checks that the stopped run was of the same kind."""
    store, folder = filesystem(out)
    note = posixpath.join(folder, RUN_FILE)
    if not store.exists(note):
        if store.exists(folder) and store.ls(folder):
            raise UserError(f"{out} holds something else. Name a new folder for --out.")
        store.makedirs(folder, exist_ok=True)
        _write(out, RUN_FILE, json.dumps(facts, indent=1).encode())
        return
    if not resume:
        raise UserError(f"{out} holds a run already. Go on with --resume, or remove it first.")
    before = json.loads(store.cat_file(note))
    for key, value in facts.items():
        if before.get(key) != value:
            raise UserError(f"--resume: {out} was made with another {key} ({before.get(key)}, now {value}).")


def _missing_parts(out: str, pictures: Iterator[str], size: int) -> tuple[list[pa.Table], set[str]]:
    """The parts that have no file yet, and the names of all; files that are there must be among them."""
    there = {name for name in _files(out) if name.startswith("part-")}
    missing, names = [], set()
    for number in itertools.count():
        paths = list(itertools.islice(pictures, size))
        if not paths:
            break
        names.add(_name(number, paths))
        if _name(number, paths) not in there:
            missing.append(pa.table({"number": pa.array([number] * len(paths), pa.int32()), "path": paths}))
    if strange := sorted(there - names):
        raise UserError(
            f"--resume: the pictures are not those of the stopped run ({strange[0]} is of others). "
            f"Remove {out} to start again."
        )
    return missing, names


def _name(number: int, paths: list[str]) -> str:
    """A part's file: sorted by number, and of no other pictures than these."""
    return f"part-{number:08}-{hashlib.sha256(chr(10).join(paths).encode()).hexdigest()[:8]}.parquet"


def _files(out: str) -> set[str]:
    store, folder = filesystem(out)
    store.invalidate_cache()
    return {posixpath.basename(path) for path in store.ls(folder, detail=False)}


def _write(out: str, name: str, content: bytes) -> None:
    """Writes a file that is there whole or not at all."""
    store, folder = filesystem(out)
    partial = posixpath.join(folder, f".{uuid.uuid4().hex}.partial")
    store.pipe_file(partial, content)
    store.mv(partial, posixpath.join(folder, name))


def _counts(out: str, names: set[str]) -> tuple[int, int]:
    """Rows and errors over all parts, which must be there by now."""
    if lost := names - _files(out):
        raise UserError(
            f"{out} lacks {len(lost)} of {len(names)} parts: the workers wrote them elsewhere. On a cluster "
            f"--out must be a folder that all nodes share, or an address such as s3://bucket/scores."
        )
    if not names:
        return 0, 0
    store, folder = filesystem(out)
    rows = pads.dataset(folder, format="parquet", filesystem=store)
    return rows.count_rows(), rows.count_rows(filter=pc.field("error") != "")


def _packed(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _unpack(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
