"""The map of a run: its covers on a plane, clusters, and which genres separate."""

from __future__ import annotations

from pathlib import Path

from coverfusion.experiments.app.embedded import show_one_of
from coverfusion.experiments.app.missing_results import no_run, offer
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
    roots = (root, run.parent)
    folders = map_folders(roots, run)
    if folders:
        show_one_of(folders, "Map", f"Map of the covers of {run.name}")
    else:
        offer("There is no map of this run yet.", "map", run, roots)
