"""How many files this process may open; each connection is one."""

from __future__ import annotations

from contextlib import suppress


def allow_open_files(count: int) -> None:
    """Lets this process open so many files, as far as the system allows it."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
