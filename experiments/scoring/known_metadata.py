"""What is known of pictures to be scored beside the pictures, for models that have learnt from metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from coverfusion.data.addresses import place
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.manifest import cell_text, columns_of
from coverfusion.data.metadata import read_metadata
from coverfusion.experiments.pipeline.console import console
from coverfusion.features.metadata import metadata_frame, no_numbers
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.bundle import Bundle

MetadataRows = pd.DataFrame | Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class KnownMetadata:
    """What manifests say of pictures.

    Attributes:
        bundle: the model, which may have learnt from metadata.
        values: texts by path, one column a manifest's column that the model knows; None: no manifest has any.
    """

    bundle: Bundle
    values: pd.DataFrame | None

    def of(self, chunk: Sequence[tuple[str, str, object]]) -> pd.DataFrame | None:
        """Those of decoded pictures (cover_id, path, picture), in their order; "" where there are none."""
        paths = [path for _, path, _ in chunk]
        return None if self.values is None else self.values.reindex(paths, fill_value="")

    def digest(self) -> str | None:
        """Of all values; None where there are none."""
        if self.values is None:
            return None
        rows = self.values.reset_index()
        return hashlib.sha256(repr([list(rows), rows.to_numpy().tolist()]).encode()).hexdigest()[:16]

    def say(self) -> None:
        """Prints which columns count as missing, and which values are no numbers."""
        for text in self.words():
            console.print(text, style="yellow", highlight=False)

    def words(self) -> list[str]:
        """The same as sentences; none where the model has not learnt from metadata, or all of it is here."""
        learnt = [made["column"] for made in self.bundle.metadata.values()]
        there = [] if self.values is None else list(self.values)
        said = []
        if lacking := [f"'{name}'" for name in learnt if name not in there]:
            said.append(
                f"The model has learnt from the manifest's {', '.join(lacking)} too. Here that is missing: "
                f"expect less than its figures and guarantees say, which are of covers with it."
            )
        if self.values is not None:
            present = {block: made for block, made in self.bundle.metadata.items() if made["column"] in there}
            for column, count in no_numbers(present, self.values)["column"].value_counts().items():
                said.append(f"Column '{column}': {count:,} values are no numbers and count as missing.")
        return said


def known_metadata(bundle: Bundle, manifests: Sequence[str]) -> KnownMetadata:
    """What manifests say of pictures, as far as the model has learnt from it.

    Args:
        bundle: the fitted model.
        manifests: CSV or parquet files; of a picture that several name the first counts.

    Raises:
        UserError: a manifest cannot be read.
    """
    learnt = [made["column"] for made in bundle.metadata.values()]
    read = []
    for manifest in manifests if learnt else ():
        columns = [name for name in columns_of(place(manifest), ()) if name in learnt]
        if columns:
            read.append(read_metadata(place(manifest), columns))
    if not read:
        return KnownMetadata(bundle, None)
    values = pd.concat(read).fillna("")
    return KnownMetadata(bundle, values[~values.index.duplicated()])


def given_metadata(bundle: Bundle, given: MetadataRows | None) -> pd.DataFrame | None:
    """Metadata from Python, one row a picture, as texts.

    Args:
        bundle: the fitted model.
        given: column of the manifest -> its values, or a frame of them; None: there are none.

    Raises:
        UserError: the model does not know a column, or columns differ in length.
    """
    if given is None:
        return None
    learnt = [made["column"] for made in bundle.metadata.values()]
    columns = {str(name): list(values) for name, values in given.items()}
    for name in columns:
        if not learnt:
            raise UserError(
                f"metadata: this model has not learnt from any, so it has no column '{name}'. Leave it out, "
                f"or train one with `metadata`."
            )
        if name not in learnt:
            raise UserError(f"metadata: the model has no column '{name}'.{did_you_mean(name, learnt)}")
    if len({len(values) for values in columns.values()}) > 1:
        raise UserError("metadata: the columns differ in length. Give one value a picture, None for none.")
    frame = pd.DataFrame(columns)
    return frame.astype(object).where(frame.notna(), None).map(cell_text)


def checked_metadata(bundle: Bundle, given: MetadataRows) -> pd.DataFrame:
    """As `given_metadata`, of values that a person or a program has written for these very pictures.

    Raises:
        UserError: as there, or a value of a column of numbers is none.
    """
    values = given_metadata(bundle, given)
    assert values is not None
    present = {block: made for block, made in bundle.metadata.items() if made["column"] in values}
    for wrong in no_numbers(present, values).itertuples():
        raise UserError(f"metadata: column '{wrong.column}' takes numbers, and '{wrong.value}' is none.")
    return values


def with_metadata(bundle: Bundle, table: FeatureTable, values: pd.DataFrame | None) -> pd.DataFrame:
    """What the classifier takes: the table's columns, and those of metadata, missing where there are none.

    Args:
        bundle: the fitted model.
        table: of n pictures.
        values: (n, columns) texts in the same order, or None.
    """
    frame = table.learnable()
    if values is None:
        return frame
    return pd.concat([frame, metadata_frame(bundle.metadata, values.set_axis(frame.index, axis=0))], axis=1)
