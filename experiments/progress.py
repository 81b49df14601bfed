"""Progress bars: one line a block with covers/s, and the time left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from features.extract import Progress as Report

console = Console()


@contextmanager
def block_bars(missing: Mapping[str, int]) -> Iterator[Report]:
    """Bars for the blocks that still miss covers.

    Args:
        missing: block -> number of covers to compute.

    Yields:
        The function that `features.extract.extract` calls after each chunk.
    """
    bars = Progress(
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
    )
    tasks = {name: bars.add_task(name, total=count, rate="") for name, count in missing.items() if count}
    spent = dict.fromkeys(tasks, 0.0)
    done = dict.fromkeys(tasks, 0)

    def report(block: str, covers: int, seconds: float) -> None:
        spent[block] += seconds
        done[block] += covers
        bars.update(tasks[block], advance=covers, rate=f"{done[block] / spent[block]:.1f} covers/s")

    with bars:
        yield report


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Progress]:
    """One bar for steps of equal kind; `advance(task)` is called with task 0."""
    bar = Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[now]}"),
        TimeRemainingColumn(), TextColumn("left"), console=console,
    )  # fmt: skip
    bar.add_task(what, total=total, now="")
    with bar:
        yield bar
