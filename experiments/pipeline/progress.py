"""Progress bars: one line a block with covers/s, and the time left; in a log file a line a minute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from coverfusion.experiments.pipeline.console import console
from coverfusion.features.extract import Progress as Report

SECONDS_BETWEEN_LINES = 60.0  # in a log file
BAR, COUNT_AND_TIME = 20, 30  # letters: "12,345/12,345", "0:01:20 left" and the spaces between


class TimeLeft(TimeRemainingColumn):
    """The time left, "0:01:20 left"; nothing of a bar that is done."""

    def render(self, task: Task) -> Text:
        """One cell."""
        return Text("") if task.finished else super().render(task) + Text(" left")


class Now(ProgressColumn):
    """What is done now, the task's field `now`, set off from the time before it."""

    def render(self, task: Task) -> Text:
        """One cell."""
        return Text(f"\u00b7 {task.fields['now']}" if task.fields["now"] else "")


@contextmanager
def block_bars(missing: Mapping[str, int]) -> Iterator[Report]:
    """Bars for the blocks that still miss covers.

    Args:
        missing: block -> number of covers to compute.

    Yields:
        The function that `features.extract.extract` calls after each chunk.
    """
    bars = Progress(
        _text("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        _text("{task.fields[rate]}"),
        TimeLeft(),
        console=console,
    )
    tasks = {name: bars.add_task(name, total=count, rate="") for name, count in missing.items() if count}
    spent = dict.fromkeys(tasks, 0.0)
    done = dict.fromkeys(tasks, 0)

    def report(block: str, covers: int, seconds: float) -> None:
        spent[block] += seconds
        done[block] += covers
        bars.update(tasks[block], advance=covers, rate=f"{done[block] / spent[block]:.1f} covers/s")

    with _shown(bars):
        yield report


@contextmanager
def counted(what: str, total: int | None, alike: bool = True) -> Iterator[Progress]:
    """One bar for steps of equal kind; `advance(task)` is called with task 0; None: nobody knows how many.

    Steps that are not alike, such as fits of several classifiers, show the time so far and none that is left.
    """
    count: ProgressColumn = MofNCompleteColumn()
    times: list[ProgressColumn] = [TimeLeft() if alike else TimeElapsedColumn()]
    if total is None:
        count, times = _text("{task.completed:,}"), [TimeElapsedColumn()]
    # what is done now stands last and takes what is left of the line: count and time are never cut
    left = console.width - len(what) - BAR - COUNT_AND_TIME
    now = Now(table_column=Column(no_wrap=True, overflow="ellipsis", max_width=max(left, 8)))
    bar = Progress(_text("{task.description}"), BarColumn(BAR), count, *times, now, console=console)
    bar.add_task(what, total=total, now="")
    with _shown(bar):
        yield bar
        # what is over is no news: the line that stays is the whole work's, with its count and time
        for task in bar.task_ids:
            bar.update(task, now="", visible=task == bar.task_ids[0])


def _text(template: str) -> TextColumn:
    """A column of plain text: rich reads markup in it unless told not to."""
    return TextColumn(template, markup=False)


@contextmanager
def _shown(bars: Progress) -> Iterator[None]:
    """The bars on a terminal; where nothing moves (a log file) their state once in a while."""
    stopped = Event()
    if not console.is_terminal:
        Thread(target=_logged, args=(bars, stopped), daemon=True).start()
    try:
        with bars:
            try:
                yield
            except BaseException:  # a bar that never moved would only stand above the error
                bars.live.transient = not any(task.completed for task in bars.tasks)
                raise
    finally:
        stopped.set()


def _logged(bars: Progress, stopped: Event) -> None:
    while not stopped.wait(SECONDS_BETWEEN_LINES):
        if not bars.finished:  # the last state is printed at the end
            console.print(bars.get_renderable())


def watched(bar: Progress, what: str, done: int, total: int) -> None:
    """Shows how far one long fit is, on a line of its own with its rate."""
    line = bar.task_ids[1] if len(bar.task_ids) > 1 else bar.add_task("", total=total, now="")
    if done < bar.tasks[1].completed or bar.tasks[1].total != total:
        bar.reset(line, total=total)
    bar.update(line, completed=done, now=f"{what}, {bar.tasks[1].speed or 0:.1f} covers/s")
