"""What `coverfusion score` prints of the pictures that it has scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coverfusion.data.plurals import how_many
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, new_table

if TYPE_CHECKING:
    from coverfusion.experiments.scoring.tally import Tally

SHOWN_GENRES = 20
LEARNT = (
    "The model has learnt from {} of these pictures, or from ones just like them: it fares worse on new ones."
)


def print_tally(tally: Tally, abstains: bool) -> None:
    """Prints how many pictures or albums have each genre, and how many abstain, are flagged or have an error.

    A model of several genres never abstains, and a picture counts for each genre that it is called.

    Args:
        tally: of the pictures.
        abstains: whether a target was named, without which no picture abstains.
    """
    from coverfusion.experiments.drawing.words import percent

    what = "album" if tally.albums else "picture"
    table = new_table(how_many(tally.rows, what))
    table.add_column("called" if tally.several else "most probable genre", overflow="fold")
    for head in (f"{what}s", "proportion"):
        table.add_column(head, justify="right")
    read = max(tally.rows - tally.errors, 1)
    for genre, count in tally.genres.most_common(SHOWN_GENRES):
        table.add_row(genre, f"{count:,}", percent(count / read))
    if others := tally.genres.most_common()[SHOWN_GENRES:]:
        count = sum(count for _, count in others)
        table.add_row(how_many(len(others), "other genre"), f"{count:,}", percent(count / read))
    console.print(table)
    if tally.several:
        console.print(f"{what.capitalize()}s that are called several genres count for each.")
    if tally.errors:
        console.print(f"Proportions are of the {what}s that could be read.")
    abstained = f"abstained: {tally.abstained:,}; " if abstains else ""
    said = f"{abstained}out-of-distribution: {tally.flagged:,}; with an error: {tally.errors:,}"
    failed = "a side or block" if tally.albums else "a block"
    said += f"; with {failed} that failed: {tally.in_part:,}" if tally.in_part else ""
    console.print(f"{said[0].upper()}{said[1:]}")
    if not abstains and not tally.several:
        console.print("The model abstains from none: ask for it by --target-error or --target-coverage.")
    _print_learnt(tally)


def print_rows(tally: Tally) -> None:
    """Prints the first rows, a picture a row."""
    from coverfusion.experiments.drawing.words import in_folder, percent

    folder, names = in_folder(tally.first["path"].tolist())
    if folder:
        print_place("Pictures in", folder)
    rows = []
    for name, row in zip(names, tally.first.to_dict("records"), strict=True):
        error = row["error"]
        remarks = [reason for reason in (error, row["failed_blocks"]) if reason]
        remarks += ["abstains"] if row["abstain"] and not error else []
        remarks += ["out-of-distribution"] if row["out_of_distribution"] is True else []
        if tally.several:
            found = [", ".join(f"{genre} {percent(chance)}" for genre, chance in row["chances"].items())]
        else:
            found = ["", ""] if error else [row["genre_1"], percent(row["probability_1"])]
        rows.append((name, *found, ", ".join(remarks)))
    heads = ["file", "called"] if tally.several else ["file", "genre", "probability"]
    heads += ["remark"] if any(cells[-1] for cells in rows) else []
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
