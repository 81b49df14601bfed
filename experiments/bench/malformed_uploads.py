"""Uploads that are wrong in many ways, to see that a service refuses each of them politely."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

BOUNDARY = "coverfusion-boundary"
_PATHS = ("/v1/predict", "/v1/predict", "/v1/predict", "/v1/similar", "/v1/explain")
# Beginnings of formats that are read; what follows them is nonsense.
_STARTS = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    b"\xff\xd8\xff\xe1",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\xff\xff\x00\x00WEBPVP8 ",
    b"II*\x00\x08\x00\x00\x00",
    b"MM\x00*",
    b"BM",
    b"P6 99999 99999 255\n",
    b"\x00\x00\x01\x00",
    b"\x00\x00\x00\x1cftypavif",
    b"%!PS-Adobe-3.0 EPSF-3.0\n",
    b"PK\x03\x04",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"",
)
_QUERIES = (
    "top_k=0",
    "top_k=1e400",
    "top_k=99999999999999999999999999",
    "top_k=-1",
    "top_k=NaN",
    "top_k=",
    "top_k=%00",
)


@dataclass(frozen=True)
class Malformed:
    """A POST that no service should accept.

    Attributes:
        kind: what is wrong.
        path: with the query.
        body: its bytes.
        headers: the content type, mostly.
    """

    kind: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def form(files: Sequence[bytes], name: str = "pictures") -> bytes:
    """A multipart/form-data body with these files; its boundary is `BOUNDARY`."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{number}.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + content
        + b"\r\n"
        for number, content in enumerate(files)
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def form_headers() -> dict[str, str]:
    """The headers that go with `form`."""
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def malformed_uploads(picture: bytes, seed: int = 0) -> Iterator[Malformed]:
    """An endless, seeded stream of them; `picture` is a sound JPEG, part of which is used."""
    rng = random.Random(seed)
    while True:
        path = rng.choice(_PATHS)
        yield from (_wrong_file(rng, path, picture), _wrong_form(rng, path, picture))


def _wrong_file(rng: random.Random, path: str, picture: bytes) -> Malformed:
    """A sound form with a file that is no picture."""
    kind, content = rng.choice(
        (
            ("random bytes", rng.randbytes(rng.randrange(1, 5000))),
            ("truncated", picture[: rng.randrange(1, len(picture) * 9 // 10)]),
            ("nonsense after a start", rng.choice(_STARTS) + rng.randbytes(rng.randrange(0, 3000))),
            ("bomb", bomb(rng.randrange(10_000, 2**31 - 1))),
            ("empty", b""),
        )
    )
    return Malformed(kind, path, form([content]), form_headers())


def _wrong_form(rng: random.Random, path: str, picture: bytes) -> Malformed:
    """A sound picture in a request that is wrong."""
    body, headers = form([picture]), form_headers()
    other = {"Content-Type": rng.choice(("application/json", "image/png", "x"))}
    cut = rng.randrange(0, len(body) - 4)
    return rng.choice(
        (
            Malformed("cut body", path, body[:cut], headers),
            Malformed("no boundary", path, body, {"Content-Type": "multipart/form-data"}),
            Malformed("other boundary", path, body, {"Content-Type": "multipart/form-data; boundary=x"}),
            Malformed("random body", path, rng.randbytes(rng.randrange(1, 5000)), headers),
            Malformed("other type", path, body, other),
            Malformed("no type", path, body),
            Malformed("other field", path, form([picture], "picture"), headers),
            Malformed("no file", path, form([]), headers),
            Malformed("too many files", path, form([b"x"] * 65), headers),
            Malformed("wrong query", f"/v1/predict?{rng.choice(_QUERIES)}", body, headers),
            Malformed("too large", path, form([bytes(11 * 2**20)]), headers),
        )
    )


def bomb(side: int) -> bytes:
    """A PNG of some bytes that says it has side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
