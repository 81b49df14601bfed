"""The metadata of a run: columns of its manifest as blocks, what is odd about them, what each tells alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from coverfusion.data.collection import Collection
from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.metadata import PROBLEM_COLUMNS, metadata_of_covers, read_metadata
from coverfusion.experiments.evaluation.giveaway import told_alone
from coverfusion.experiments.pipeline.console import console
from coverfusion.features.metadata import (
    CATEGORY,
    MOST_LETTERS,
    NUMBER,
    TEXT,
    MetadataBlocks,
    long_texts,
    metadata_blocks,
    metadata_frame,
    no_numbers,
)

if TYPE_CHECKING:
    from coverfusion.experiments.pipeline.config import MetadataChoice

METADATA_FILE, PROBLEMS_FILE = "metadata.parquet", "metadata_problems.csv"
MOST_JUDGED = 10_000  # covers that tell whether a column gives the genre away
NO_NUMBER = "no number, or beyond 1e15, so missing"
TOO_LONG = f"longer than {MOST_LETTERS:,} letters, so cut"


@dataclass(frozen=True)
class Metadata:
    """Columns of a manifest that are blocks.

    Attributes:
        blocks: block -> its column in the manifest, and its kind.
        values: (n covers, columns) texts by cover_id as they are written; "" where there is none.
        problems: path, column, value, used (what counts instead) and reason of each value that does not.
        alone: one row a block: block, column, kind, covers (that have a value), values (different ones),
            accuracy, chance, gone and gives_away of `told_alone`; None until `judged`.
    """

    blocks: MetadataBlocks
    values: pd.DataFrame
    problems: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PROBLEM_COLUMNS))
    alone: pd.DataFrame | None = None

    def digest(self) -> str:
        """16 hex digits of blocks and values; the order of covers does not matter."""
        rows = [repr(sorted((name, *made.values()) for name, made in self.blocks.items()))]
        rows += sorted(map(repr, self.values.reset_index().to_numpy().tolist()))
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]

    def of(self, cover_ids: Sequence[str], called: Sequence[str]) -> Metadata:
        """That of these covers, under other names."""
        return replace(self, values=self.values.loc[list(cover_ids)].set_axis(pd.Index(called), axis=0))

    def learnable(self) -> pd.DataFrame:
        """What classifiers learn from, by cover_id; columns named `block.column`."""
        return metadata_frame(self.blocks, self.values)

    def columns(self) -> dict[str, list[str]]:
        """Block -> its columns in `learnable`, without the block's name."""
        columns: dict[str, list[str]] = {block: [] for block in self.blocks}
        for name in metadata_frame(self.blocks, self.values.iloc[:0]).columns:
            block, _, column = name.partition(".")
            columns[block].append(column)
        return columns

    def judged(self, covers: pd.DataFrame) -> Metadata:
        """With what each block alone tells; `covers` has `cover_id`, `genre` and `group`."""
        return replace(self, alone=judge_blocks(self.blocks, self.values, covers))

    def note(self) -> str:
        """What readers of results must know: which columns give the genre away."""
        names = [] if self.alone is None else self.alone.loc[self.alone["gives_away"], "column"].tolist()
        return giveaway_words(self.alone, names) if names and self.alone is not None else ""

    def say(self) -> None:
        """Prints what is odd about the values, and what gives the genre away."""
        rows = zip(self.problems["column"], self.problems["reason"], strict=True)
        for (column, reason), count in Counter(rows).items():
            console.print(
                f"Metadata, column '{column}', {count:,} values: {reason}. {PROBLEMS_FILE} lists them.",
                style="yellow",
                highlight=False,
            )
        if note := self.note():
            console.print(note, style="bold red", highlight=False)

    def write(self, folder: Path) -> None:
        """Keeps what was used in a result's folder."""
        self.values.rename_axis("cover_id").to_parquet(folder / METADATA_FILE)
        write_csv(self.problems, folder / PROBLEMS_FILE)

    def facts(self) -> list[dict[str, Any]]:
        """One entry a block, as JSON values."""
        table = pd.DataFrame(columns=["block"]) if self.alone is None else self.alone
        return [
            {str(name): None if value != value else value for name, value in row.items()}
            for row in table.to_dict("records")
        ]


def judge_blocks(blocks: MetadataBlocks, values: pd.DataFrame, covers: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Metadata.alone`; of more covers than `MOST_JUDGED` a sample is judged.

    Args:
        blocks: to be judged.
        values: by cover_id.
        covers: with `cover_id`, `genre` and `group`.
    """
    covers = covers.sort_values("cover_id").head(MOST_JUDGED)  # an id is a hash: these are random ones
    values = values.loc[covers["cover_id"]]
    genres, groups = covers["genre"].to_numpy(dtype=str), covers["group"].to_numpy()
    rows = []
    for block, made in blocks.items():
        columns = metadata_frame({block: made}, values)
        known = columns.iloc[:, 0].dropna()
        facts = {"block": block, **made, "covers": len(known), "values": known.nunique()}
        rows.append(facts | told_alone(columns, genres, groups)._asdict())
    names = ["block", "column", "kind", "covers", "values", "accuracy", "chance", "gone", "gives_away"]
    return pd.DataFrame(rows, columns=names)


def giveaway_words(alone: pd.DataFrame, columns: Sequence[str]) -> str:
    """A warning that names these columns."""
    found = alone.set_index("column").loc[list(columns), "accuracy"]
    each = ", ".join(f"'{name}' (accuracy {value:.3f})" for name, value in found.items())
    what, them = ("This column gives", "it") if len(found) == 1 else ("Each of these columns gives", "them")
    return (
        f"{what} the genre away by itself: {each}, on covers that were not learnt from. Figures with {them} "
        f"say little of pictures. Leave {them} out, unless new covers will have {them} too."
    )


def read_chosen(chosen: MetadataChoice, collection: Collection) -> Metadata:
    """The metadata that a config asks for.

    Args:
        chosen: columns by kind.
        collection: read from the manifest.

    Raises:
        UserError: as `read_metadata`, or a column has no value of its kind.
    """
    kinds = {NUMBER: chosen.numbers, CATEGORY: chosen.categories, TEXT: chosen.text}
    blocks = metadata_blocks((column, kind) for kind, columns in kinds.items() for column in columns)
    rows = read_metadata(collection.source, [made["column"] for made in blocks.values()])
    values, others = metadata_of_covers(collection, rows)
    unreadable = no_numbers(blocks, values)
    paths = collection.frame.drop_duplicates("cover_id").set_index("cover_id")["path"]
    cut = long_texts(blocks, values)
    odd = pd.concat(
        [
            unreadable.assign(used="", reason=NO_NUMBER),
            cut.assign(used=f"its first {MOST_LETTERS:,} letters", reason=TOO_LONG),
        ]
    )
    odd = odd.assign(path=odd["cover_id"].map(paths))
    metadata = Metadata(blocks, values, pd.concat([odd[PROBLEM_COLUMNS], others], ignore_index=True))
    for block, made in blocks.items():
        if metadata_frame({block: made}, values).iloc[:, 0].isna().all():
            kind = "number up to 1e15" if made["kind"] == NUMBER else made["kind"]
            raise UserError(
                f"metadata: the column '{made['column']}' of {collection.source} has no {kind} for "
                f"any cover. Fill it in, name another kind, or leave it out."
            )
    return metadata


def kept_metadata(folder: Path, blocks: MetadataBlocks) -> Metadata:
    """The metadata that a result was made with, from its folder."""
    values = pd.read_parquet(folder / METADATA_FILE)
    # a cover under several genres has a row for each
    values = values.set_axis(values.index.str.partition(":").get_level_values(0), axis=0)
    return Metadata(blocks, values[~values.index.duplicated()].rename_axis("cover_id"))
