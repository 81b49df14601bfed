"""Arguments and options that several commands share, and what goes with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coverfusion.data.errors import UserError, did_you_mean, needs_extra
from coverfusion.experiments.pipeline.console import console

if TYPE_CHECKING:
    from coverfusion.experiments.pipeline.config import Config

ENGINES = ("local", "ray")

# what a command works on
CollectionArgument = Annotated[
    str,
    typer.Argument(
        help="Genre folders, zips named by genre, a CSV or parquet manifest, or an address (s3://...)."
    ),
]
SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG|COLLECTION",
        help="A config (.yaml), or a collection: genre folders, zips named by genre, a CSV or "
        "parquet manifest, an address.",
    ),
]
OptionalSourceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="CONFIG|COLLECTION",
        help="A config (.yaml), or a collection: genre folders, zips named by genre, a CSV or "
        "parquet manifest, an address.",
    ),
]
TableArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|TABLE", help="A run folder that train made, or a table folder that extract made."
    ),
]
BundleArgument = Annotated[Path, typer.Argument(help="The bundle/ folder of a run.")]

# features; "Config" options have no default of their own, since a config file may hold the value
BlockOption = Annotated[
    list[str] | None, typer.Option("--block", "-b", help="Use only this block (repeatable).")
]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns of the manifest that are blocks too, as numbers=year, categories=label,country or "
        "text=title (repeatable)."
    ),
]
PresetOption = Annotated[str, typer.Option(help="Which weights are used: packaged or hub.")]
ConfigPresetOption = Annotated[str | None, typer.Option(help="Which weights are used: packaged or hub.")]
KeepOption = Annotated[str, typer.Option(help="What becomes of covers under two genres: drop, first or all.")]
LabelsOption = Annotated[
    str | None,
    typer.Option(help="Genres of a cover: one, or many (all genres that it stands under)."),
]
SeparatorOption = Annotated[
    str | None,
    typer.Option(help="What parts the genres in a row of a manifest, with --labels many; found by itself."),
]
SidesOption = Annotated[
    str | None,
    typer.Option(
        help="Front and back of a release, by a manifest's columns release and side: separate (two covers) "
        "or fused (one item)."
    ),
]
ConfigKeepOption = Annotated[
    str | None, typer.Option(help="What becomes of covers under two genres: drop, first or all.")
]
MaxFailedOption = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="The largest proportion of covers that a block may fail on before the work ends."
    ),
]
StoreOption = Annotated[Path | None, typer.Option(help="The folder where computed features are kept.")]

# studies
ClassifiersOption = Annotated[
    list[str] | None, typer.Option("--classifier", "-c", help="Use only this classifier (repeatable).")
]
FoldsOption = Annotated[
    int | None,
    typer.Option(
        min=2, help="Use grouped cross-validation with this many folds, instead of one 8:1:1 split."
    ),
]
RepeatsOption = Annotated[int, typer.Option(min=1, help="How often the cross-validation is repeated.")]
ConfigSeedOption = Annotated[
    int | None, typer.Option(min=0, help="The seed of splits, folds, classifiers and bootstrap.")
]
SplitFileOption = Annotated[
    Path | None,
    typer.Option(
        help="The splits.parquet file of another run or study: the same covers test, instead of "
        "covers drawn by the seed."
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, help="The seed of everything that is drawn at random.")]
PriorOption = Annotated[
    str | None,
    typer.Option(
        help="How common probabilities take genres to be: natural or balanced; a config file may "
        "have proportions by genre."
    ),
]
MetricOption = Annotated[
    str | None,
    typer.Option(
        help="What results are ranked and compared by: accuracy, balanced_accuracy, macro_f1, "
        "log_loss or brier; with --labels many micro_f1, hamming_loss or ranking_loss too, but not "
        "balanced_accuracy."
    ),
]
ChooseByOption = Annotated[
    str | None, typer.Option(help="The metric that chooses the bundle's model; log_loss by default.")
]
OutOption = Annotated[Path | None, typer.Option(help="The folder in which the result's folder is made.")]
ProcessesOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="How many processes work; one for each core by default."),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Do it again and forget earlier results.")]
TrackOption = Annotated[
    bool, typer.Option("--track", help="Log the result to MLflow, as the command track does.")
]
TrackingUriOption = Annotated[
    str | None,
    typer.Option(help="Log to this MLflow server or database; with --track alone it is mlflow.db."),
]

# parameters of one classifier: sweep and search
TunedClassifierOption = Annotated[
    str, typer.Option("--classifier", "-c", help="The classifier whose parameters are varied.")
]
TuningFoldsOption = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Use this many grouped folds of the training and validation covers, instead of the "
        "two parts of the split.",
    ),
]

# when a difference matters
RopeOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="The largest difference that does not matter. The default is one point (0.01); losses"
        " have none.",
    ),
]

# when to abstain, and what sets of genres guarantee
TargetErrorOption = Annotated[
    float | None,
    typer.Option(help="Abstain so that at most this proportion of predictions is wrong, such as 0.2."),
]
TargetCoverageOption = Annotated[
    float | None,
    typer.Option(help="Predict only this proportion of covers, the most confident, such as 0.5."),
]
SetCoverageOption = Annotated[
    float, typer.Option(help="The proportion of genre sets that hold the true genre, such as 0.9.")
]
SetsOption = Annotated[
    str | None,
    typer.Option(
        help="What --set-coverage is a proportion of: by-genre (each genre's covers) or marginal "
        "(all covers). The default is the bundle's."
    ),
]
ThresholdsOption = Annotated[
    str | None,
    typer.Option(
        help="What --target-error is kept among: by-genre (the covers predicted as each genre) or "
        "marginal (all covers, the default)."
    ),
]

# which engine computes: score and extract
EngineOption = Annotated[str, typer.Option(help="Where it is computed: local, or ray for many machines.")]
ActorsOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="With ray: how many actors work, each with its own models."),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="With ray: the address of a running cluster; by default $RAY_ADDRESS, or a cluster started here."
    ),
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
    console.print("Preparing blocks and classifiers")  # before the slow imports
    from coverfusion.experiments.pipeline.config import read_source

    given = {name: None if value == [] else value for name, value in options.items()}
    if words := given.get("metadata"):
        given["metadata"] = _columns_by_kind(words)
    return read_source(f"coverfusion {command}", source, **given)


def _columns_by_kind(words: list[str]) -> dict[str, list[str]]:
    """`numbers=year` and `text=title,subtitle` as the config has them; raises UserError for other words."""
    kinds: dict[str, list[str]] = {}
    for word in words:
        kind, equals, columns = word.partition("=")
        if not equals or not columns:
            raise UserError(f"--metadata {word}: say KIND=COLUMN, such as `--metadata numbers=year`.")
        kinds.setdefault(kind.strip(), []).extend(column.strip() for column in columns.split(","))
    return kinds


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
