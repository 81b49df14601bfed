"""What the members of a zip are called: many zips do not say which encoding their names are in."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence

from coverfusion.data.names import escaped

_UTF8_FLAG = 0x800
_ODD_BYTE = re.compile("[\udc80-\udcff]")  # as "surrogateescape" reads what it cannot decode
_SAMPLE = 2_000  # names that the code page is told from
_BIG, _SMALL = r"[\u0410-\u042f\u0401]", r"[\u0430-\u044f\u0451]"  # letters of Russian
_CYRILLIC = re.compile(rf"(?<![A-Za-z])(?:{_BIG}?{_SMALL}+|{_BIG}+)(?![A-Za-z])")
_ACCENTS = "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœÄÅÉÖØÜ"
_LATIN = re.compile(rf"(?<=[A-Za-z])[{_ACCENTS}]|[{_ACCENTS}](?=[A-Za-z])")
# code page -> words as people write them; where two fit equally, the first is taken
_WORDS = {"cp866": _CYRILLIC, "cp1251": _CYRILLIC, "cp437": _LATIN, "cp850": _LATIN, "cp1252": _LATIN}
# code page -> lead bytes of its everyday characters, lowest trail byte of these
_EVERYDAY = {"gbk": (0xB0, 0xD7, 0xA1), "big5": (0xA4, 0xC6, 0x40), "cp932": (0x82, 0x97, 0x40)}


def named_members(members: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip by their names, in its order.

    Names without the flag for UTF-8 are UTF-8 where they can be (so does a Mac write them), else in the one
    code page (Russian, Western, Chinese, Japanese) that makes words of them all. A name that comes again is
    numbered, for no file may be lost.
    """
    raw = [_raw(info) for info in members]
    odd = [name for name in raw if name is not None and not name.isascii()]
    page = _encoding(odd[:_SAMPLE])
    # one bad name among others must not make the rest unreadable
    names = [
        info.filename if name is None else _ODD_BYTE.sub(_escaped, name.decode(page, "surrogateescape"))
        for info, name in zip(members, raw, strict=True)
    ]
    return dict(zip(_each_once([escaped(name, "%") for name in names]), members, strict=True))


def _each_once(names: Sequence[str]) -> Iterator[str]:
    """The names, and `a (2).jpg` for a second member of the name `a.jpg`."""
    used: set[str] = set()
    for name in names:
        stem, dot, suffix = name.rpartition(".") if "." in name.rpartition("/")[2] else (name, "", "")
        again, one = 1, name
        while one in used:
            again += 1
            one = f"{stem} ({again}){dot}{suffix}"
        used.add(one)
        yield one


def _escaped(byte: re.Match[str]) -> str:
    """`%FF`, for a backslash would part folders in a zip."""
    return f"%{ord(byte[0]) - 0xDC00:02X}"


def _raw(info: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name that does not say its encoding."""
    if info.flag_bits & _UTF8_FLAG:
        return None
    return info.filename.encode("cp437")  # which is what zipfile takes such names for


def _encoding(names: Sequence[bytes]) -> str:
    if 2 * sum(_decodes(name, "utf-8") for name in names) >= len(names):
        return "utf-8"
    whole = b"\n".join(names)
    fits = {page: _fit(whole, page) for page in (*_WORDS, *_EVERYDAY) if _decodes(whole, page)}
    return max(fits, key=lambda page: fits[page], default="utf-8")


def _decodes(names: bytes, page: str) -> bool:
    try:
        names.decode(page)
    except UnicodeDecodeError:
        return False
    return True


def _fit(names: bytes, page: str) -> float:
    """The proportion of letters beyond ASCII that stand as people write them, 0 to 1."""
    text = names.decode(page)
    beyond = [letter for letter in text if not letter.isascii()]
    if page in _WORDS:
        likely = sum(len(word) for word in _WORDS[page].findall(text))
    else:
        low, high, trail = _EVERYDAY[page]
        pairs = [code for code in (letter.encode(page) for letter in beyond) if len(code) == 2]
        likely = sum(low <= lead <= high and last >= trail for lead, last in pairs)
    return likely / max(len(beyond), 1)
