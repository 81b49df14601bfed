"""The feature table: named blocks of numbers, one row a cover."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired

import pandas as pd
from typing_extensions import TypedDict

from coverfusion.data.checksums import check_sums, write_sums
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.json_files import PlainName, read_json
from coverfusion.data.plurals import how_many

ROWS_PER_GROUP = 8192  # what a reader of the parquet file takes into memory at a time
TEXT_KINDS = ("letters", "words")  # ways in which a text is learnt
METADATA = "metadata_"  # before the name of a manifest's column that is a block; no extractor is called so
LISTING = "table.json"
BACK_BLOCK = "back_"  # before the name of a block of backs, where fronts have one of that name
_REMEDY = "Make the table again with `coverfusion extract`, which takes the rows from the store."


class Made(TypedDict):
    """How an extractor was made, as bundles, indexes and tables note it."""

    fingerprint: str
    preset: str
    parameters: dict[str, Any]
    origin: NotRequired[str]


class MetadataColumn(TypedDict):
    """What a block of metadata is made of, as bundles note it (`features.metadata`)."""

    column: str
    kind: str


class Listing(TypedDict):
    """What `table.json` says."""

    blocks: list[PlainName]


def is_back(block: str) -> bool:
    """Whether a block is of backs."""
    return block.startswith(BACK_BLOCK)


@dataclass(repr=False)
class FeatureTable:
    """Blocks on one index of cover ids.

    Attributes:
        blocks: block name -> float32 frame, (n covers, columns of the block); NaN = not there.
        notes: block name -> readable JSON text of each cover (the words that `ocr` read), where kept.
        texts: block name -> the text that was read on each cover; "" where there is none, None where it is
            not known.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> table = cf.extract(cf.read_collection(folder), blocks=["color", "texture"], store="store")
        >>> table
        FeatureTable(60 covers; columns: color 45, texture 39)
        >>> table.without("texture").frame().shape
        (60, 45)
    """

    blocks: dict[str, pd.DataFrame]
    notes: dict[str, pd.Series] = field(default_factory=dict)
    texts: dict[str, pd.Series] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of covers."""
        return len(self.index)

    def __repr__(self) -> str:
        widths = [f"{name} {frame.shape[1]}" for name, frame in self.blocks.items()]
        return f"FeatureTable({how_many(len(self), 'cover')}; columns: {', '.join(widths) or 'none'})"

    def _repr_html_(self) -> str:
        """For notebooks: one row a block with its columns and the proportion of missing values."""
        rows = pd.DataFrame(
            {
                "columns": {name: frame.shape[1] for name, frame in self.blocks.items()},
                "missing": {
                    name: float(frame.isna().to_numpy().mean()) for name, frame in self.blocks.items()
                },
            }
        )
        return f"<p>{html.escape(repr(self))}</p>{rows.rename_axis('block').to_html()}"

    @property
    def index(self) -> pd.Index:
        """The cover ids, in row order."""
        return next(iter(self.blocks.values())).index if self.blocks else pd.Index([], name="cover_id")

    def frame(self) -> pd.DataFrame:
        """All blocks side by side as float32, columns named `block.column`."""
        named = [frame.add_prefix(f"{name}.") for name, frame in self.blocks.items()]
        return pd.concat(named, axis=1) if named else pd.DataFrame(index=self.index)

    def learnable(self) -> pd.DataFrame:
        """What classifiers learn from: `frame`, and each text as `block.text_letters`, `block.text_words`."""
        return pd.concat([self.frame(), text_columns(self.texts, self.index)], axis=1)

    def learnable_columns(self) -> dict[str, list[str]]:
        """Block -> its columns in `learnable`, without the block's name."""
        texts = [f"text_{kind}" for kind in TEXT_KINDS]
        return {
            name: [*frame.columns, *(texts if name in self.texts else [])]
            for name, frame in self.blocks.items()
        }

    def select(self, names: Sequence[str]) -> FeatureTable:
        """The same covers with these blocks only, in this order.

        Raises:
            UserError: a name is not a block of this table.
        """
        for name in names:
            if name not in self.blocks:
                raise UserError(f"The feature table has no block '{name}'.{did_you_mean(name, self.blocks)}")
        return FeatureTable(
            {name: self.blocks[name] for name in names},
            {name: self.notes[name] for name in names if name in self.notes},
            {name: self.texts[name] for name in names if name in self.texts},
        )

    def without(self, *names: str) -> FeatureTable:
        """The same covers without these blocks; raises UserError as `select` does."""
        self.select(names)
        return self.select([name for name in self.blocks if name not in names])

    def rows(self, cover_ids: Sequence[str]) -> FeatureTable:
        """The same blocks for these covers, in this order."""
        ids = list(cover_ids)
        return FeatureTable(
            {name: frame.loc[ids] for name, frame in self.blocks.items()},
            {name: notes.loc[ids] for name, notes in self.notes.items()},
            {name: texts.loc[ids] for name, texts in self.texts.items()},
        )

    def set_index(self, index: pd.Index) -> FeatureTable:
        """The same rows under other ids."""
        return FeatureTable(
            {name: frame.set_axis(index) for name, frame in self.blocks.items()},
            {name: notes.set_axis(index) for name, notes in self.notes.items()},
            {name: texts.set_axis(index) for name, texts in self.texts.items()},
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes `<block>.parquet`, its notes and text, the blocks' order and `SHA256SUMS` into `folder`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in self.blocks.items():
            frame.to_parquet(folder / f"{name}.parquet", row_group_size=ROWS_PER_GROUP)
        for name, notes in self.notes.items():
            notes.to_frame("note").to_parquet(folder / f"{name}.notes.parquet")
        for name, texts in self.texts.items():
            texts.to_frame("text").to_parquet(folder / f"{name}.text.parquet")
        (folder / LISTING).write_text(json.dumps({"blocks": list(self.blocks)}))
        names = [name for block in self.blocks for name in _files(folder, block)]
        write_sums(folder, [LISTING, *names])

    @classmethod
    def load(cls, folder: str | os.PathLike[str], blocks: Sequence[str] | None = None) -> FeatureTable:
        """Reads a saved table, or only the named blocks of it.

        Raises:
            UserError: there is no table in `folder`, it lacks a named block, or a file was changed since.
        """
        folder = Path(folder)
        listing = folder / LISTING
        if not listing.is_file():
            raise UserError(
                f"{folder} holds no feature table (no table.json). Make one with `coverfusion extract`."
            )
        chosen = table_blocks(folder, blocks)
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in chosen}
        return cls(frames, _kept(folder, chosen, "notes", "note"), _kept(folder, chosen, "text", "text"))


def table_blocks(
    folder: str | os.PathLike[str], blocks: Sequence[str] | None = None, beside: Sequence[str] = ()
) -> list[str]:
    """The chosen blocks of a table folder, or all, once each file of theirs was compared with its digest.

    Args:
        folder: with a `table.json`.
        blocks: names; None: all.
        beside: other files of the folder that will be read.

    Raises:
        UserError: no such block, or a file is missing or was changed since it was written.
    """
    folder = Path(folder)
    check_sums(folder, [LISTING, *beside], _REMEDY)
    known = read_json(folder / LISTING, Listing)["blocks"]
    for name in blocks or []:
        if name not in known:
            raise UserError(f"{folder} has no block '{name}'.{did_you_mean(name, known)}")
    chosen = list(dict.fromkeys(known if blocks is None else blocks))
    check_sums(folder, [name for block in chosen for name in _files(folder, block)], _REMEDY)
    return chosen


def _files(folder: Path, block: str) -> list[str]:
    """The names of a block's files: its numbers, and its notes and text where it has them."""
    kinds = [f"{block}.notes.parquet", f"{block}.text.parquet"]
    return [f"{block}.parquet", *(name for name in kinds if (folder / name).is_file())]


def is_metadata(name: str) -> bool:
    """Whether a block, or one of its columns, comes from the manifest and not from the picture."""
    return name.startswith(METADATA)


def text_columns(texts: Mapping[str, pd.Series], index: pd.Index) -> pd.DataFrame:
    """`block.text_letters` and `block.text_words` of each block: the same text, learnt in two ways.

    Args:
        texts: block -> (n,) texts or None.
        index: (n,) of both.
    """
    columns = {f"{block}.text_{kind}": text for block, text in texts.items() for kind in TEXT_KINDS}
    return pd.DataFrame(columns, index=index, dtype=object)


def _kept(folder: Path, blocks: Sequence[str], kind: str, column: str) -> dict[str, pd.Series]:
    """Block -> what stands in its `<block>.<kind>.parquet`, where there is one."""
    paths = {name: folder / f"{name}.{kind}.parquet" for name in blocks}
    return {
        name: pd.read_parquet(path)[column].astype(object).where(lambda known: known.notna(), None)
        for name, path in paths.items()
        if path.is_file()
    }
