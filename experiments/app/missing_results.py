"""What to say where something was not made yet: a button that makes it, and the command that does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from coverfusion.experiments.app.background import run_command, show_task, start
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.pipeline.run_folder import Run, read_run

MAKING = {
    "genres": "Writing the genre report",
    "ablation": "Refitting on sets of blocks",
    "map": "Projecting the covers",
}
USUAL_CLASSIFIER = "svc"  # for an ablation where no model of the run sees several blocks


def no_run() -> None:
    """Says that there is no finished run, and how to make one."""
    st.info("There is no finished run yet.")
    _show_command(("train", "covers/"))


def offer(what: str, kind: str, run: Path, roots: Sequence[Path] = ()) -> None:
    """Says what is missing and where it was looked for, and makes it at a click.

    Args:
        what: a sentence.
        kind: a key of `MAKING`.
        run: a finished run folder.
        roots: the folders that were searched, the one in which results are made first.
    """
    name = f"{kind} of {run.resolve()}"
    if show_task(name):
        return
    folders = dict.fromkeys(str(root.resolve()) for root in roots)
    st.info(plain(what + (f" Folders searched: {', '.join(folders)}." if folders else "")))
    words = command_for(kind, run.resolve(), roots[0].resolve() if roots else None)
    if st.button("Make it now", type="primary"):
        start(name, [(MAKING[kind], partial(run_command, words))])
        st.rerun()
    with st.expander("Or run a command in a terminal"):
        _show_command(words)


def command_for(kind: str, run: Path, root: Path | None) -> tuple[str | Path, ...]:
    """The words of the command that makes something of a run.

    Args:
        kind: a key of `MAKING`.
        run: an absolute path.
        root: where it is made; None: in the run.
    """
    if kind == "genres" or root is None:
        return ("report", run)
    if kind == "map":
        return ("map", run, "--out", root / f"map-{run.name}")
    return ("ablate", run / "config.yaml", "-c", _fusing(read_run(run)), "--out", root)


def _fusing(run: Run) -> str:
    """The run's best classifier on several blocks: of one that sees only words there is nothing to ablate."""
    fused = (model for model in (run.chosen, *run.models) if model.kind == "fused")
    seen = (model.classifier for model in fused if sum(":" not in name for name in model.blocks) > 1)
    return next(seen, USUAL_CLASSIFIER)


def _show_command(words: Sequence[str | Path]) -> None:
    st.code(shlex.join(map(str, ("coverfusion", *words))), language=None, wrap_lines=True)
    st.caption("Then load this page again. In a container, replace the paths with those on your machine.")
