"""The map of a run: its covers on a plane, clusters, and which genres separate."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from coverfusion.experiments.app.embedded import show_page
from coverfusion.experiments.app.missing_results import no_run, show_command
from coverfusion.experiments.app.runs import map_folders


def show_map_page(run: Path | None, root: Path) -> None:
    """The interactive map that `coverfusion map` made of a run.

    Args:
        run: a finished run folder; None where there is none.
        root: where maps are looked for, beside the run's own folder.
    """
    if run is None:
        no_run()
        return
    folders = map_folders((root, run.parent), run)
    if not folders:
        out = root / f"map-{run.name}"
        show_command("There is no map of this run yet.", "coverfusion", "map", run, "--out", out)
        return
    folder = folders[0]
    if len(folders) > 1:
        folder = st.selectbox("Map", folders, format_func=lambda path: path.name)
    show_page(folder / "index.html", f"Map of the covers of {run.name}")
