"""What a collection holds, before anything is trained on it: counts, duplicates, rejected files, figures."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from PIL import Image, ImageOps

from coverfusion.data.collection import Collection
from coverfusion.data.csv_files import write_csv
from coverfusion.data.genre_sets import Labels, each_genre, has_sets, labels_of
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.plurals import how_many
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.drawing.labels import label, largest
from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.pipeline.console import console, new_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colour-blind safe blue and orange, and a grey for text.
_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#555555"
_SAMPLES_PER_GENRE = 8
_NOTABLE_IMBALANCE = 1.5  # covers of the largest genre over those of the smallest
_MAX_SAMPLED_GENRES = 20
_MAX_DRAWN_CONFLICTS = 12
_CONFLICT_COLUMNS = 6
_MAX_PRINTED_ROWS, _MAX_PRINTED_GENRES = 10, 100


@dataclass(frozen=True)
class Inspection:
    """The tables and figures of one inspection.

    Attributes:
        genres: one row a genre: covers, proportion, conflicting (under several genres),
            left_out (of the conflicting ones), near (kept, in groups of near duplicates), rejected.
        sizes: one row for each width, height and format: covers.
        reasons: one row for each reason of rejection: files.
        imbalance: covers of the largest genre over those of the smallest.
        files: everything written.
    """

    genres: pd.DataFrame
    sizes: pd.DataFrame
    reasons: pd.DataFrame
    imbalance: float
    files: list[Path]


def inspect_collection(collection: Collection, out: str | os.PathLike[str]) -> Inspection:
    """Writes what a collection holds as tables and figures.

    Args:
        collection: as `data.collection.read_collection` gives it.
        out: folder for genres.csv, sizes.csv, reasons.csv, rejected.csv, conflicts.csv and the figures
            class-balance.png, samples.png and (where there are any) conflicts.png.
    """
    out = make_output_folder(out)
    genres = _genres(collection)
    sizes = collection.frame.value_counts(["width", "height", "format"]).rename("covers").reset_index()
    reasons = collection.rejected["reason"].value_counts().rename("files").reset_index()
    imbalance = genres["covers"].max() / max(genres["covers"].min(), 1) if len(genres) else float("nan")
    tables = {
        "genres": genres,
        "sizes": sizes,
        "reasons": reasons,
        "rejected": collection.rejected,
        "conflicts": collection.conflicts,
    }
    if has_sets(collection.frame):
        pairs = cooccurrence(collection.frame)
        head = "genre"
        while head in pairs:  # a genre may be called so
            head = f"of_{head}"
        tables["cooccurrence"] = pairs.rename_axis(head).reset_index()
    for name, table in tables.items():
        write_csv(table, out / f"{name}.csv")
    figures = {"class-balance": _class_balance(genres), "samples": _samples(collection)}
    if len(collection.conflicts):
        figures["conflicts"] = _conflicts(collection)
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png", dpi=130, facecolor="white")
    files = [out / f"{name}.csv" for name in tables] + [out / f"{name}.png" for name in figures]
    return Inspection(genres, sizes, reasons, imbalance, files)


def cooccurrence(covers: pd.DataFrame) -> pd.DataFrame:
    """(k, k) how many covers stand under both genres; the diagonal has all covers of a genre."""
    has = pd.DataFrame(labels_of(covers)).astype(int)
    return pd.DataFrame(has.T.to_numpy() @ has.to_numpy(), has.columns, has.columns)


# --- tables --------------------------------------------------------------------------------------------


def _genres(collection: Collection) -> pd.DataFrame:
    frame, conflicts = each_genre(collection.frame), collection.conflicts
    sets = has_sets(collection.frame)
    gone = conflicts.iloc[:0] if sets else conflicts
    several = frame[frame["cover_id"].duplicated(keep=False)] if sets else conflicts
    near = each_genre(_near_kept(collection))
    counts = {
        "covers": frame["genre"].value_counts(),
        "conflicting": several["genre"].value_counts(),
        "left_out": gone.loc[~gone["path"].isin(frame["path"]), "genre"].value_counts(),
        "near": near["genre"].value_counts(),
        "rejected": collection.rejected.loc[collection.rejected["genre"] != "", "genre"].value_counts(),
    }
    table = pd.DataFrame(counts).fillna(0).astype(int)
    table.insert(1, "proportion", (table["covers"] / max(len(collection), 1)).round(4))
    return table.rename_axis("genre").sort_values(["covers", "genre"], ascending=[False, True]).reset_index()


def _near_kept(collection: Collection) -> pd.DataFrame:
    """The covers that are kept beside a near duplicate."""
    return collection.frame[collection.frame["cover_id"].isin(collection.near)]


def print_inspection(collection: Collection, inspection: Inspection) -> None:
    """Prints counts, duplicates, sizes and why files were rejected."""
    genres = inspection.genres
    table = new_table(f"{how_many(len(collection), 'cover')} in {how_many(len(genres), 'genre')}")
    table.add_column("genre", overflow="fold")
    heads = {"conflicting": "under several\ngenres", "near": "with near\nduplicates", "rejected": "rejected"}
    heads = {column: head for column, head in heads.items() if genres[column].any()}
    for head in ("covers", "proportion", *heads.values()):
        table.add_column(head, justify="right", no_wrap=True)
    rows = list(_rows(genres, "genre", "covers", "proportion", *heads))
    for genre, covers, proportion, *others in rows[:_MAX_PRINTED_GENRES]:
        table.add_row(genre, f"{covers:,}", percent(proportion), *(f"{count:,}" for count in others))
    console.print(table)
    if len(rows) > _MAX_PRINTED_GENRES:
        console.print(f"In genres.csv: {how_many(len(rows) - _MAX_PRINTED_GENRES, 'smaller genre')}.")
    if inspection.imbalance >= _NOTABLE_IMBALANCE:
        console.print(
            f"Imbalance: the largest genre has {inspection.imbalance:.2f} times the covers of the smallest."
        )
    if has_sets(collection.frame):
        _print_together(collection)
    for line in _count_lines(
        collection.counts, _near_kept(collection)["cover_id"].nunique(), collection.labels
    ):
        console.print(line)
    sizes = [
        (f"{width} x {height} {kind}", covers)
        for width, height, kind, covers in _rows(inspection.sizes, "width", "height", "format", "covers")
    ]
    _print_counts("size in pixels", "covers", sizes)
    reasons = list(_rows(inspection.reasons, "reason", "files"))
    _print_counts("rejected (rejected.csv lists all)", "files", reasons)


def _print_together(collection: Collection) -> None:
    """How many covers have several genres, and which stand together most often."""
    covers = collection.frame
    several = covers[covers["genres"].map(len) > 1]
    took = _took_genres(collection)
    also = f"; {took:,} of these with genres of near duplicates" if took else ""
    share = percent(len(several) / len(covers))
    console.print(
        f"Covers of several genres: {len(several):,} ({share}), all kept, with all their genres{also}"
    )
    _print_counts("genres together", "covers", list(several["genre"].value_counts().items()))
    console.print("cooccurrence.csv counts the covers of each pair.")


def _took_genres(collection: Collection) -> int:
    """How many covers have genres that only their near duplicates stand under."""
    own = collection.conflicts.groupby("cover_id")["genre"].nunique()
    has = collection.frame.set_index("cover_id")["genres"].map(len)
    return int((has > own.reindex(has.index).fillna(has)).sum())


def _count_lines(counts: Mapping[str, int], near_kept: int, labels: Labels) -> list[str]:
    """What is not zero of a collection's counts, a line each.

    Args:
        counts: of the collection.
        near_kept: covers that were kept beside a near duplicate.
        labels: how many genres a cover may have.
    """
    conflicts = {
        "equal file": counts["conflicting_rows"],
        "near duplicate": counts["near_conflicting"],
    }
    kinds = ", ".join(how_many(count, kind) for kind, count in conflicts.items() if count)
    near = f"{how_many(counts['near_covers'], 'cover')} in {how_many(counts['near_groups'], 'group')}"
    across = f", {counts['near_across']:,} of them beside another genre, as the hash alone finds them alike"
    lines = {
        f"Files seen: {counts['files']:,}": counts["files"],
        f"Exact copies within a genre, left out: {counts['copies']:,}": counts["copies"],
        f"Copies of a cover, which has the genres of all its files: {counts['merged']:,}": counts["merged"],
        f"Under several genres: {kinds}; left out: {counts['left_out']:,}": 0
        if labels == "many"  # no conflict: each is kept once, with all its genres
        else sum(conflicts.values()),
        f"Near duplicates: {near}; {near_kept:,} kept beside another, which no split separates"
        f"{across if counts['near_across'] else ''}": counts["near_covers"],
        f"Files of genres that were not chosen: {counts['other_genres']:,}": counts["other_genres"],
    }
    return [line for line, count in lines.items() if count]


def _print_counts(what: str, counted: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    table = new_table()
    table.add_column(what, overflow="fold")
    table.add_column(counted, justify="right")
    for name, count in rows[:_MAX_PRINTED_ROWS]:
        table.add_row(name, f"{count:,}")
    if len(rows) > _MAX_PRINTED_ROWS:
        others = rows[_MAX_PRINTED_ROWS:]
        table.add_row(how_many(len(others), "other"), f"{sum(count for _, count in others):,}")
    console.print(table)


# --- figures -------------------------------------------------------------------------------------------


def _figure(width: float, height: float) -> Figure:
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    return PlainFigure(figsize=(width, height), layout="constrained")


def _class_balance(genres: pd.DataFrame) -> Figure:
    names, which = largest(dict(_rows(genres, "genre", "covers")))
    ascending = genres.set_index("genre").loc[names[::-1]].reset_index()
    figure = _figure(7.5, 1.4 + 0.42 * max(len(ascending), 1))
    axes = figure.add_subplot()
    rows = range(len(ascending))
    axes.barh(rows, ascending["covers"], color=_BLUE, label="kept")
    axes.barh(
        rows,
        ascending["left_out"],
        left=ascending["covers"],
        color=_ORANGE,
        hatch="///",
        edgecolor="white",
        label="left out: under several genres",
    )
    for y, (covers, proportion, left_out) in enumerate(_rows(ascending, "covers", "proportion", "left_out")):
        axes.text(
            covers + left_out,
            y,
            f"  {covers:,} ({percent(proportion, 0)})",
            va="center",
            color=_GREY,
            fontsize=9,
        )
    if len(genres):
        even = genres["covers"].mean()
        axes.axvline(even, color=_GREY, linestyle=":", linewidth=1.2, label=f"even ({even:,.0f})")
    axes.set_yticks(rows, [label(genre) for genre in ascending["genre"]])
    axes.set_title(f"Covers of each genre{which}", loc="left", fontweight="bold")
    axes.set_xlabel("covers")
    axes.margins(x=0.2, y=0.03)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _samples(collection: Collection) -> Figure:
    """A row of covers for each genre, drawn at random with a fixed seed."""
    single = each_genre(collection.frame)
    names, which = largest(single["genre"].value_counts().to_dict(), _MAX_SAMPLED_GENRES)
    genres = sorted(names)
    figure = _figure(1 + 1.15 * _SAMPLES_PER_GENRE, 0.6 + 1.2 * max(len(genres), 1))
    figure.suptitle(
        f"{_SAMPLES_PER_GENRE} covers of each genre{which}, drawn at random",
        fontweight="bold",
        x=0.01,
        ha="left",
    )
    if not genres:
        return figure
    grid = figure.subplots(len(genres), _SAMPLES_PER_GENRE, squeeze=False)
    for axes_row, genre in zip(grid, genres, strict=True):
        of_genre = single[single["genre"] == genre]
        drawn = of_genre.sample(min(_SAMPLES_PER_GENRE, len(of_genre)), random_state=0)
        for axes in axes_row:
            axes.axis("off")
        for axes, path in zip(axes_row, drawn["path"], strict=False):
            axes.imshow(_thumbnail(path))
        axes_row[0].text(
            -0.12,
            0.5,
            textwrap.fill(label(genre), 16),
            transform=axes_row[0].transAxes,
            rotation=90,
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
        )
    return figure


def _conflicts(collection: Collection) -> Figure:
    """Covers under several genres: those of equal bytes once, near ones in pairs side by side."""
    same, near = (collection.conflicts[collection.conflicts["kind"] == kind] for kind in ("same", "near"))
    equal = [
        (rows["path"].iloc[0], " + ".join(map(label, rows["genre"])))
        for _, rows in same.groupby("cover_id", sort=False)
    ]
    alike = [rows.drop_duplicates("genre") for _, rows in near.groupby("group", sort=False)]
    pairs = [
        (path, label(genre))
        for rows in alike
        if len(rows) > 1
        for path, genre in list(_rows(rows, "path", "genre"))[:2]
    ]
    sections = {
        f"The same file under several genres ({_of(len(equal), 'cover')})": equal[:_MAX_DRAWN_CONFLICTS],
        f"Near duplicates under several genres, in pairs ({_of(len(pairs) // 2, 'pair')})": pairs[
            : 2 * _MAX_DRAWN_CONFLICTS
        ],
    }
    sections = {title: cells for title, cells in sections.items() if cells}
    lines = [-(-len(cells) // _CONFLICT_COLUMNS) for cells in sections.values()]
    figure = _figure(1.7 * _CONFLICT_COLUMNS, sum(lines) * 1.95 + 0.5 * len(lines))
    parts = figure.subfigures(len(lines), 1, height_ratios=[n * 1.95 + 0.5 for n in lines], squeeze=False)[
        :, 0
    ]
    for part, (title, cells), n in zip(parts, sections.items(), lines, strict=True):
        part.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=11)
        grid = part.subplots(n, _CONFLICT_COLUMNS, squeeze=False).ravel()
        for axes in grid:
            axes.axis("off")
        for axes, (path, genre) in zip(grid, cells, strict=False):
            axes.imshow(_thumbnail(path))
            axes.set_title(textwrap.fill(genre, 24), fontsize=8, color=_GREY)
    return figure


def _of(count: int, what: str) -> str:
    if count > _MAX_DRAWN_CONFLICTS:
        return f"{_MAX_DRAWN_CONFLICTS} of {count} {what}s"
    return f"{'all ' if count > 1 else ''}{how_many(count, what)}"


def _rows(table: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows of these columns as plain tuples."""
    return zip(*(table[column].tolist() for column in columns), strict=True)


def _thumbnail(path: str, side: int = 160) -> Image.Image:
    """A square picture, the cover fitted into it; grey where it cannot be read any more."""
    try:
        return ImageOps.pad(decode(read_bytes(path)), (side, side), color="white")
    except PictureError:
        return Image.new("RGB", (side, side), "#BBBBBB")
