"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CollectionArgument = Annotated[
    str,
    typer.Argument(
        help="genre folders, zips named by genre, a CSV/parquet manifest, or an address (s3://...)"
    ),
]
SourceArgument = Annotated[
    str, typer.Argument(metavar="CONFIG|COLLECTION", help="a .yaml config, or a collection as for extract")
]
PresetOption = Annotated[str, typer.Option(help="which weights: packaged or hub")]
StoreOption = Annotated[Path | None, typer.Option(help="where computed features are kept")]
KeepOption = Annotated[str, typer.Option(help="covers under two genres: drop, first or all")]
BlockOption = Annotated[list[str] | None, typer.Option("--block", "-b", help="only this block (repeatable)")]
TrackOption = Annotated[bool, typer.Option("--track", help="log the result to MLflow (see `track`)")]
TrackingUriOption = Annotated[
    str | None, typer.Option(help="log to this MLflow server or database; mlflow.db with --track alone")
]
