"""A PostgreSQL server of one's own, on loopback, for as long as a test needs it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "coverfusion"


def missing() -> str | None:
    """Why no server can be started here, or None."""
    if _programs() is None:
        return "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
    if os.getuid() == 0 and not _has_user("postgres"):
        return "PostgreSQL refuses to run as root and there is no user postgres"
    return None


@contextmanager
def server() -> Iterator[str]:
    """Makes an empty cluster in a temporary folder and runs it on a free port.

    Yields:
        The URI of its database for SQLAlchemy and psycopg 3.
    """
    programs = _programs()
    assert programs is not None
    place = Path(tempfile.mkdtemp(prefix="coverfusion-postgres-"))
    password = secrets.token_hex(16)
    (place / "password").write_text(password)
    if os.getuid() == 0:
        for path in (place, place / "password"):
            shutil.chown(path, "postgres", "postgres")
    port = _free_port()
    data = place / "data"
    try:
        _run(
            programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            place / "password",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        )
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {place} -c fsync=off"
        _run(programs / "pg_ctl", "-D", data, "-l", place / "log", "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; Debian keeps them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*command: object) -> None:
    """Runs a program as a user that PostgreSQL accepts; its output is shown only if it fails."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    # output goes to a file, as the server that pg_ctl starts would keep a pipe open
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*as_user, *map(str, command)], cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode()
