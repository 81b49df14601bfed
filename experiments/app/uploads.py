"""Uploaded files as pictures that the rest of the project can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from coverfusion.data.sources import list_pictures

MAX_PICTURES = 200  # pictures scored at once; `coverfusion score` takes any number
MAX_MEGABYTES = 200  # a file
UPLOAD_TYPES = (
    "zip",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "gif",
    "bmp",
    "tif",
    "tiff",
    "avif",
    "jp2",
    "ppm",
    "tga",
    "ico",
)
_NAME_BYTES = 200


@contextmanager
def on_disk(uploads: Sequence[tuple[str, bytes | memoryview]]) -> Iterator[tuple[list[tuple[str, str]], int]]:
    """Lays uploads in a folder of their own while the context lasts.

    Args:
        uploads: the file names that visitors gave, and contents.

    Yields:
        For each of the first `MAX_PICTURES` pictures, those in zips included: what to call it, and its path
        for `data.sources.read_bytes`. Then how many pictures are left out.
    """
    with TemporaryDirectory(prefix="coverfusion-") as folder:
        files = []
        for number, (name, content) in enumerate(uploads):
            file = Path(folder, str(number), _file_name(name))
            file.parent.mkdir()
            file.write_bytes(content)
            files.append(file)
        try:
            pictures = ((_shown(path, folder), path) for path in list_pictures(map(str, files)))
            yield list(islice(pictures, MAX_PICTURES)), sum(1 for _ in pictures)
        finally:
            # Zips stay open for a while after their last reading: emptied, they hold no disk space.
            for file in files:
                file.write_bytes(b"")


def _file_name(name: str) -> str:
    """The last part of a name, whatever the visitor's browser sent, short enough for any file system."""
    last = name.replace("\\", "/").replace("\0", "").rpartition("/")[2]
    short = last.encode(errors="ignore")[-_NAME_BYTES:].decode(errors="ignore")
    return "upload" if short in ("", ".", "..") else short


def _shown(path: str, folder: str) -> str:
    """`folder/0/covers.zip!a.jpg` -> `covers.zip!a.jpg`."""
    return path.removeprefix(folder).lstrip("/\\").partition("/")[2]
