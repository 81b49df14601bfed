"""`coverfusion score`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.options import (
    ActorsOption,
    AddressOption,
    BundleArgument,
    EngineOption,
    MaxFailedOption,
    SetCoverageOption,
    SetsOption,
    TargetCoverageOption,
    TargetErrorOption,
    ThresholdsOption,
    TrackingUriOption,
    TrackOption,
    check_engine,
    check_tracking,
)
from coverfusion.experiments.commands.printing import log_if_asked, print_place
from coverfusion.experiments.pipeline.console import console
from coverfusion.features.failure_limit import MAX_FAILED

BYTE_ORDER_MARK = "\ufeff"  # before the first line that some programs write
INTERRUPTED = 130  # the status of a program that Ctrl-C ends


def score_command(
    bundle: BundleArgument,
    paths: Annotated[
        list[str],
        typer.Argument(
            help="pictures, folders, zips, manifests (.csv, .parquet), addresses (s3://...), "
            "or - for a list on standard input"
        ),
    ],
    out: Annotated[
        str, typer.Option(help="a .csv, .parquet or .jsonl file; with ray a folder or an address for parquet")
    ],
    top_k: Annotated[int, typer.Option(min=1, help="genres a row names")] = 3,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = 0.9,
    sets: SetsOption = None,
    thresholds: ThresholdsOption = None,
    max_failed: MaxFailedOption = MAX_FAILED,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a stopped run")] = False,
    engine: EngineOption = "local",
    workers: ActorsOption = None,
    address: AddressOption = None,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Genres with probabilities for any number of pictures, sets of genres, and when not to answer.

    Example: `coverfusion score runs/demo/bundle new-covers/ --out scores.csv`
    """
    check_tracking(track, tracking_uri)
    from coverfusion.data.sources import is_there, pictures_of_manifest
    from coverfusion.experiments.pipeline.progress import counted
    from coverfusion.experiments.scoring.score import score
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
    for path in paths:
        if path != "-" and not is_there(path):
            raise UserError(
                f"{path}: there is no such picture, folder or zip. Mend the path, or leave it out."
            )
    manifests = {path: pictures_of_manifest(path) for path in paths if path != "-"}
    named = (picture for path in paths for picture in _pictures(path, manifests.get(path)))
    on_ray = check_engine(engine, workers, address)
    if on_ray and (track or tracking_uri):
        raise UserError("--track logs a file of scores; --engine ray writes a folder. Leave one of them out.")
    new_covers = 0
    try:
        with counted("scoring", None) as bar:

            def progress(covers: int) -> None:
                nonlocal new_covers
                new_covers += covers
                bar.advance(bar.task_ids[0], covers)

            if on_ray:
                from coverfusion.experiments.cluster.score import score_on_ray

                rows, errors = score_on_ray(
                    bundle,
                    named,
                    out,
                    top_k,
                    resume,
                    progress,
                    targets,
                    workers,
                    address,
                    max_failed=max_failed,
                )
            else:
                rows, errors = score(bundle, named, Path(out), top_k, resume, progress, targets, max_failed)
    except KeyboardInterrupt:
        console.print("Stopped. Go on with --resume.")
        raise typer.Exit(INTERRUPTED) from None
    if resume and not new_covers:
        print_place("Finished already", out)
        return
    if not rows:
        console.print("There are no pictures: nothing was scored.", style="yellow")
    console.print(f"{rows} rows, {errors} with an error: {out}", soft_wrap=True)
    log_if_asked(Path(out), track, tracking_uri)


def _pictures(path: str, manifest: list[str] | None) -> Iterable[str]:
    from coverfusion.data.sources import list_pictures

    return list_pictures(_standard_input() if path == "-" else [path]) if manifest is None else manifest


def _standard_input() -> Iterator[str]:
    """A path a line; its bytes need be no UTF-8, for names on a disk need not."""
    from coverfusion.data.sources import as_written

    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    for line in sys.stdin:
        path = line.rstrip("\r\n").removeprefix(BYTE_ORDER_MARK)
        if path.strip():
            yield as_written(path)
