"""What decoding a file is going to take, told from its head before any decoder sees it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from coverfusion.data.picture_errors import PictureError

MAX_SCANS = 100  # of a large JPEG; covers have a dozen, and each goes over the whole picture again
# What is decoded in the asking thread ends soon by all that its head says:
_THREAD_PIXELS = 2**24  # of a JPEG or PNG
_OTHER_PIXELS = 2**22  # of other formats, whose decoders are slower or hold more
_SCANNED_PIXELS = 300_000_000  # scans x pixels: a third of a second
_OTHER_BYTES = 2**20  # of a GIF, whose comments Pillow joins in quadratic time
_SEGMENTS, _CHUNKS = 200, 4096  # of a JPEG, of a PNG
_PROFILE_BYTES = 2**16  # larger profiles are tables, slow to prepare
_TAG_BYTES = 2**24  # tags x bytes: each tag of EXIF may claim all bytes as its own
_WORKING_BYTES = 2**22  # the picture that comes out, and what it is made of

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # within a scan these two bytes end it
_OWN_PROCESS = re.compile(
    rb"II\*\0|MM\0\*|MM\*\0|II\0\*|MM\0\+|II\+\0"  # TIFF
    rb"|....ftyp|\xff\x4f\xff\x51|\0\0\0\x0cjP|\0\0\x01\0|P[0-7fFy]",  # AVIF, JPEG 2000, ICO, PPM
    re.DOTALL,
)
_PNG = b"\x89PNG\r\n\x1a\n"


def thread_bytes(data: bytes) -> int | None:
    """The memory that decoding takes; None where only a process that can be ended should try.

    Raises:
        PictureError: a JPEG of too many scans.
    """
    if data[:3] == b"\xff\xd8\xff":
        return _of_jpeg(data)
    try:
        if data[:8] == _PNG:
            return _of_png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _of_webp(data)
        if data[:3] == b"GIF":
            return _of_other(data, *struct.unpack_from("<HH", data, 6)) if len(data) <= _OTHER_BYTES else None
        if data[:2] == b"BM":
            width, height, _, _, packed = struct.unpack_from("<iiHHI", data, 18)
            return _of_other(data, width, abs(height)) if packed in (0, 3) else None
    except (struct.error, IndexError):
        return _WORKING_BYTES  # too short for any picture
    if _OWN_PROCESS.match(data) or _may_be_tga(data):
        return None
    return _WORKING_BYTES  # no decoder is going to take it


def _of_other(data: bytes, width: int, height: int) -> int | None:
    pixels = width * height
    return 20 * pixels + _WORKING_BYTES if 0 <= pixels <= _OTHER_PIXELS else None


def _may_be_tga(data: bytes) -> bool:
    """TGA has no mark at its start."""
    return len(data) > 18 and data[1] <= 1 and data[16] in (1, 8, 16, 24, 32)


# --- JPEG ----------------------------------------------------------------------------------------------


def _of_jpeg(data: bytes) -> int | None:
    pixels, channels, progressive, described, profile = 0, 0, False, False, 0
    place, end = 2, len(data)
    for _ in range(_SEGMENTS):
        if place + 4 > end:
            return _WORKING_BYTES  # ends before its first scan
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place] != 0xFF or marker in (0x00, 0xFF):
            return None
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if marker > 0xC2:
                return None
            pixels, channels = max(pixels, _frame_pixels(data, place)), data[min(place + 9, end - 1)]
            progressive = progressive or marker == 0xC2
        elif marker in (0xE1, 0xE2):
            kind = data[place + 4 : place + 10]
            if kind[:4] in (b"Exif", b"MPF\0"):
                start = place + (10 if kind[:4] == b"Exif" else 8)
                if described or _tag_bytes(data[start : place + 2 + length]) > _TAG_BYTES:
                    return None
                described = kind[:4] == b"Exif"
            elif kind == b"ICC_PR":
                profile += length
        place += 2 + length
    else:
        return None
    # a scan takes 10 bytes at least; an ordinary JPEG has one, of all channels, with which decoders are done
    most = 1 if not progressive and data[min(place + 4, end - 1)] == channels else end // 10
    if most * pixels > _SCANNED_PIXELS:
        most = data.count(b"\xff\xda")
    if most * pixels > _SCANNED_PIXELS and most > MAX_SCANS:
        most = sum(1 for _ in _scans(data, place))
        if most > MAX_SCANS:
            raise PictureError(
                f"too much work: more than {MAX_SCANS} scans; save it again as an ordinary JPEG"
            )
    if pixels > _THREAD_PIXELS or most * pixels > _SCANNED_PIXELS or profile > _PROFILE_BYTES:
        return None
    # a decoder holds all coefficients of a picture in scans, 16 bits each, and at most the whole of others
    return (4 if most == 1 else 10) * pixels + _WORKING_BYTES


def _frame_pixels(data: bytes, place: int) -> int:
    """Pixels of the frame, 0 where it is cut off."""
    return int.from_bytes(data[place + 5 : place + 7], "big") * int.from_bytes(
        data[place + 7 : place + 9], "big"
    )


def _scans(data: bytes, place: int) -> Iterator[int]:
    """The places of the scans up to the picture's end, one more than `MAX_SCANS` at most."""
    found = 0
    while found <= MAX_SCANS and place + 4 <= len(data) and data[place + 1] != 0xD9:
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place + 1] == 0xDA:
            found += 1
            yield place
        after = _MARKER.search(data, place + 2 + length)
        if after is None:
            return
        place = after.start()


def _tag_bytes(exif: bytes) -> int:
    """Tags of the first directory of EXIF times its bytes."""
    if exif[:2] not in (b"II", b"MM") or len(exif) < 10:
        return 0
    order = "<" if exif[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if start + 2 > len(exif):
        return 0
    return int(struct.unpack_from(f"{order}H", exif, start)[0]) * len(exif)


# --- PNG and WebP --------------------------------------------------------------------------------------

# colour type -> bytes a pixel as Pillow holds it, and those of all that RGB is made by way of
_PNG_BYTES = {0: 8, 2: 4, 3: 20, 4: 20, 6: 20}


def _of_png(data: bytes) -> int | None:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    pixels = width * height
    if pixels > _THREAD_PIXELS:
        return None
    place, texts = 8, 0
    for _ in range(_CHUNKS):
        if place + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"acTL" or (kind == b"iCCP" and length > _PROFILE_BYTES):
            return None
        if kind == b"eXIf" and _tag_bytes(data[place + 8 : place + 8 + length]) > _TAG_BYTES:
            return None
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            texts += length
            if texts > _PROFILE_BYTES or data.startswith(b"Raw profile", place + 8):
                return None
        place += 12 + length
    else:
        return None
    return min(pixels * _PNG_BYTES.get(colour, 20), pixels * 8 + 2**26) + _WORKING_BYTES


def _of_webp(data: bytes) -> int | None:
    place, pixels = 12, 0
    for _ in range(_SEGMENTS):
        if place + 18 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, place)
        body = place + 8
        if kind in (b"ANIM", b"ANMF") or (kind == b"ICCP" and length > _PROFILE_BYTES):
            return None
        if kind == b"EXIF":
            start = body + 6 * data.startswith(b"Exif", body)
            if _tag_bytes(data[start : body + length]) > _TAG_BYTES:
                return None
        elif kind == b"VP8X":
            size = data[body + 4 : body + 10]
            sides = (1 + int.from_bytes(size[:3], "little"), 1 + int.from_bytes(size[3:], "little"))
            pixels = max(pixels, sides[0] * sides[1])
        elif kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, body + 6)
            pixels = max(pixels, (width & 0x3FFF) * (height & 0x3FFF))
        elif kind == b"VP8L":
            packed = int.from_bytes(data[body + 1 : body + 5], "little")
            pixels = max(pixels, (1 + (packed & 0x3FFF)) * (1 + (packed >> 14 & 0x3FFF)))
        place = body + length + length % 2
    else:
        return None
    return _of_other(data, pixels, 1)
