"""Colour profiles written by hand (ICC.1:2010, version 2), small enough to be looked through."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Mapping

Lab = tuple[float, float, float]
ADOBE_PRIMARIES = {
    "r": (0.60974, 0.31111, 0.01947),
    "g": (0.20528, 0.62567, 0.06087),
    "b": (0.14919, 0.06322, 0.74457),
}
SRGB_PRIMARIES = {
    "r": (0.43607, 0.22249, 0.01392),
    "g": (0.38515, 0.71687, 0.09708),
    "b": (0.14307, 0.06061, 0.7141),
}
WHITE = (0.9642, 1.0, 0.82491)  # D50


def wide_profile() -> bytes:
    """RGB with the primaries and the power of Adobe RGB (1998)."""
    return _rgb_profile(ADOBE_PRIMARIES, _gamma(2.19921875))


def srgb_profile(steps: int) -> bytes:
    """sRGB, its curve given by so many steps: the fewer, the further from the true one."""
    values = [index / (steps - 1) for index in range(steps)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    curve = struct.pack(f">I{steps}H", steps, *(round(65535 * value) for value in linear))
    return _rgb_profile(SRGB_PRIMARIES, b"curv\0\0\0\0" + curve)


def _rgb_profile(primaries: Mapping[str, tuple[float, float, float]], curve: bytes) -> bytes:
    tags = {f"{name}XYZ".encode(): _xyz(value) for name, value in primaries.items()}
    curves = {f"{name}TRC".encode(): curve for name in "rgb"}
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags | curves)


def grey_profile(gamma: float) -> bytes:
    """Grey of a power law."""
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": _gamma(gamma)})


def ink_profile(seen: Callable[[int, int, int, int], Lab]) -> bytes:
    """CMYK; `seen` gives the colour of each of the 16 mixtures of full inks (0 or 1)."""
    straight = bytes(range(256))
    clut = bytearray()
    for inks in itertools.product((0, 1), repeat=4):
        lightness, a, b = seen(*inks)
        clut += bytes([round(lightness * 2.55), round(a) + 128, round(b) + 128])
    unit = b"".join(struct.pack(">i", 65536 * (n % 4 == 0)) for n in range(9))
    head = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + unit
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": head + straight * 4 + bytes(clut) + straight * 3})


def _profile(space: bytes, connection: bytes, kind: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    text = b"by hand\0"
    shared = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0" + text,
        b"wtpt": _xyz(WHITE),
    }
    table, body, every = b"", b"", {**shared, **tags}
    start = 128 + 4 + 12 * len(every)
    for name, data in every.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, kind, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += _xyz(WHITE)[8:] + bytes(48)
    return head + struct.pack(">I", len(every)) + table + body


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(number * 65536)) for number in value)


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"
