"""Pictures of some kilobytes that ask for gigabytes or minutes, to see what a service does with them."""

from __future__ import annotations

import io
import struct
import zlib

import PIL.Image

SIDE = 9459  # pixels: just below Pillow's own limit
SCANS = 700  # of a progressive JPEG; real ones have a few dozen at most
_GREY, _PALETTE, _RGBA = 0, 3, 6  # PNG's colour types


def hostile_pictures() -> dict[str, bytes]:
    """The pictures by what is wrong with them."""
    palette = png_chunk(b"PLTE", bytes(6)) + png_chunk(b"tRNS", b"\0\x80")
    return {
        "palette with transparency": png(SIDE, SIDE, 1, _PALETTE, palette),
        "RGBA": png(SIDE, SIDE, 8, _RGBA),
        "16-bit grey": png(SIDE, SIDE, 16, _GREY),
        "one pixel wide": png(1, SIDE**2, 8, _GREY),
        "many scans": many_scans(SCANS, SIDE),
    }


def many_scans(scans: int, side: int) -> bytes:
    """A grey progressive JPEG whose last scan comes `scans` times more, each a pass over its pixels."""
    stream = io.BytesIO()
    PIL.Image.new("L", (side, side), 128).save(stream, "JPEG", progressive=True, quality=50)
    jpeg = stream.getvalue()
    last = jpeg.rindex(b"\xff\xda")  # one grey has no such bytes within a scan
    return jpeg[:-2] + jpeg[last:-2] * scans + jpeg[-2:]


def png(width: int, height: int, bits: int, colour: int, extra: bytes = b"") -> bytes:
    """A black picture, packed row by row."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * bits * channels + 7) // 8)
    packer, packed, left = zlib.compressobj(9), [], height
    while left:
        rows = min(left, max(1, 2**20 // len(row)))
        packed.append(packer.compress(row * rows))
        left -= rows
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = png_chunk(b"IDAT", b"".join([*packed, packer.flush()]))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + extra + body + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
