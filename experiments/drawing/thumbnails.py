"""Small pictures for reports and bundles."""

from __future__ import annotations

import io

from PIL.Image import Resampling

from coverfusion.data.pictures import decode

THUMBNAIL_SIDE = 128  # pixels


def thumbnail(content: bytes) -> bytes:
    """A JPEG of at most 128 x 128 pixels from the bytes of any picture; raises PictureError."""
    picture = decode(content)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
