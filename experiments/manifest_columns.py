"""What else a manifest says of its covers: columns that could be blocks of metadata."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coverfusion.data.collection import Collection
from coverfusion.data.csv_files import write_csv
from coverfusion.data.manifest import other_columns
from coverfusion.data.metadata import metadata_of_covers, read_metadata
from coverfusion.data.sources import is_manifest
from coverfusion.experiments.pipeline.console import console, new_table
from coverfusion.experiments.pipeline.metadata import giveaway_words, judge_blocks
from coverfusion.features.metadata import CATEGORY, NUMBER, TEXT, metadata_blocks, no_numbers
from coverfusion.features.table import MetadataColumn

COLUMNS_FILE = "columns.csv"
MOSTLY = 0.9  # of the values are numbers: the column is one of numbers
MOST_CATEGORIES = 0.5  # as many different values as this proportion of covers: rather a text than a category


def write_columns(collection: Collection, out: Path) -> pd.DataFrame:
    """One row a column that could be metadata, written to `columns.csv` where there is any.

    Args:
        collection: that was read from a manifest, or not.
        out: folder, which is there.

    Returns:
        block, column, kind (number, category or text, guessed from the values), covers (with a value), values
        (different ones), accuracy, chance, gone and gives_away (`evaluation.giveaway.told_alone`).
    """
    names = other_columns(collection.source) if is_manifest(collection.source) and len(collection) else []
    values, _ = (
        metadata_of_covers(collection, read_metadata(collection.source, names)) if names else (None, None)
    )
    if values is None:
        return judge_blocks({}, pd.DataFrame(index=[]), collection.frame.iloc[:0])
    blocks = metadata_blocks(
        (name, guessed_kind(values[name])) for name in names if (values[name] != "").any()
    )
    table = judge_blocks(blocks, values, collection.frame.drop_duplicates("cover_id"))
    write_csv(table, out / COLUMNS_FILE)
    return table


def guessed_kind(values: pd.Series) -> str:
    """What the texts of a column are: numbers, categories or text."""
    known = values[values != ""]
    made = {"": MetadataColumn(column="column", kind=NUMBER)}
    if len(no_numbers(made, known.to_frame("column"))) <= (1 - MOSTLY) * len(known):
        return NUMBER
    return CATEGORY if known.nunique() <= MOST_CATEGORIES * len(known) else TEXT


def print_columns(table: pd.DataFrame) -> None:
    """Prints the columns, how to use them, and which give the genre away."""
    if table.empty:
        return
    shown = new_table("Other columns of the manifest, which could be blocks of metadata")
    shown.add_column("column", overflow="fold")
    shown.add_column("looks like")
    for head in ("covers", "different\nvalues", "accuracy\nalone", "largest\ngenre"):
        shown.add_column(head, justify="right", no_wrap=True)
    for row in table.to_dict("records"):
        figures = ["" if pd.isna(row[name]) else f"{row[name]:.3f}" for name in ("accuracy", "chance")]
        shown.add_row(row["column"], row["kind"], f"{row['covers']:,}", f"{row['values']:,}", *figures)
    console.print(shown)
    if names := table.loc[table["gives_away"], "column"].tolist():
        console.print(giveaway_words(table, names), style="bold red", highlight=False)
    honest = table[~table["gives_away"]]
    if len(honest):
        kinds = {NUMBER: "numbers", CATEGORY: "categories", TEXT: "text"}
        first = honest.iloc[0]
        console.print(
            f"To use one: `coverfusion train ... --metadata {kinds[first['kind']]}={first['column']}`",
            highlight=False,
        )
