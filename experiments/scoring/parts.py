"""Rows of a score file in small parts beside it while the work runs; they become the file at the end.

A killed run goes on after its last whole part.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from coverfusion.data.csv_files import as_text
from coverfusion.data.errors import UserError
from coverfusion.data.locks import only_one
from coverfusion.data.parquet_bytes import parquet_bytes, read_parquet_bytes
from coverfusion.data.sealed_files import read_sealed, write_sealed
from coverfusion.experiments.pipeline.provenance import write_json

ROWS_FORMAT = 2  # counted up where rows get other columns: parts of both are not mixed


def parts_of(out: Path) -> Path:
    """The folder of the parts of a file."""
    # hidden: where the pictures' folder is walked meanwhile, it is no picture
    return out.with_name(f".{out.name}.parts")


def _note_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.run.json")


@contextmanager
def only_writer(parts: Path, out: Path) -> Iterator[None]:
    """Keeps other runs away from the parts; the system frees the lock of a run that is killed."""

    def busy() -> None:
        raise UserError(f"Another run is writing {out} now. Wait for it, or name another --out.")

    with only_one(parts / "lock", busy):
        yield


def start_parts(parts: Path, facts: dict[str, Any]) -> None:
    """Makes the folder of parts, or checks that an earlier run used the same model."""
    note = parts / "run.json"
    if note.is_file():
        _check_facts(json.loads(note.read_text()), facts, parts)
        return
    write_json(note, facts)


def _check_facts(before: dict[str, Any], facts: dict[str, Any], what: Path) -> None:
    for key, value in facts.items():
        if before.get(key) != value:
            raise UserError(
                f"--resume: {what} was made with another {key} ({before.get(key)}, now {value}). Name "
                f"another --out, or remove it."
            )


def finished_rows(out: Path, facts: dict[str, Any], pictures: Iterator[str]) -> tuple[int, int]:
    """Rows and errors of a finished file, which must be of this model and of exactly these pictures."""
    try:
        before = json.loads(_note_of(out).read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"--resume: {out} exists, and there is no note of what it was made of. Name another --out, or "
            f"remove it."
        ) from error
    _check_facts(before, facts, out)
    digest = hashlib.sha256()
    # a folder that was scored into itself holds the file by now
    _add_paths(digest, (path for path in pictures if Path(path).absolute() != out.absolute()))
    if before.get("pictures") != digest.hexdigest():
        raise UserError(f"--resume: {out} was made of other pictures. Name another --out, or remove it.")
    return before["rows"], before["errors"]


def _add_paths(digest: Any, paths: Iterable[str]) -> None:
    for path in paths:
        digest.update(path.encode() + b"\0")


def skip_done(parts: Path, pictures: Iterator[str]) -> list[Path]:
    """Moves `pictures` past the rows that are there already; they must be the same pictures."""
    done: list[Path] = []
    for part in sorted(parts.glob("*.parquet")):
        content = read_sealed(part) if len(done) == int(part.stem) else None
        if content is None:  # damaged: it and those behind it are scored again
            part.unlink(missing_ok=True)
            continue
        done.append(part)
        paths = read_parquet_bytes(content, ["path"]).column("path").to_pylist()
        for path in paths:
            now = next(pictures, None)
            if now != path:
                raise UserError(
                    f"--resume: the pictures are not those of the stopped run ({path} then, {now} now). "
                    f"Remove {parts} to start again."
                )
    return done


def write_part(path: Path, frame: pd.DataFrame) -> None:
    """Writes rows as one part, whole or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False, schema=schema_of(frame))
    write_sealed(path, parquet_bytes(table))


def schema_of(frame: pd.DataFrame) -> pa.Schema:
    """The column types of scores; they do not depend on which pictures a part happens to hold."""
    kinds = dict.fromkeys(("abstain", "out_of_distribution", "learnt_from"), pa.bool_())
    kinds |= {"nearest_distance": pa.float64()}
    kinds |= {name: pa.float64() for name in frame.columns if name.startswith("probability_")}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in frame.columns])


def join_parts(parts: Path, out: Path, facts: dict[str, Any]) -> tuple[int, int]:
    """Streams the parts into the output file, notes what it was made of, and removes them."""
    partial, kind = out.with_name(f".{out.name}.partial"), out.suffix.lower()
    rows = errors = 0
    digest = hashlib.sha256()
    writer: Any = None
    with partial.open("wb") as file:
        for part in sorted(parts.glob("*.parquet")):
            content = read_sealed(part)
            if content is None:
                raise UserError(
                    f"{part} was damaged just now. Go on with --resume: its rows are scored again."
                )
            table = read_parquet_bytes(content)
            rows += table.num_rows
            errors += sum(1 for reason in table.column("error").to_pylist() if reason)
            _add_paths(digest, table.column("path").to_pylist())
            if kind == ".jsonl":
                file.write(
                    b""
                    if not table.num_rows
                    else table.to_pandas().to_json(orient="records", lines=True, force_ascii=False).encode()
                )
                continue
            make = pq.ParquetWriter if kind == ".parquet" else pyarrow.csv.CSVWriter
            if kind == ".csv":
                table = pa.Table.from_pandas(as_text(table.to_pandas()), table.schema, preserve_index=False)
            writer = writer or make(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
    made_of = {"pictures": digest.hexdigest(), "rows": rows, "errors": errors}
    write_json(_note_of(out), facts | made_of)
    partial.replace(out)
    shutil.rmtree(parts)
    return rows, errors
