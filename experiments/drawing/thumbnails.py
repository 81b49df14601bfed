"""Small pictures for reports and bundles."""

from __future__ import annotations

import base64
import io

import pandas as pd
from PIL.Image import Resampling

from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import read_bytes

THUMBNAIL_SIDE = 128  # pixels


def thumbnail(content: bytes) -> bytes:
    """A JPEG of at most 128 x 128 pixels from the bytes of any picture; raises PictureError."""
    picture = decode(content)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def data_uri(jpeg: bytes) -> str:
    """The bytes of a JPEG as an address that a page can hold."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def sides_at(covers: pd.DataFrame, cover_id: str) -> tuple[str | None, str | None]:
    """The pictures of a collection's row as `picture_at`: its own, and its back's where both are one item.

    Args:
        covers: by cover_id, with `path` and, where sides are fused, `back_path`.
        cover_id: of the row.
    """
    path = covers["path"][cover_id]
    back = covers["back_path"][cover_id] if "back_path" in covers else ""
    return picture_at(path), picture_at(back) if back not in ("", path) else None


def picture_at(path: str) -> str | None:
    """The thumbnail of the picture at a path as a data URI; None where it is gone or broken since."""
    try:
        return data_uri(thumbnail(read_bytes(path)))
    except PictureError:
        return None
