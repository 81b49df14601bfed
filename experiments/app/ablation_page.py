"""The ablation of a run's collection: which blocks carry the signal."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from coverfusion.experiments.app.embedded import show_page
from coverfusion.experiments.app.missing_results import no_run, show_command
from coverfusion.experiments.app.runs import ablation_folders


def show_ablation_page(run: Path | None, root: Path) -> None:
    """The page that `coverfusion ablate` made of the same collection.

    Args:
        run: a finished run folder; None where there is none.
        root: where ablations are looked for, beside the run's own folder.
    """
    if run is None:
        no_run()
        return
    folders = ablation_folders((root, run.parent), run)
    if not folders:
        config = run / "config.yaml"
        show_command(
            "There is no ablation of this run's collection yet.", "coverfusion", "ablate", config, "-c", "svc"
        )
        return
    folder = folders[0]
    if len(folders) > 1:
        folder = st.selectbox("Ablation, the newest first", folders, format_func=lambda path: path.name)
    show_page(folder / "index.html", f"Ablation {folder.name}")
