"""Names as they are written down: text that every file and screen takes, one spelling a genre."""

from __future__ import annotations

import os
import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def readable(name: str) -> str:
    r"""A name as text of one line: `caf\xe9.jpg`, where a byte is no UTF-8 or a control character.

    Args:
        name: as Python reads it from a disk, odd bytes as lone surrogates.
    """
    return escaped(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def in_utf8(name: str) -> bool:
    """Whether each byte of a name, as Python reads it from a disk, is UTF-8; libraries in C take no other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def on_disk(path: str) -> str:
    """The path of a `readable` one: as it is where something lies there, else its escapes undone."""
    if "\\x" not in path or os.path.lexists(path):
        return path
    return os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), os.fsencode(path)))


def label(text: str) -> str:
    r"""A genre or artist: in NFC, as Windows and Linux type it and a Mac does not, without outer blanks.

    Odd bytes and control characters are escaped: `Fran\xe7ais`.
    """
    return unicodedata.normalize("NFC", readable(text.strip())).strip()


def escaped(text: str, mark: str = "\\x") -> str:
    """Text without control characters, which a table or a screen would not show as they are."""
    return _CONTROL.sub(lambda match: f"{mark}{ord(match[0]):02x}", text)
