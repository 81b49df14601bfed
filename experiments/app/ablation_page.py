"""The ablation of a run's collection: which blocks carry the signal."""

from __future__ import annotations

from pathlib import Path

from coverfusion.experiments.app.embedded import show_one_of
from coverfusion.experiments.app.missing_results import no_run, offer
from coverfusion.experiments.app.runs import ablation_folders, run_note


def show_ablation_page(run: Path | None, root: Path) -> None:
    """The page that `coverfusion ablate` made of the same collection.

    Args:
        run: a finished run folder; None where there is none.
        root: where ablations are looked for, beside the run's own folder.
    """
    if run is None:
        no_run()
        return
    roots = (root, run.parent)
    folders = ablation_folders(roots, run)
    if folders:
        show_one_of(folders, "Ablation, the newest first", "Ablation", run_note(run))
    else:
        offer("There is no ablation of this run's collection yet.", "ablation", run, roots)
