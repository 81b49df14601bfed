"""Work that takes longer than a visit to a page: it goes on while visitors look at other pages."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from coverfusion.data.errors import UserError
from coverfusion.experiments.app.plain_text import plain

SHOWN_LINES = 5  # of what a command said last, where it failed
_TASKS: dict[str, Task] = {}
_LOCK = threading.Lock()


@dataclass
class Task:
    """Steps one after the other, in a thread of their own.

    Attributes:
        steps: what each does, in words, and its work.
        at: the number of the step that is being done.
        error: why it stopped; "" where nothing went wrong.
        done: whether it has ended, either way.
    """

    steps: Sequence[tuple[str, Callable[[], object]]]
    at: int = 0
    error: str = ""
    done: bool = False
    began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Does all steps, up to the first that fails."""
        try:
            for step, (_, work) in enumerate(self.steps):
                self.at = step
                work()
        except Exception as error:  # noqa: BLE001 - it is shown to the visitor, and the server goes on
            self.error = str(error) or repr(error)
        self.done = True

    @property
    def words(self) -> str:
        """Which step it is at, and for how long it has worked."""
        step = f"Step {self.at + 1} of {len(self.steps)}: " if len(self.steps) > 1 else ""
        return f"{step}{self.steps[self.at][0]} ({time.monotonic() - self.began:.0f} s so far)"


def start(name: str, steps: Sequence[tuple[str, Callable[[], object]]]) -> None:
    """Starts a task for all visitors, unless one of this name is at work."""
    with _LOCK:
        if name in _TASKS and not _TASKS[name].done:
            return
        task = _TASKS[name] = Task(steps)
    threading.Thread(target=task.run, daemon=True, name=name).start()


def show_task(name: str) -> bool:
    """Shows how far a task is, or why it failed; the page is drawn anew at its end.

    Returns:
        Whether it is still at work.
    """
    task = _TASKS.get(name)
    if task is None:
        return False
    if task.done:
        if task.error:
            st.error(plain(task.error))
        return False
    _show_progress(task)
    return True


@st.fragment(run_every=1)
def _show_progress(task: Task) -> None:
    st.progress(task.at / len(task.steps), task.words)
    st.caption("It goes on when you look at another page.")
    if task.done:
        st.rerun()


def run_command(words: Sequence[str | Path]) -> None:
    """Runs a command of coverfusion in a process of its own.

    Raises:
        UserError: it failed, with the last that it said.
    """
    code = "from coverfusion.experiments.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise UserError("\n".join(ended.stdout.strip().splitlines()[-SHOWN_LINES:]) or "The command failed.")
