"""Whatever a collection holds: no traceback, every file accounted for once, nothing written elsewhere.

The commands run one after another on random collections of oddities (`tests.helpers.oddities`). More of them:
`COVERFUSION_ODDITIES=200 python -m pytest tests/test_oddities.py`.
"""

import contextlib
import hashlib
import io
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from coverfusion.data.csv_files import read_csv
from coverfusion.data.names import readable
from coverfusion.data.sources import read_bytes
from coverfusion.experiments import cli
from tests.helpers.odd_manifests import Manifest, WrittenManifest, manifests, write_manifest
from tests.helpers.oddities import Genre, Written, collections, write

EXAMPLES = int(os.environ.get("COVERFUSION_ODDITIES", "6"))
BLOCKS = ("-b", "color", "-b", "texture")


@dataclass(frozen=True)
class Done:
    status: int
    said: str
    error: str


def coverfusion(*words: object) -> Done:
    """A command, in this process: an error that is no message comes out of it."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    status = 0
    with (
        patch.object(sys, "argv", ["coverfusion", *map(str, words)]),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    done = Done(status, *texts)
    note(f"{' '.join(map(str, words))}\n-> {status} {done.error}")
    assert "Traceback" not in done.error
    if status:
        errors = [line for line in done.error.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1, done.error
    return done


@pytest.mark.slow
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(collections(), st.booleans(), st.sampled_from([None, 2, 3]))
def test_every_file_is_accounted_for_and_no_command_breaks(
    spec: list[Genre], inside: bool, folds: int | None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write(spec, folder)
        _run_all(written.root, folder, inside, folds, written)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(manifests(), st.booleans(), st.sampled_from([None, 2, 3]))
def test_every_row_of_a_manifest_is_accounted_for_and_no_command_breaks(
    spec: Manifest, inside: bool, folds: int | None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_manifest(spec, folder)
        _run_all(written.path, folder, inside, folds, written)


def _run_all(
    covers: Path, folder: Path, inside: bool, folds: int | None, written: Written | WrittenManifest
) -> None:
    """Runs all commands on what was written, with their results inside the collection or beside it."""
    out = folder / "covers" / "results" if inside else folder / "results"
    home, cache = folder / "home", folder / "cache"
    before = _everything(folder, out, cache)
    environment = {"HOME": str(home), "XDG_CACHE_HOME": str(cache), "COLUMNS": "200"}
    with patch.dict(os.environ, environment):
        _run(covers, out, folds, written)
    assert _everything(folder, out, cache) == before


def _run(covers: Path, out: Path, folds: int | None, written: Written | WrittenManifest) -> None:
    store = ("--store", out / "store")
    inspected = coverfusion("inspect", covers, "--out", out / "inspect", *store)
    if not (out / "inspect" / "rejected.csv").is_file():
        assert inspected.status
        assert written.fault if isinstance(written, WrittenManifest) else not any(_listed(written))
        return
    assert not isinstance(written, WrittenManifest) or not written.fault
    extracted = coverfusion("extract", covers, *BLOCKS, "--out", out / "table", *store)
    assert bool(extracted.status) == bool(inspected.status)
    table = out / "table" / "covers.parquet"
    kept = pd.read_parquet(table) if table.is_file() else None
    if isinstance(written, WrittenManifest):
        _check_rows(written, out / "inspect", kept)
    else:
        _check_account(written, out / "inspect", kept)
    given_folds = ("--folds", folds) if folds else ()
    trained = coverfusion(
        *(
            "train",
            covers,
            *BLOCKS,
            "-c",
            "logistic",
            "-c",
            "knn",
            "--out",
            out / "runs",
            *store,
            *given_folds,
        )
    )
    again = coverfusion("extract", covers, *BLOCKS, "--out", out / "table", *store)
    assert again.status == extracted.status  # what was written meanwhile is no cover
    if trained.status:
        return
    run = next(path for path in (out / "runs").iterdir() if path.is_dir())
    assert coverfusion("score", run / "bundle", covers, "--out", out / "scores.csv").status == 0
    scores = _read(out / "scores.csv")
    if isinstance(written, WrittenManifest):
        assert Counter(scores["path"]) == written.paths
    else:
        _check_once(written, scores["path"].tolist())
    assert ((scores["genre_1"] == "") == (scores["error"] != "")).all()
    assert coverfusion("report", run, "--out", out / "genres").status == 0


def _check_account(written: Written, inspected: Path, covers: pd.DataFrame | None) -> None:
    """A file is a cover, rejected, under several genres, or a copy of one of those."""
    listed, digests = _account(inspected, covers)
    assert len(listed) == len(set(listed))
    copies = [path for path in _listed(written) if path not in set(listed)]
    for path in copies:
        assert hashlib.sha256(read_bytes(path)).hexdigest() in digests, f"{path} is nowhere"
    _check_once(written, [*listed, *copies])


def _check_rows(written: WrittenManifest, inspected: Path, covers: pd.DataFrame | None) -> None:
    """A row is a cover, rejected, under several genres, or a copy of one of those."""
    listed, digests = _account(inspected, covers)
    assert not Counter(listed) - written.paths
    for path in written.paths - Counter(listed):
        assert hashlib.sha256(read_bytes(path)).hexdigest() in digests, f"{path} is nowhere"


def _account(inspected: Path, covers: pd.DataFrame | None) -> tuple[list[str], set[str]]:
    """All paths that the results name, and the digests of what is no copy."""
    rejected, conflicts = _read(inspected / "rejected.csv"), _read(inspected / "conflicts.csv")
    same = conflicts[conflicts["kind"] == "same"]
    assert rejected["reason"].ne("").all()
    kept = pd.DataFrame(columns=["path", "cover_id"]) if covers is None else covers
    return [*kept["path"], *rejected["path"], *same["path"]], {*kept["cover_id"], *same["cover_id"]}


def _check_once(written: Written, paths: list[str]) -> None:
    assert len(paths) == len(set(paths))
    for archive, count in written.members.items():
        start = readable(archive) + "!"
        assert sum(path.startswith(start) for path in paths) == count
        paths = [path for path in paths if not path.startswith(start)]
    assert sorted(paths) == sorted(map(readable, written.files))


def _listed(written: Written) -> list[str]:
    """The paths of all files, but for members of zips, whose names depend on their encoding."""
    from coverfusion.data.sources import list_pictures

    members = [path for archive in written.members for path in list_pictures([archive])]
    return [*map(readable, written.files), *members]


def _read(path: Path) -> pd.DataFrame:
    return read_csv(path, dtype=str, keep_default_na=False)


def _everything(folder: Path, *without: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder but some: its size and time."""
    found = {}
    for name, folders, files in os.walk(folder):
        place = Path(name)
        folders[:] = [one for one in folders if place / one not in without]
        for one in files:
            status = (place / one).lstat()
            found[place / one] = (status.st_size, status.st_mtime_ns)
        found |= {place / one: (0, 0) for one in folders}
    return found
