"""`coverfusion score`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.addresses import is_address
from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.next_step import given_options, print_next
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
from coverfusion.experiments.commands.printed_scores import print_rows, print_tally
from coverfusion.experiments.commands.printing import log_if_asked, print_place
from coverfusion.experiments.pipeline.console import console
from coverfusion.features.failure_limit import MAX_FAILED

if TYPE_CHECKING:
    from coverfusion.data.sides import Item
    from coverfusion.experiments.scoring.tally import Tally

BYTE_ORDER_MARK = "\ufeff"  # before the first line that some programs write
SET_COVERAGE = 0.9  # where nothing is said
INTERRUPTED = 130  # the status of a program that Ctrl-C ends


def score_command(
    bundle: BundleArgument,
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders, zips, manifests (.csv, .parquet), addresses (s3://...), or - for "
            "a list of paths on standard input."
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="A .csv, .parquet or .jsonl file for all rows. With ray it is a folder or an address "
            "for parquet files."
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many genres a row names: 3, or all where a cover may have several genres."
        ),
    ] = None,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = SET_COVERAGE,
    sets: SetsOption = None,
    thresholds: ThresholdsOption = None,
    max_failed: MaxFailedOption = MAX_FAILED,
    pair: Annotated[
        str | None,
        typer.Option(
            help="How fronts and backs are named, such as `'*_front.*,*_back.*'`: the first `*` is what both "
            "names share. A manifest with the columns release and side pairs by itself. For models of both "
            "sides."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    engine: EngineOption = "local",
    workers: ActorsOption = None,
    address: AddressOption = None,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Gives any number of pictures genres with probabilities and sets of genres, and says when to abstain.

    Without --out a few pictures are listed on the screen, and many are counted.

    Example: `coverfusion score runs/covers-0123456789/bundle new-covers/ --out scores.csv`
    """
    check_tracking(track, tracking_uri)
    from coverfusion.data.sources import is_there, pictures_of_manifest
    from coverfusion.experiments.pipeline.progress import counted
    from coverfusion.experiments.scoring.known_backs import backs_of
    from coverfusion.experiments.scoring.score import score
    from coverfusion.experiments.scoring.tally import tally_file, tally_pictures
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
    for path in paths:
        if path != "-" and not is_there(path):
            raise UserError(
                f"{path}: there is no such picture, folder or zip. Mend the path, or leave it out."
            )
    manifests = {path: pictures_of_manifest(path) for path in paths if path != "-"}
    tables = [path for path, listed in manifests.items() if listed is not None]
    named: Iterator[str] = (picture for path in paths for picture in _pictures(path, manifests.get(path)))
    backs: dict[str, str] | None = None
    if (items := _items(bundle, paths, manifests, pair)) is not None:
        named, backs = iter([item.path for item in items]), backs_of(items)
    on_ray = check_engine(engine, workers, address)
    if on_ray and (track or tracking_uri):
        raise UserError("--track logs a file of scores; --engine ray writes a folder. Leave one of them out.")
    if on_ray and backs is not None:
        raise UserError(
            "--engine ray scores single pictures. Leave out --pair, and name no manifest of sides."
        )
    if out is None:
        _check_without_out(on_ray, resume, track or tracking_uri is not None)
    new_covers = 0
    tally = None
    try:
        total = _how_many(paths, manifests) if items is None else len(items)
        with counted("scoring", None if resume else total) as bar:

            def progress(covers: int) -> None:
                nonlocal new_covers
                new_covers += covers
                bar.advance(bar.task_ids[0], covers)

            if out is None:
                tally = tally_pictures(bundle, named, progress, targets, max_failed, tables, backs)
            elif on_ray:
                from coverfusion.experiments.cluster.score import score_on_ray

                score_on_ray(
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
                score(bundle, named, Path(out), top_k, resume, progress, targets, max_failed, tables, backs)
    except KeyboardInterrupt:
        console.print("Stopped." if out is None else "Stopped. Go on with --resume.")
        raise typer.Exit(INTERRUPTED) from None
    if tally is None and not is_address(str(out)):
        tally = tally_file(str(out))
    if tally is not None:
        abstains = target_error is not None or target_coverage is not None
        _print_scores(tally, listed=out is None, abstains=abstains)
    if out is None:
        options = {
            "--target-error": target_error,
            "--target-coverage": target_coverage,
            "--set-coverage": None if set_coverage == SET_COVERAGE else set_coverage,
            "--sets": sets,
            "--thresholds": thresholds,
            "--pair": pair,
        }
        words = [bundle, *paths, *given_options(options), "--out", "scores.csv"]
        print_next("keep a row for each picture", "score", *words)
        return
    print_place("Finished already" if resume and not new_covers else "Scores", out)
    log_if_asked(Path(out), track, tracking_uri)
    read = [] if tally is None else tally.first.loc[tally.first["error"].fillna("") == "", "path"].tolist()
    if read:
        print_next("see why a picture gets its genre", "explain", bundle, read[0])


def _print_scores(tally: Tally, listed: bool, abstains: bool) -> None:
    if not tally.rows:
        console.print("There are no pictures: nothing was scored.", style="yellow")
        return
    if listed and tally.rows == len(tally.first):
        print_rows(tally)
    else:
        print_tally(tally, abstains)


def _check_without_out(on_ray: bool, resume: bool, track: bool) -> None:
    """Refuses what needs a file where none is named. Raises UserError."""
    for option, given in (("--engine ray", on_ray), ("--resume", resume), ("--track", track)):
        if given:
            raise UserError(f"{option} needs the file that rows are written to. Name it by --out.")


def _items(
    bundle: Path, paths: list[str], manifests: Mapping[str, list[str] | None], pattern: str | None
) -> list[Item] | None:
    """The items where fronts and backs are paired; None where each picture is one.

    A manifest of sides pairs only for a model of both; to others each of its rows is a picture.
    """
    from coverfusion.data.sides import Item
    from coverfusion.experiments.scoring.known_backs import check_backs, paired_by_manifest, paired_by_name
    from coverfusion.fusion.bundle import load_bundle

    tables = [listed for listed in manifests.values() if listed is not None]
    if pattern is None and not tables:
        return None
    loaded = load_bundle(bundle)
    check_backs(loaded, pattern is not None)
    if not loaded.two_sided:
        return None
    items: list[Item] = []
    paired = pattern is not None
    for path in paths:
        listed = manifests.get(path)
        told = None if listed is None else paired_by_manifest(path, listed)
        pictures = _pictures(path, listed)
        paired = paired or told is not None
        if told is not None:
            items += told
        elif pattern is not None:
            items += paired_by_name(pattern, pictures)
        else:
            items += [Item(picture, "") for picture in pictures]
    return items if paired else None


def _how_many(paths: list[str], manifests: Mapping[str, list[str] | None]) -> int | None:
    """The number of pictures, where listing them is cheap: not of addresses, nor of what is still to come."""
    if any(path == "-" or is_address(path) for path in paths):
        return None
    return sum(sum(1 for _ in _pictures(path, manifests[path])) for path in paths)


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
