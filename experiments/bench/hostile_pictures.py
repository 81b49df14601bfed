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
    palette = _chunk(b"PLTE", bytes(6)) + _chunk(b"tRNS", b"\0\x80")
    return {
        "palette with transparency": _black_png(SIDE, SIDE, 1, _PALETTE, (SIDE + 7) // 8, palette),
        "RGBA": _black_png(SIDE, SIDE, 8, _RGBA, 4 * SIDE),
        "16-bit grey": _black_png(SIDE, SIDE, 16, _GREY, 2 * SIDE),
        "one pixel wide": _black_png(1, SIDE**2, 8, _GREY, 1),
        "many scans": many_scans(SCANS),
    }


def many_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan comes `scans` times more: each is a pass over all its pixels."""
    stream = io.BytesIO()
    PIL.Image.new("L", (SIDE, SIDE), 128).save(stream, "JPEG", progressive=True, quality=50)
    jpeg = stream.getvalue()
    last = jpeg.rindex(b"\xff\xda")  # one grey has no such bytes within a scan
    return jpeg[:-2] + jpeg[last:-2] * scans + jpeg[-2:]


def _black_png(width: int, height: int, bits: int, colour: int, row: int, palette: bytes = b"") -> bytes:
    """A black PNG, packed in pieces so that making it takes no memory; `row` is the bytes of a row."""
    packer = zlib.compressobj(9)
    size = (1 + row) * height
    pieces = (bytes(min(2**20, size - start)) for start in range(0, size, 2**20))
    data = b"".join([packer.compress(piece) for piece in pieces]) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + palette + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
