"""`coverfusion app`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.errors import UserError, needs_extra
from coverfusion.experiments.commands.options import (
    SetCoverageOption,
    SetsOption,
    TargetCoverageOption,
    TargetErrorOption,
    ThresholdsOption,
)
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.service.listening import bound_socket

if TYPE_CHECKING:
    from coverfusion.fusion.uncertainty.decision import Targets

RUNS = Path("runs")  # where every command makes its folders


def app_command(
    bundle: Annotated[
        Path | None,
        typer.Option(help="The bundle/ folder of a run; by default that of the run chosen in the app."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="The folder of runs, maps and ablations.")] = RUNS,
    host: Annotated[str, typer.Option(help="The address it listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port it listens on.")] = 8501,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = 0.9,
    sets: SetsOption = None,
    thresholds: ThresholdsOption = None,
) -> None:
    """Opens the app for the browser: genres of covers, explanations, similar covers, and the pages of a run.

    Example: `coverfusion app --bundle runs/covers-0123456789/bundle`
    """
    needs_extra("app", "`coverfusion app`")
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
    bound_socket(host, port).close()
    _check(bundle, runs, targets)
    if host not in ("127.0.0.1", "::1", "localhost"):
        console.print(
            f"Everyone who reaches {host} may use it, and sees the covers of its runs.", style="yellow"
        )
    from coverfusion.experiments.app.server import run_server

    run_server(bundle, runs, host, port, targets)


def _check(bundle: Path | None, runs: Path, targets: Targets) -> None:
    """Says now, not to the first visitor, what will not work; the model is read and kept for visitors."""
    from coverfusion.experiments.app.loaded_model import read_model
    from coverfusion.experiments.app.runs import finished_runs
    from coverfusion.experiments.scoring.score import check_targets

    if bundle is not None:
        if not bundle.exists():
            raise UserError(f"--bundle {bundle} does not exist. Name the bundle/ folder of a run.")
        console.print("Reading the model")
        check_targets(read_model(bundle).bundle, targets)
    elif not runs.is_dir() and runs != RUNS:
        wrong = "is not a folder" if runs.exists() else "does not exist"
        raise UserError(
            f"--runs {runs} {wrong}. Name a folder of runs, or a --bundle; `coverfusion demo` makes both."
        )
    elif not finished_runs(runs):
        console.print(f"{runs} holds no finished run yet. The app offers to make an example.", style="yellow")
