"""`coverfusion track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.data.errors import needs_extra
from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console


def track_command(
    results: Annotated[
        list[Path], typer.Argument(help="Folders that train, ablate or curve made, or files that score made.")
    ],
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="An MLflow server or database; mlflow.db in the working directory if left out."),
    ] = None,
    experiment: Annotated[str, typer.Option(help="The experiment's name in MLflow.")] = "coverfusion",
) -> None:
    """Logs finished results to MLflow: parameters, metrics per fold, files, the bundle as a model.

    Example: `coverfusion track runs/covers-0123456789 --tracking-uri http://127.0.0.1:5000`
    """
    needs_extra("tracking", "`coverfusion track`")
    console.print("Reading the results")  # before the slow imports
    from coverfusion.experiments.tracking.log import files_place, log_folder, tracking_address

    for place in results:
        print_place(str(place), f"run {log_folder(place, tracking_uri, experiment)}")
    uri = tracking_address(tracking_uri)
    if uri.startswith("sqlite"):  # beside the database, or where the experiment was first made
        print_place("Files and models", files_place(tracking_uri, experiment))
    if uri.startswith("http"):
        print_place("Next, to see it, open", uri)
    elif "@" not in uri:  # a password may stand before it
        print_next("see it in the browser", "ui", "--backend-store-uri", uri, program="mlflow")
