"""Names as they are written down: text that every file and screen takes, one spelling a genre."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence

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


def file_stems(kind: str, names: Sequence[str]) -> dict[str, str]:
    """Name -> what a file of it is called, without suffix: `genre-2-pop-rock`.

    A number tells them apart where all file systems would not; then comes what is left in plain letters.

    Args:
        kind: the first word.
        names: all different.
    """
    width = len(str(len(names)))
    return {
        name: "-".join([kind, f"{number:0{width}d}", *plain_words(name)])[:80]
        for number, name in enumerate(names, 1)
    }


def plain_words(text: str) -> list[str]:
    """The words of a text in small letters a to z and digits, accents left out."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z0-9]+", plain.lower())


def escaped(text: str, mark: str = "\\x") -> str:
    """Text without control characters, which a table or a screen would not show as they are."""
    return _CONTROL.sub(lambda match: f"{mark}{ord(match[0]):02x}", text)
