"""Small files that ask for far more work or memory than they look like, and what reading them costs."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_COST = """
import json, resource, sys
from concurrent.futures import ThreadPoolExecutor
from coverfusion.data.decoder_process import DECODER
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import list_pictures, read_bytes, room_for

def peak(who):
    return resource.getrusage(who).ru_maxrss / 1000

def read(path):
    try:
        with room_for(path):
            decode(read_bytes(path))
        return ""
    except PictureError as error:
        return str(error)

def computed(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime

idle, started = peak(resource.RUSAGE_SELF), computed(resource.RUSAGE_SELF)
with ThreadPoolExecutor(8) as pool:
    reasons = list(pool.map(read, list_pictures([sys.argv[1]])))
DECODER.close()
seconds = computed(resource.RUSAGE_SELF) - started + computed(resource.RUSAGE_CHILDREN)
own = peak(resource.RUSAGE_SELF) - idle + peak(resource.RUSAGE_CHILDREN)
print(json.dumps([own, seconds, reasons]))
"""


@dataclass(frozen=True)
class Cost:
    """What reading a file took.

    Attributes:
        megabytes: at the peak, over the idle process, its decoder's process included.
        seconds: of computing, its decoder's process and the start of that included.
        reasons: why each picture in it was rejected; "" where it was not.
    """

    megabytes: float
    seconds: float
    reasons: list[str]


def cost_of(path: Path) -> Cost:
    """Reads a file or zip in a process of its own, by 8 threads as collections are read."""
    done = subprocess.run([sys.executable, "-c", _COST, path], capture_output=True, text=True, check=True)
    return Cost(*json.loads(done.stdout))


def jpeg(picture: Image.Image, **options: object) -> bytes:
    """A JPEG of it."""
    sink = io.BytesIO()
    picture.save(sink, "JPEG", **options)
    return sink.getvalue()


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """A JPEG with more segments at its start."""
    return data[:2] + b"".join(segments) + data[2:]


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def tags(count: int, size: int) -> bytes:
    """EXIF of `count` tags, each of which claims the same `size` bytes as its own."""
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", count)
    body = b"".join(struct.pack("<HHII", 40_000 + n, 7, size, 8) for n in range(count))
    return head + body + bytes(4) + bytes(size)
