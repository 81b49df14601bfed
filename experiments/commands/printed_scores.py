"""What `coverfusion score` prints of the pictures that it has scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coverfusion.data.plurals import how_many
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, new_table

if TYPE_CHECKING:
    from coverfusion.experiments.scoring.tally import Tally

SHOWN_GENRES = 20
LEARNT = "The model has learnt from {} of these pictures: it fares worse on new ones."


def print_tally(tally: Tally) -> None:
    """Prints how many pictures have each genre, and how many abstain, are flagged or have an error."""
    from coverfusion.experiments.drawing.words import percent

    table = new_table(how_many(tally.rows, "picture"))
    table.add_column("most probable genre", overflow="fold")
    for head in ("pictures", "proportion"):
        table.add_column(head, justify="right")
    read = max(tally.rows - tally.errors, 1)
    for genre, count in tally.genres.most_common(SHOWN_GENRES):
        table.add_row(genre, f"{count:,}", percent(count / read))
    if others := tally.genres.most_common()[SHOWN_GENRES:]:
        count = sum(count for _, count in others)
        table.add_row(how_many(len(others), "other genre"), f"{count:,}", percent(count / read))
    console.print(table)
    console.print(
        f"Abstained: {tally.abstained:,}; out-of-distribution: {tally.flagged:,}; "
        f"with an error: {tally.errors:,}"
    )
    _print_learnt(tally)


def print_rows(tally: Tally) -> None:
    """Prints the first rows, a picture a row."""
    from coverfusion.experiments.drawing.words import in_folder, percent

    folder, names = in_folder(tally.first["path"].tolist())
    if folder:
        print_place("Pictures in", folder)
    rows = []
    for name, row in zip(names, tally.first.itertuples(index=False), strict=True):
        _, genre, chance, abstain, flagged, error = row
        remarks = [error] if error else []
        remarks += ["abstains"] if abstain and not error else []
        remarks += ["out-of-distribution"] if flagged is True else []
        found = ("", "") if error else (genre, percent(chance))
        rows.append((name, *found, ", ".join(remarks)))
    heads = ["file", "genre", "probability", "remark"][: 4 if any(cells[-1] for cells in rows) else 3]
    table = new_table()
    for head in heads:
        if head == "probability":
            table.add_column(head, justify="right", no_wrap=True)
        else:
            table.add_column(head, overflow="fold")
    for cells in rows:
        table.add_row(*cells[: len(heads)])
    console.print(table)
    _print_learnt(tally)


def _print_learnt(tally: Tally) -> None:
    if tally.learnt:
        console.print(LEARNT.format(f"{tally.learnt:,}"), style="yellow")
