"""Random collections of everything odd: names, encodings, pictures, zips, links, hidden files."""

from __future__ import annotations

import functools
import io
import os
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.pictures import bad_files, encode, noise, solid

SIDE = (12, 12)
Bytes = Callable[[int], bytes]
GENRES = [
    *("Rock", "rock", "Rock ", " Jazz", "R&B", "1", "1.0", "True", "nan", "NA", "null", "None", "inf", "-1"),
    *("-", "_x", "__", "$", "$x^2$", "$x_", "[red]", "[b]x", "[ ]", ":smile:", "<b>&amp;", "=1", "@x", "'q"),
    *('"', ",", "|", "a|b", "all", "macro", "genre", "path", "test", "folds", "none", "p_Rock", "a;b", "%41"),
    *("{x}", "{{x}}", "x.zip", "a!b", "Zip.zip!Rock", "\\xe9", "C:\\x", "演歌", "샹송", "😀", "שיר"),
    *("👩\u200d🎤", "\u202eright", "line\nbreak", "tab\t", "bell\x07", "l" * 240, "w " * 40, "~", "-c"),
    *("--help", "é" * 60, "#", "?", "*", "a'b"),
    *(unicodedata.normalize(form, "Chanson française") for form in ("NFC", "NFD")),
    *map(os.fsdecode, (b"Fran\xe7ais", b"\xff\xfe", b"\x8f\xae\xaf", "Шансон".encode("cp1251"))),
]
FILES = [
    *("a.jpg", "A.JPG", "b.png", "NA", "nan.png", "_x.jpg", "$x$.jpg", "[b].jpg", "😀.jpg", "演歌.jpg"),
    *("end.jpg ", " a.jpg", "x!y.jpg", "x.zip!y.jpg", "line\nbreak.jpg", "back\\slash.jpg", "\\xe9.jpg"),
    *("=1.jpg", "-v.jpg", "#?.jpg", "%41.jpg", "no suffix", "l" * 240 + ".jpg", "p.zip", "c.csv"),
    *(unicodedata.normalize(form, "café.jpg") for form in ("NFC", "NFD")),
    *map(os.fsdecode, (b"caf\xe9.jpg", b"\xff.jpg")),
]
LITTER = [".hidden.jpg", "Thumbs.db", "desktop.ini"]


@dataclass(frozen=True)
class Genre:
    """One entry of the collection's top folder.

    Attributes:
        name: of the folder or zip, as on disk.
        plain: ordinary covers in it.
        files: name -> kind of picture.
        holder: "folder", "zip" or "link" (to a folder elsewhere).
        litter: what no one means as covers.
        links: name -> "file" (to its first file), "up" (to the collection), "other" (to a folder elsewhere).
        encoding: of the names in a zip.
    """

    name: str
    plain: int
    files: dict[str, str]
    holder: str
    litter: list[str]
    links: dict[str, str]
    encoding: str


@dataclass
class Written:
    """A collection on disk.

    Attributes:
        root: its folder.
        files: every path that must be accounted for once, but for members of zips.
        members: zip -> how many members must be.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)


def any_name() -> st.SearchStrategy[str]:
    """Any name that a disk takes."""
    letters = st.characters(exclude_characters="/\0", exclude_categories=("Cs",), codec="utf-8")
    return st.text(letters, min_size=1, max_size=12).filter(
        lambda name: name not in (".", "..") and not name.startswith(".")
    )


def genres() -> st.SearchStrategy[Genre]:
    """One genre."""
    names = st.sampled_from(FILES) | any_name()
    return st.builds(
        Genre,
        name=st.sampled_from(GENRES) | any_name().filter(lambda name: len(name.encode()) < 200),
        plain=st.integers(0, 5),
        files=st.dictionaries(names, st.sampled_from(sorted(PICTURES)), max_size=4),
        holder=st.sampled_from(["folder"] * 5 + ["zip"] * 3 + ["link"]),
        litter=st.lists(st.sampled_from(LITTER), max_size=1),
        links=st.dictionaries(
            st.sampled_from(["l1.jpg", "l2", "l3"]), st.sampled_from(["file", "up", "other"]), max_size=2
        ),
        encoding=st.sampled_from(["utf-8", "flagless", "cp866", "cp437", "gbk"]),
    )


def collections() -> st.SearchStrategy[list[Genre]]:
    """The genres of a collection; two of them hold enough to be told apart, more often than not."""
    full = st.tuples(genres(), st.integers(3, 8)).map(lambda got: _with(got[0], plain=got[1]))
    two = st.tuples(full, full, st.lists(genres(), max_size=2)).map(lambda got: [*got[:2], *got[2]])
    return st.one_of(two, two, two, st.lists(genres(), min_size=1, max_size=2)).map(_distinct)


def write(spec: list[Genre], folder: Path) -> Written:
    """Writes a collection as `folder/covers`; what its links lead to lies beside it."""
    folder = folder.absolute()
    written = Written(folder / "covers")
    elsewhere = folder / "elsewhere"
    (elsewhere / "other").mkdir(parents=True)
    (elsewhere / "other" / "o.jpg").write_bytes(PICTURES["shared"](0))
    written.root.mkdir()
    for number, genre in enumerate(spec):
        place = written.root / genre.name
        if genre.holder == "zip":
            _write_zip(genre, number, place.with_name(f"{genre.name}.zip"), written)
            continue
        if genre.holder == "link":
            target = elsewhere / str(number)
            target.mkdir()
            place.symlink_to(target)
        else:
            place.mkdir()
        _write_folder(genre, number, place, elsewhere / "other", written)
    return written


def _write_folder(genre: Genre, number: int, place: Path, other: Path, written: Written) -> None:
    contents = _contents(genre, number)
    for name, content in contents.items():
        path = place / name
        path.write_bytes(content)
        if members := _members(path):
            written.members[str(path)] = members
        else:
            written.files.append(str(path))
    for name in genre.litter:
        (place / name).write_bytes(b"left behind")
    for name, kind in genre.links.items():
        path = place / name
        if name in contents or (kind == "file" and not contents):
            continue
        path.symlink_to({"file": place / next(iter(contents), ""), "up": written.root, "other": other}[kind])
        written.files.append(str(path / "o.jpg" if kind == "other" else path))


def _members(path: Path) -> int:
    """How many members of a zip are covers or rejected one by one; a bomb is rejected as a whole."""
    if path.suffix != ".zip" or not zipfile.is_zipfile(path):
        return 0
    infos = zipfile.ZipFile(path).infolist()
    return len(infos) if sum(info.file_size for info in infos) < 2**30 else 0


def _write_zip(genre: Genre, number: int, path: Path, written: Written) -> None:
    contents = _contents(genre, number)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in contents.items():
            zipped.writestr(_member(f"{number}/{name}", genre.encoding), content)
        for name in genre.litter:
            zipped.writestr(f"__MACOSX/{name}", b"left behind")
    if contents:
        written.members[str(path)] = len(contents)
    else:
        written.files.append(str(path))


class _Member(zipfile.ZipInfo):
    """A member whose name is these bytes, without the flag for UTF-8."""

    raw = b""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's
        return self.raw, self.flag_bits


def _member(name: str, encoding: str) -> zipfile.ZipInfo:
    name = os.fsencode(name).decode("utf-8", "backslashreplace").replace("\\", "_")
    if encoding == "utf-8":
        return zipfile.ZipInfo(name)
    member = _Member(name)
    member.raw = name.encode("utf-8" if encoding == "flagless" else encoding, "replace")
    return member


def _contents(genre: Genre, number: int) -> dict[str, bytes]:
    plain = {f"{i}.jpg": PICTURES["jpeg"](10 * number + i) for i in range(genre.plain)}
    odd = enumerate(genre.files.items())
    return plain | {name: PICTURES[kind](100 + 10 * number + i) for i, (name, kind) in odd}


def _with(genre: Genre, **changes: object) -> Genre:
    return Genre(**vars(genre) | changes)  # type: ignore[arg-type]


def _distinct(spec: list[Genre]) -> list[Genre]:
    """Genres of a name that was there are called otherwise, for a disk has each name once."""
    names: set[str] = set()
    made = []
    for genre in spec:
        name = genre.name if genre.name not in names else f"{len(names)}{genre.name[:200]}"
        names |= {name, f"{name}.zip"}
        made.append(_with(genre, name=name))
    return made


# --- pictures: kind -> the bytes of the n-th of them -------------------------------------------------------


def _encoded(
    make: Callable[[int], Image.Image], kind: str = "PNG", **options: object
) -> Callable[[int], bytes]:
    return lambda seed: encode(make(seed), kind, **options)


def _palette(seed: int) -> Image.Image:
    return noise(seed, SIDE).quantize(16)


def _sixteen_bit(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 2**16, SIDE, dtype=np.uint16))


def _animated(seed: int) -> bytes:
    stream = io.BytesIO()
    noise(seed, SIDE).save(stream, "GIF", save_all=True, append_images=[noise(seed + 1, SIDE)])
    return stream.getvalue()


PICTURES: dict[str, Bytes] = {
    "jpeg": _encoded(lambda seed: noise(seed, SIDE), "JPEG"),
    "png": _encoded(lambda seed: noise(seed, SIDE)),
    "cmyk": _encoded(lambda seed: noise(seed, SIDE).convert("CMYK"), "JPEG"),
    "grey with alpha": _encoded(lambda seed: noise(seed, SIDE).convert("LA")),
    "palette": _encoded(_palette, transparency=3),
    "16 bits": _encoded(_sixteen_bit),
    "one pixel": _encoded(lambda seed: noise(seed, (1, 1))),
    "one row": _encoded(lambda seed: noise(seed, (40, 1))),
    "blank": _encoded(lambda seed: solid("white", SIDE)),
    "clear": _encoded(lambda seed: Image.new("RGBA", SIDE, (0, 0, 0, 0))),
    "animated": _animated,
    "shared": lambda seed: encode(noise(9999, SIDE)),
    "empty": lambda seed: b"",
    "truncated": lambda seed: encode(noise(seed, SIDE))[:200],
    "bad": lambda seed: _bad()[seed % len(_bad())],
}


@functools.cache
def _bad() -> list[bytes]:
    return [bad.data for bad in bad_files()]
