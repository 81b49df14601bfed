"""Random manifests of everything odd: delimiters, encodings, spellings of paths, copies, gaps and faults."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

from coverfusion.data.names import readable
from tests.helpers.oddities import FILES, GENRES, PICTURES, any_name

GIVEN = ["", "1", "1.0", "nan", "NA", "g", "G", " g ", "'g", "=1", "演歌"]
FAULTS = ["one field too many", "no genre", "no path", "lists of genres", "latin-1", "no column genre"]
SPELT = ["plain", "plain", "blanks", "back slashes", "absolute", "dots", "gone", "folder", "member"]


@dataclass(frozen=True)
class Row:
    """A picture and how the manifest names it; rows of one number are of one file."""

    number: int
    picture: str
    genre: str
    spelt: str
    artist: str
    group: str


@dataclass(frozen=True)
class Manifest:
    """How the rows are written; a manifest with a fault is refused as a whole."""

    rows: list[Row]
    names: list[str]
    kind: str
    header: str
    more: bool
    fault: str | None


@dataclass
class WrittenManifest:
    """A manifest on disk.

    Attributes:
        path: of the manifest.
        paths: as they are listed, and how many rows name each.
        fault: why it is refused, if it is.
    """

    path: Path
    paths: Counter[str]
    fault: str | None


def manifests() -> st.SearchStrategy[Manifest]:
    """A manifest of 6 to 24 rows; two genres hold enough to be told apart, more often than not."""
    names = st.sampled_from([name for name in FILES if _is_text(name)]) | any_name()
    genres = st.lists(st.sampled_from([name for name in GENRES if _is_text(name)]), min_size=2, max_size=3)
    return genres.flatmap(
        lambda found: st.builds(
            Manifest,
            rows=st.lists(_row(found), min_size=6, max_size=24),
            names=st.lists(names, unique=True, max_size=5),
            kind=st.sampled_from([",", ";", "\t", ",", "utf-16", "bom", "crlf", "parquet", "parquet"]),
            header=st.sampled_from(["path", "Path", "PATH ", " path"]),
            more=st.booleans(),
            fault=st.sampled_from([None] * 9 + FAULTS),
        )
    )


def _row(genres: list[str]) -> st.SearchStrategy[Row]:
    kinds = ["jpeg"] * 9 + sorted(PICTURES)
    return st.builds(
        Row,
        number=st.integers(0, 30),
        picture=st.sampled_from(kinds),
        genre=st.sampled_from(genres),
        spelt=st.sampled_from(["plain"] * 9 + SPELT),
        artist=st.sampled_from(GIVEN),
        group=st.sampled_from([""] * 9 + GIVEN),
    )


def write_manifest(spec: Manifest, folder: Path) -> WrittenManifest:
    """Writes pictures and `folder/covers/m.csv` or `m.parquet`."""
    root = folder.absolute() / "covers"
    (root / "p").mkdir(parents=True)
    (root / "p" / "z.zip").write_bytes(b"no zip")
    rows = [_written(row, spec.names, root) for row in spec.rows]
    table = {
        spec.header: [written for written, _ in rows],
        "genre": [row.genre for row in spec.rows],
        "artist": [row.artist for row in spec.rows],
        "group": [row.group for row in spec.rows],
    }
    table |= {"year, of release": ["1977" for _ in rows]} if spec.more else {}
    fault = spec.fault if spec.fault != "lists of genres" or spec.kind == "parquet" else None
    fault = fault if fault not in ("one field too many", "latin-1") or spec.kind != "parquet" else None
    _break(table, fault, spec.header)
    path = root / ("m.parquet" if spec.kind == "parquet" else "m.csv")
    if spec.kind == "parquet":
        pd.DataFrame(table).to_parquet(path)
    else:
        path.write_bytes(_csv(table, spec.kind, fault))
    return WrittenManifest(path, Counter(readable(place) for _, place in rows), fault)


def _written(row: Row, names: list[str], root: Path) -> tuple[str, str]:
    """The path as the manifest has it and as it is listed."""
    name = names[row.number] if row.number < len(names) else f"{row.number}.jpg"
    place = root / "p" / name
    if not os.path.lexists(place):
        place.write_bytes(PICTURES[row.picture](row.number))
    plain = f"p/{name}"
    others = {
        "blanks": (f"  {plain} ", f"{root}/{plain}") if name == name.strip() else (plain, f"{root}/{plain}"),
        "back slashes": (plain.replace("p/", "p\\", 1), f"{root}/{plain}"),
        "absolute": (str(place), str(place)),
        "dots": (f"./p/../{plain}", f"{root}/./p/../{plain}"),
        "gone": ("p/gone.jpg", f"{root}/p/gone.jpg"),
        "folder": ("p", f"{root}/p"),
        "member": ("p/z.zip!a.jpg", f"{root}/p/z.zip!a.jpg"),
    }
    if name != name.strip() or "\\" in name:  # is found by its very name alone
        del others["back slashes"]
    return others.get(row.spelt, (plain, f"{root}/{plain}"))


def _break(table: dict[str, list[object]], fault: str | None, path: str) -> None:
    if fault == "no genre":
        table["genre"][0] = " "
    elif fault == "no path":
        table[path][-1] = ""
    elif fault == "lists of genres":
        table["genre"] = [[genre] for genre in table["genre"]]
    elif fault == "no column genre":
        del table["genre"]


def _csv(table: dict[str, list[object]], kind: str, fault: str | None) -> bytes:
    stream = io.StringIO(newline="")
    delimiter = kind if kind in ";\t" else ","
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n" if kind == "crlf" else "\n")
    writer.writerow(table)
    rows = [list(row) for row in zip(*table.values(), strict=True)]
    if fault == "one field too many":
        rows[0].append("x")
    writer.writerows(rows)
    if fault == "latin-1":
        return stream.getvalue().encode("latin-1", "replace") + "é".encode("latin-1")
    encoding = {"utf-16": "utf-16", "bom": "utf-8-sig"}.get(kind, "utf-8")
    return stream.getvalue().encode(encoding)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return bool(name.strip())
