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
        out = written.root / "results" if inside else folder / "results"
        home, cache = folder / "home", folder / "cache"
        before = _everything(folder, out, cache)
        environment = {"HOME": str(home), "XDG_CACHE_HOME": str(cache), "COLUMNS": "200"}
        with patch.dict(os.environ, environment):
            _run_all(written, out, folds)
        assert _everything(folder, out, cache) == before


def _run_all(written: Written, out: Path, folds: int | None) -> None:
    covers, store = written.root, ("--store", out / "store")
    inspected = coverfusion("inspect", covers, "--out", out / "inspect", *store)
    if not (out / "inspect" / "rejected.csv").is_file():
        assert inspected.status
        assert not any(_listed(written))
        return
    extracted = coverfusion("extract", covers, *BLOCKS, "--out", out / "table", *store)
    assert bool(extracted.status) == bool(inspected.status)
    table = out / "table" / "covers.parquet"
    _check_account(written, out / "inspect", pd.read_parquet(table) if table.is_file() else None)
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
    _check_once(written, scores["path"].tolist())
    assert ((scores["genre_1"] == "") == (scores["error"] != "")).all()
    assert coverfusion("report", run, "--out", out / "genres").status == 0


def _check_account(written: Written, inspected: Path, covers: pd.DataFrame | None) -> None:
    """A file is a cover, rejected, under several genres, or a copy of one of those in its genre."""
    rejected, conflicts = _read(inspected / "rejected.csv"), _read(inspected / "conflicts.csv")
    same = conflicts[conflicts["kind"] == "same"]
    kept = [] if covers is None else covers["path"].tolist()
    listed = [*kept, *rejected["path"], *same["path"]]
    assert len(listed) == len(set(listed))
    assert rejected["reason"].ne("").all()
    known = {(digest, genre) for digest, genre in zip(same["cover_id"], same["genre"], strict=True)}
    if covers is not None:
        known |= set(zip(covers["cover_id"], covers["genre"], strict=True))
    copies = [path for path in _listed(written) if path not in set(listed)]
    for path in copies:
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        assert any(digest == other for other, _ in known), f"{path} is nowhere"
    _check_once(written, [*listed, *copies])


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
