"""A collection of covers with genres, checked, without copies, near duplicates grouped."""

from __future__ import annotations

import hashlib
import html
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from coverfusion.data.addresses import PARALLEL_REQUESTS, Address, Place, is_address, place
from coverfusion.data.conflicts import conflict_rows, files_differ
from coverfusion.data.duplicates import beside_another, group_covers, near_pairs
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.facts_cache import FactsCache
from coverfusion.data.genre_sets import (
    GENRES_COLUMN,
    SEPARATOR,
    Labels,
    each_genre,
    genre_names,
    joined,
    with_sets,
)
from coverfusion.data.identity_order import group_numbers, least_covers
from coverfusion.data.overlay_cache import read_agreements, write_agreements
from coverfusion.data.pictures import PictureError, PictureFacts
from coverfusion.data.plurals import how_many
from coverfusion.data.sides import (
    BACK,
    BACK_COLUMNS,
    FRONT,
    Sides,
    check_genres,
    check_sides,
    fuse,
    sides_of_manifest,
)
from coverfusion.data.sources import Entry, is_manifest, list_entries, read_bytes, room_for

Keep = Literal["drop", "first", "all"]
COLLECTION_COLUMNS = ["cover_id", "path", "genre", "group", "width", "height", "format", "artist"]
_NO_GENRE = "no genre: it lies beside the genre folders"
_FILES_PER_CHUNK = 2048
_FACTS_PER_SAVE = 50_000


@dataclass(frozen=True, repr=False)
class Collection:
    """Covers that may be used, and an account of all others.

    Attributes:
        frame: one row a cover, RangeIndex: cover_id (sha256 of the file's bytes, 64 hex digits), path (or
            address, or `zip!member`), genre, group (int64; the same for covers that must stay together, a
            hash of the least cover_id among them, so that it does not change with other covers), width and
            height (pixels), format, artist ("" where unknown). `cover_id` is unique unless `keep="all"` kept
            a cover under several genres.
        rejected: path, genre and reason of every file that is no usable picture.
        conflicts: cover_id, path, genre, group, kind, reason and partner of covers under several genres,
            treated as `keep` says; of covers that may have several, those whose files have not the same. Kind
            "same": equal bytes; kind "near": near duplicates that agree when they are laid over each other.
            The reason names the genres; the partner is the path of a cover of another one.
        counts: files (seen), rejected, other_genres (not among the chosen ones), copies (of a cover within
            its genre, left out), merged (files that are copies of a cover of several genres, which has all of
            theirs), conflicting (different covers with equal bytes under several genres),
            conflicting_rows (their rows, one a genre), near_conflicting (other covers with near duplicates
            under another genre), left_out (rows left out for either), near_groups and near_covers (in groups
            of near duplicates, those left out among them), near_kept (those that were kept
            beside another one), near_across (of these, those in a group that has other genres, and do not
            agree with its covers when they are laid over each other).
        source: where the collection was read from.
        keep: what became of covers under several genres.
        genres: the chosen genres; None = all.
        labels: "many": a cover may have several genres. Then `frame` has one row a cover, `genres` (a tuple
            of names, sorted) and `genre` (these joined by `|`), and nothing is left out for having several.
        copies: cover_id and path of each copy of a cover within its genre, which was left out.
        sides: "fused": both sides of a release are one item. Then `frame` has one row an item, `back` (the
            cover_id of its back; "" where it has none; the row's own where it has no front) and `back_path`,
            and `counts` has backs (items that have one) and backs_alone (that have no front).
        two_sided: the manifest tells fronts from backs.
        near: cover_id of all that were kept beside another one of their group of near duplicates. A group of
            `frame` has other ties too, such as an artist or a release.
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame
    conflicts: pd.DataFrame
    counts: dict[str, int]
    source: Place
    keep: Keep = "drop"
    genres: tuple[str, ...] | None = None
    labels: Labels = "one"
    copies: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["cover_id", "path"]))
    sides: Sides = "separate"
    two_sided: bool = False
    near: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """The number of rows of `frame`."""
        return len(self.frame)

    def __repr__(self) -> str:
        size = f"{how_many(len(self), 'cover')}, {how_many(len(genre_names(self.frame)), 'genre')}"
        return f"Collection({str(self.source)!r}: {size}, {self._left_out()})"

    def _repr_html_(self) -> str:
        """For notebooks: the summary above the number of covers and groups of each genre."""
        rows = (
            each_genre(self.frame)
            .groupby("genre")
            .agg(covers=("cover_id", "size"), groups=("group", "nunique"))
        )
        return f"<p>{html.escape(repr(self))}</p>{rows.to_html()}"

    def _left_out(self) -> str:
        kinds = [("rejected", "rejected"), ("copies", "copies"), ("left_out", "conflicting")]
        kinds.append(("merged", "copies of a cover that has their genres"))
        parts = [f"{self.counts[key]} {words}" for key, words in kinds if self.counts[key]]
        return f"left out: {', '.join(parts)}" if parts else "nothing left out"

    def fingerprint(self) -> str:
        """16 hex digits over cover ids, genres, groups and backs; paths and their order do not matter."""
        leader = least_covers(self.frame["cover_id"], self.frame["group"])
        backs = [self.frame["back"]] if self.sides == "fused" else []
        rows = sorted(zip(self.frame["cover_id"], self.frame["genre"], leader, *backs, strict=True))
        return hashlib.sha256("\n".join(map("|".join, rows)).encode()).hexdigest()[:16]


def read_collection(
    path: str | os.PathLike[str] | Address,
    keep: Keep = "drop",
    genres: Sequence[str] | None = None,
    facts_cache: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    labels: Labels = "one",
    separator: str | None = None,
    sides: Sides = "separate",
) -> Collection:
    """Reads every cover of a collection once.

    Args:
        path: genre folders, zips or a manifest, here or at an address, as `data.sources.list_entries` takes
            them.
        keep: what becomes of covers that show the same picture, byte for byte or as near duplicates, under
            several genres: "drop" leaves them out, "first" keeps those of the first genre in the order of
            reading, "all" keeps each under each.
        genres: only these genres; None = all. In a manifest any other genre is an error, for it is more
            likely misspelt than meant to be left out; other folders and zips are left out and counted.
        facts_cache: a file that remembers what was read, for all collections alike.
        progress: called with (files read, files in all).
        labels: "many": a cover has all genres that it stands under, and `keep` has no say.
        separator: what parts the genres of a manifest's row under "many"; None: it is found.
        sides: "fused": front and back of a release, by a manifest's columns `release` and `side`, are one
            item. "separate": each is a cover. Either way they share a group.

    Raises:
        UserError: as `list_entries`, `read_bytes` and `check_sides`; no file in it, a genre, `keep` or
            `sides` unknown; sides are to be fused that nothing tells apart, or have different genres.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> collection = cf.read_collection("covers", genres=["Jazz", "Metal"])
        >>> collection
        Collection('covers': 20 covers, 2 genres, nothing left out)
        >>> collection.frame["genre"].value_counts().to_dict()
        {'Jazz': 10, 'Metal': 10}
    """
    path = place(path)
    if keep not in ("drop", "first", "all"):
        raise UserError(f"keep: there is no way '{keep}'.{did_you_mean(str(keep), ['drop', 'first', 'all'])}")
    if labels == "many" and keep != "drop":
        raise UserError(f"keep: {keep}: with labels: many each cover keeps all its genres. Leave one out.")
    if sides not in ("separate", "fused"):
        raise UserError(f"sides: there is no way '{sides}'.{did_you_mean(str(sides), ['separate', 'fused'])}")
    entries, two_sided = _with_sides(list(list_entries(path, labels, separator)), path, sides)
    files = len(entries)
    if genres is not None:
        entries = _chosen(entries, genres, path, labels)
    if not any(entry.genre for entry in entries):
        raise UserError(
            f"{path} holds no covers: give a folder with one folder or zip a genre, a zip, or a manifest."
        )
    cache = FactsCache.load(facts_cache)
    read = _read(entries, cache, progress)
    rejected = [(entry.path, entry.genre, facts) for entry, _, facts in read if isinstance(facts, str)]
    frame = _frame((entry, cover_id, facts) for entry, cover_id, facts in read if not isinstance(facts, str))
    if labels == "many":
        frame = frame.assign(genre=frame["genre"].str.split(SEPARATOR)).explode("genre", ignore_index=True)
        frame = frame[frame["genre"].isin(genres)] if genres is not None else frame
    frame, backs = fuse(frame) if sides == "fused" else (frame, frame.iloc[:0])
    unique = frame.drop_duplicates(["cover_id", "genre"], ignore_index=True)
    same = unique.duplicated("cover_id", keep=False)
    # Groups are found over all covers: a conflicting one that is left out still ties its near duplicates, and
    # so do the backs of items. What an item shows, so whether it conflicts, goes by its own picture.
    every = pd.concat([unique, backs], ignore_index=True) if len(backs) else unique
    pairs, alike, sure = _pairs(every, cache.path)
    unique["group"] = group_covers(every, pairs)[: len(unique)]
    alike, sure = alike[: len(unique)], sure[(sure < len(unique)).all(axis=1)]
    shown = group_covers(unique[["cover_id"]], sure)
    genres_shown = unique.groupby(shown)["genre"]  # of all that show the same picture
    conflicting = genres_shown.transform("nunique") > 1
    if labels == "many":
        same = files_differ(frame.assign(picture=frame["cover_id"]), unique["cover_id"])
        pictures = dict(zip(unique["cover_id"], shown, strict=True))
        conflicting &= files_differ(frame.assign(picture=frame["cover_id"].map(pictures)), shown)
    near = conflicting & ~same
    left_out = {
        "drop": conflicting,
        "first": unique["genre"] != genres_shown.transform("first"),
        "all": pd.Series(False, index=unique.index),
    }[keep]
    if labels == "many":
        sets = genres_shown.transform(joined).str.split(SEPARATOR)
        kept = with_sets(unique, sets)[~unique.duplicated("cover_id")].reset_index(drop=True)
    else:
        kept = unique[~left_out].reset_index(drop=True)
    kept["group"] = group_numbers(least_covers(kept["cover_id"], kept["group"]))
    sizes = pd.Series(alike).map(pd.Series(alike[~unique.duplicated("cover_id")]).value_counts()).to_numpy()
    grouped = (sizes > 1) & ~unique.duplicated("cover_id").to_numpy()
    of_kept = kept["cover_id"].map(dict(zip(unique["cover_id"], alike, strict=True)))
    near_ids = frozenset(kept.loc[beside_another(kept["cover_id"], of_kept), "cover_id"])
    several = kept.groupby(of_kept)["genre"].transform("nunique") > 1
    known = kept["cover_id"].isin(unique.loc[conflicting, "cover_id"])
    return Collection(
        frame=kept[
            [
                *COLLECTION_COLUMNS,
                *([GENRES_COLUMN] if labels == "many" else []),
                *(BACK_COLUMNS if sides == "fused" else []),
            ]
        ],
        rejected=pd.DataFrame(rejected, columns=["path", "genre", "reason"]),
        conflicts=conflict_rows(unique[conflicting], same[conflicting], shown[conflicting], frame),
        counts={
            "files": files,
            "rejected": len(rejected),
            "other_genres": files - len(entries),
            # a copy under several genres is one of a cover that has them all
            "copies": 0 if labels == "many" else len(frame) - len(unique),
            "merged": frame["path"].nunique() - len(kept) if labels == "many" else 0,
            "conflicting": unique.loc[same, "cover_id"].nunique(),
            "conflicting_rows": int(same.sum()),
            "near_conflicting": int(near.sum()),
            "left_out": 0 if labels == "many" else len(unique) - len(kept),
            "near_groups": len(set(alike[grouped])),
            "near_covers": int(grouped.sum()),
            "near_kept": len(near_ids),
            "near_across": 0 if labels == "many" else int((several & ~known).sum()),
        }
        | (_back_counts(kept) if sides == "fused" else {}),
        source=path,
        keep=keep,
        genres=None if genres is None else tuple(genres),
        labels=labels,
        copies=frame.loc[frame.duplicated(["cover_id", "genre"]), ["cover_id", "path"]].reset_index(
            drop=True
        ),
        sides=sides,
        two_sided=two_sided,
        near=near_ids,
    )


def _with_sides(entries: list[Entry], path: Place, sides: Sides) -> tuple[list[Entry], bool]:
    """The entries with what a manifest says of their sides, and whether it says anything."""
    rows = sides_of_manifest(path) if is_manifest(path) else None
    if sides == "fused":
        if rows is None:
            raise UserError(
                f"sides: fused needs a manifest (.csv, .parquet) with the columns 'release' and 'side', and "
                f"{path} has none."
            )
        check_sides(path, rows, [entry.path for entry in entries])
        check_genres(path, rows, [entry.genre for entry in entries])
    if rows is None or not {row.side for row in rows} <= {FRONT, BACK}:  # sides of another kind, such as A
        return entries, False
    both = zip(entries, rows, strict=True)
    return [replace(entry, release=row.release, side=row.side) for entry, row in both], True


def _back_counts(items: pd.DataFrame) -> dict[str, int]:
    once = items.drop_duplicates("cover_id")
    return {
        "backs": int((once["back"] != "").sum()),
        "backs_alone": int((once["back"] == once["cover_id"]).sum()),
    }


def _chosen(entries: list[Entry], genres: Sequence[str], path: Place, labels: Labels) -> list[Entry]:
    def parts(entry: Entry) -> list[str]:
        return entry.genre.split(SEPARATOR) if labels == "many" else [entry.genre]

    present = {genre for entry in entries for genre in parts(entry) if genre}
    for genre in genres:
        if genre not in present:
            raise UserError(f"genres: {path} has no genre '{genre}'.{did_you_mean(genre, present)}")
    if path.suffix.lower() in (".csv", ".parquet"):
        for row, entry in enumerate(entries, start=1):
            for genre in parts(entry):
                if genre not in genres:
                    raise UserError(
                        f"{path}, row {row}: unknown genre '{genre}'.{did_you_mean(genre, genres)} "
                        f"Mend the row or add the genre to `genres`."
                    )
    return [entry for entry in entries if not entry.genre or set(parts(entry)) & set(genres)]


def _read(
    entries: list[Entry], cache: FactsCache, progress: Callable[[int, int | None], None] | None
) -> list[tuple[Entry, str, PictureFacts | str]]:
    """(entry, cover_id, facts or the reason against it) for each, in order; PIL and hashlib free the GIL."""
    read: list[tuple[Entry, str, PictureFacts | str]] = []
    far = any(is_address(entry.path) for entry in entries)
    try:
        with ThreadPoolExecutor(PARALLEL_REQUESTS if far else (os.cpu_count() or 1) + 1) as pool:
            for chunk in _chunks(entries):
                read += pool.map(lambda entry: (entry, *_read_one(entry, cache)), chunk)
                if cache.unsaved >= _FACTS_PER_SAVE:
                    cache.save()
                if progress is not None:
                    progress(len(read), len(entries))
    finally:
        cache.save()
    return read


def _read_one(entry: Entry, cache: FactsCache) -> tuple[str, PictureFacts | str]:
    if not entry.genre:
        return "", _NO_GENRE
    try:
        with room_for(entry.path):
            data = read_bytes(entry.path)
            cover_id = hashlib.sha256(data).hexdigest()
            return cover_id, cache.facts(cover_id, data)
    except PictureError as error:
        return "", str(error)


def _chunks(entries: list[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while chunk := list(itertools.islice(rest, _FILES_PER_CHUNK)):
        yield chunk


def _frame(read: Iterable[tuple[Entry, str, PictureFacts | str]]) -> pd.DataFrame:
    of_entry = [field.name for field in fields(Entry)]
    rows = [
        (cover_id, *(getattr(entry, name) for name in of_entry), *vars(facts).values())
        for entry, cover_id, facts in read
    ]
    of_facts = [field.name for field in fields(PictureFacts)]
    return pd.DataFrame(rows, columns=["cover_id", *of_entry, *of_facts])


def _pairs(covers: pd.DataFrame, facts: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(m, 2) positions of covers that look alike, (n,) the groups that these make, and the sure pairs.

    Splits lose nothing by a pair too many, a conflict costs covers: a pair of equal hashes that ties several
    genres together counts for it only where the two agree when they are laid over each other.
    """
    # the second look brings OpenCV, which importing the package does not
    from coverfusion.data.second_look import laid_over, other_scans, surely_same

    kept = facts and facts.with_name(f"{facts.name}.overlays")
    known = read_agreements(kept)
    before = len(known)
    ids, thumbnails = covers["cover_id"].tolist(), covers["thumbnail"].tolist()
    detail = covers["detail"].to_numpy(dtype=float)
    lay = laid_over(thumbnails)

    def agree(part: int, whole: int, which: int) -> float:
        key = ids[part], ids[whole], which
        if key not in known:
            known[key] = lay(part, whole, which)
        return known[key]

    hashed = near_pairs(covers["phash"], detail)
    once = np.flatnonzero(~covers.duplicated("cover_id"))  # the id joins the others
    of_once = [thumbnails[row] for row in once]
    scans = once[other_scans(of_once, detail[once], lambda a, b, which: agree(once[a], once[b], which))]
    pairs = np.vstack([hashed, scans])
    alike = group_covers(covers[["cover_id"]], pairs)
    doubtful = (covers.groupby(alike)["genre"].transform("nunique") > 1).to_numpy()[hashed[:, 0]]
    sure = surely_same(hashed[doubtful], agree)
    if kept and len(known) > before:
        write_agreements(kept, known)
    return pairs, alike, np.vstack([scans, sure])
