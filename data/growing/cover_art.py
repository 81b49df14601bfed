"""One cover of a release, from the Cover Art Archive, checked to be a whole picture.

The answers: https://musicbrainz.org/doc/Cover_Art_Archive/API - 307 to the file at archive.org, 404 where
the release has no such cover.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from coverfusion.data.errors import UserError
from coverfusion.data.growing.http import Client, RefusedError, TooLargeError
from coverfusion.data.pictures import PictureError, facts

COVER_ART_ADDRESS = "https://coverartarchive.org"
COVER_SIZES = ("250", "500", "1200", "original")  # the longer side in pixels
MAX_COVER_BYTES = 32 * 2**20  # an original may be a scan of hundreds of megabytes
_SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "JPEG2000": ".jp2"}


class NoCoverError(Exception):
    """There is no usable cover and there will be none; the message is the reason."""


class GoneError(NoCoverError):
    """There is nothing at the cover's address."""


@dataclass(frozen=True)
class Cover:
    """The bytes of a picture.

    Attributes:
        data: the file.
        cover_id: sha256 of it, 64 hex digits.
        suffix: what a file name ends in, ".jpg" for example; from the bytes, not from what the server says.
    """

    data: bytes
    cover_id: str
    suffix: str


def check_size(size: str) -> None:
    """Raises UserError where the archive has no such size."""
    if size not in COVER_SIZES:
        raise UserError(f"size: there is no '{size}'; the Cover Art Archive has {', '.join(COVER_SIZES)}.")


def cover_address(release_id: str, side: str, size: str, address: str = COVER_ART_ADDRESS) -> str:
    """The address of a release's "front" or "back" in one of `COVER_SIZES`."""
    return f"{address}/release/{release_id}/{side}" + ("" if size == "original" else f"-{size}")


def fetch_cover(client: Client, url: str, max_bytes: int = MAX_COVER_BYTES) -> Cover:
    """Fetches a cover and reads it to its end.

    Args:
        client: whom to ask with.
        url: from `cover_address`.
        max_bytes: a larger file is none.

    Raises:
        GoneError: no such cover.
        NoCoverError: too large, truncated, broken, no picture or a decompression bomb.
        data.growing.http.NoAnswerError: the archive does not answer now.
    """
    try:
        data = client.get(url, max_bytes=max_bytes)
        suffix = facts(data).format
    except RefusedError as error:
        if error.gone:
            raise GoneError(f"no such cover ({error.status})") from error
        raise NoCoverError(str(error)) from error
    except (TooLargeError, PictureError) as error:
        raise NoCoverError(str(error)) from error
    return Cover(data, hashlib.sha256(data).hexdigest(), _SUFFIXES.get(suffix, f".{suffix.lower()}"))
