"""Arguments and options that several commands share, and what goes with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coverfusion.data.errors import UserError, did_you_mean, needs_extra

if TYPE_CHECKING:
    from coverfusion.experiments.pipeline.config import Config

ENGINES = ("local", "ray")

# what a command works on
CollectionArgument = Annotated[
    str,
    typer.Argument(
        help="genre folders, zips named by genre, a CSV/parquet manifest, or an address (s3://...)"
    ),
]
SourceArgument = Annotated[
    str, typer.Argument(metavar="CONFIG|COLLECTION", help="a .yaml config, or a collection as for extract")
]
OptionalSourceArgument = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG|COLLECTION", help="a .yaml config, or a collection as for extract"),
]
TableArgument = Annotated[
    Path, typer.Argument(metavar="RUN|TABLE", help="a run folder of train, or a table folder of extract")
]
BundleArgument = Annotated[Path, typer.Argument(help="a run's bundle/ folder")]

# features; "Config" options have no default of their own, since a config file may hold the value
BlockOption = Annotated[list[str] | None, typer.Option("--block", "-b", help="only this block (repeatable)")]
PresetOption = Annotated[str, typer.Option(help="which weights: packaged or hub")]
ConfigPresetOption = Annotated[str | None, typer.Option(help="which weights: packaged or hub")]
KeepOption = Annotated[str, typer.Option(help="covers under two genres: drop, first or all")]
ConfigKeepOption = Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")]
MaxFailedOption = Annotated[
    float, typer.Option(min=0, max=1, help="end where a block fails on a larger share of covers")
]
StoreOption = Annotated[Path | None, typer.Option(help="where computed features are kept")]

# studies
ClassifiersOption = Annotated[
    list[str] | None, typer.Option("--classifier", "-c", help="only this classifier (repeatable)")
]
FoldsOption = Annotated[int | None, typer.Option(min=2, help="grouped cross-validation with this many folds")]
RepeatsOption = Annotated[int, typer.Option(min=1, help="of the cross-validation")]
ConfigSeedOption = Annotated[
    int | None, typer.Option(min=0, help="of splits, folds, classifiers and bootstrap")
]
SplitFileOption = Annotated[
    Path | None,
    typer.Option(help="a splits.parquet of a run or study: its covers test, not those drawn by the seed"),
]
SeedOption = Annotated[int, typer.Option(min=0, help="of everything that is drawn at random")]
PriorOption = Annotated[
    str | None,
    typer.Option(help="what probabilities answer to: natural or balanced; shares by genre in a config file"),
]
MetricOption = Annotated[
    str | None,
    typer.Option(help="rank and compare by accuracy, balanced_accuracy, macro_f1, log_loss or brier"),
]
ChooseByOption = Annotated[
    str | None, typer.Option(help="the metric that chooses the bundle's model; log_loss, if left out")
]
OutOption = Annotated[Path | None, typer.Option(help="where the result's folder is made")]
ProcessesOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="processes; one a core, if left out")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="do it again, and forget earlier results")]
TrackOption = Annotated[bool, typer.Option("--track", help="log the result to MLflow (see `track`)")]
TrackingUriOption = Annotated[
    str | None, typer.Option(help="log to this MLflow server or database; mlflow.db with --track alone")
]

# parameters of one classifier: sweep and search
TunedClassifierOption = Annotated[str, typer.Option("--classifier", "-c", help="whose parameters")]
TuningFoldsOption = Annotated[
    int | None,
    typer.Option(
        min=2, help="grouped folds of the training and validation covers; else the split's two parts"
    ),
]

# when a difference matters
RopeOption = Annotated[
    float | None,
    typer.Option(
        min=0, help="a difference that does not matter; a point (0.01), if left out, but of losses none"
    ),
]

# when to abstain, and what sets of genres guarantee
TargetErrorOption = Annotated[
    float | None, typer.Option(help="abstain so that at most this proportion is wrong, such as 0.2")
]
TargetCoverageOption = Annotated[
    float | None, typer.Option(help="predict only this proportion, the most confident, such as 0.5")
]
SetCoverageOption = Annotated[
    float, typer.Option(help="proportion of genre sets that hold the true genre, such as 0.9")
]
SetsOption = Annotated[
    str | None,
    typer.Option(
        help="of what that is a proportion: by-genre (of each genre's covers) or marginal (of all covers); "
        "as the bundle has it, if left out"
    ),
]
ThresholdsOption = Annotated[
    str | None,
    typer.Option(
        help="by-genre: --target-error is kept among the covers predicted as each genre; else marginal"
    ),
]

# which engine computes: score and extract
EngineOption = Annotated[
    str, typer.Option(help="local, or ray for many machines (experiments/cluster/README.md)")
]
ActorsOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="with ray: actors, each with its own models")
]
AddressOption = Annotated[
    str | None, typer.Option(help="with ray: a running cluster; else $RAY_ADDRESS, else one started here")
]


def read_options(command: str, source: str, **options: Any) -> Config:
    """A config from a command's source and its options; those that were left out stay as the config says.

    Args:
        command: its name, for messages.
        source: a .yaml config or a collection.
        options: fields of `Config`; None or an empty list = left out.

    Raises:
        UserError: the config cannot be read, or a value is wrong.
    """
    from coverfusion.experiments.pipeline.config import read_source

    given = {name: None if value == [] else value for name, value in options.items()}
    return read_source(f"coverfusion {command}", source, **given)


def check_tracking(track: bool, tracking_uri: str | None) -> None:
    """Says before the work, not after it, that MLflow is missing. Raises UserError."""
    if track or tracking_uri is not None:
        needs_extra("tracking", "--track" if track else "--tracking-uri")


def check_engine(engine: str, workers: int | None, address: str | None) -> bool:
    """Whether the engine is Ray.

    Raises:
        UserError: an unknown engine, one that is not installed, or an option of ray with another.
    """
    if engine not in ENGINES:
        raise UserError(f"--engine {engine}: say `local` or `ray`.{did_you_mean(engine, ENGINES)}")
    if engine == "local" and (workers is not None or address is not None):
        raise UserError("--workers and --address belong to --engine ray.")
    if engine == "ray":
        needs_extra("ray", "--engine ray")
    return engine == "ray"
