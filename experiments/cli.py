"""The command `coverfusion`: one file a command in `experiments/commands`, errors without a traceback."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import sys
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from coverfusion.data.cache_folder import cache_folder
from coverfusion.data.errors import UserError, UserNote
from coverfusion.data.machine_faults import is_out_of_memory, machine_fault
from coverfusion.data.registry import load_plugins
from coverfusion.experiments.commands.ablate import ablate_command
from coverfusion.experiments.commands.app import app_command
from coverfusion.experiments.commands.bench import bench
from coverfusion.experiments.commands.benchmark import benchmark
from coverfusion.experiments.commands.classifiers import classifiers_command
from coverfusion.experiments.commands.compare import compare_command
from coverfusion.experiments.commands.curve import curve_command
from coverfusion.experiments.commands.decide import decide_command
from coverfusion.experiments.commands.demo import demo_command
from coverfusion.experiments.commands.explain import explain_command
from coverfusion.experiments.commands.extract import extract_command
from coverfusion.experiments.commands.grow import grow_command
from coverfusion.experiments.commands.index import index_command
from coverfusion.experiments.commands.inspect import inspect_command
from coverfusion.experiments.commands.labels import labels_command
from coverfusion.experiments.commands.map import map_command
from coverfusion.experiments.commands.report import report_command
from coverfusion.experiments.commands.runs import runs_command
from coverfusion.experiments.commands.score import INTERRUPTED, score_command
from coverfusion.experiments.commands.search import search_command
from coverfusion.experiments.commands.serve import serve_command
from coverfusion.experiments.commands.similar import similar_command
from coverfusion.experiments.commands.sweep import sweep_command
from coverfusion.experiments.commands.track import track_command
from coverfusion.experiments.commands.train import train_command
from coverfusion.experiments.commands.transfer import transfer_command
from coverfusion.experiments.commands.weights import weights_command
from coverfusion.experiments.pipeline.console import error_console, print_lines

STOPPED = "Stopped. Features and fits that were finished are kept: the same command goes on from there."

COMMANDS: dict[str, Callable[..., None]] = {  # in the order of the help
    "demo": demo_command,
    "inspect": inspect_command,
    "grow": grow_command,
    "extract": extract_command,
    "train": train_command,
    "runs": runs_command,
    "classifiers": classifiers_command,
    "report": report_command,
    "ablate": ablate_command,
    "compare": compare_command,
    "transfer": transfer_command,
    "map": map_command,
    "curve": curve_command,
    "sweep": sweep_command,
    "search": search_command,
    "decide": decide_command,
    "labels": labels_command,
    "track": track_command,
    "score": score_command,
    "explain": explain_command,
    "index": index_command,
    "similar": similar_command,
    "serve": serve_command,
    "app": app_command,
    "weights": weights_command,
}


def _said_when_stopped(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def stoppable(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except KeyboardInterrupt:
            print_lines(STOPPED, error_console)
            raise typer.Exit(INTERRUPTED) from None

    return stoppable


app = typer.Typer(
    name="coverfusion",
    help="Tells what an album cover says about its music, and which features say it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for name, command in COMMANDS.items():
    app.command(name)(_said_when_stopped(command))
app.add_typer(benchmark, name="benchmark")
app.add_typer(bench, name="bench")

# what a place or a disk can be to blame for; a missing file may be a mistake of ours
UNUSABLE_PLACE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"coverfusion {metadata.version('coverfusion')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            envvar="COVERFUSION_PLUGINS",
            help="A Python file with blocks or classifiers of your own (repeatable).",
        ),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            envvar="COVERFUSION_CHECKPOINTS",
            help="A weight file or folder that a bundle, an index or a run may read (repeatable).",
        ),
    ] = None,
) -> None:
    if plugin:
        load_plugins(plugin)
    if checkpoint:
        from coverfusion.features.named_files import name_files

        name_files(checkpoint)


def main() -> None:
    """Runs the command line; a UserError, or a place that cannot be written, ends with status 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with contextlib.suppress(UserError):  # no home: matplotlib takes a temporary folder
        os.environ["MPLCONFIGDIR"] = str(cache_folder("MPLCONFIGDIR", "matplotlib"))
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is escaped
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UserError as error:
        _refuse(str(error))
    except OSError as error:
        if error.errno not in UNUSABLE_PLACE:
            raise
        _refuse(_unusable(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _refuse(str(machine_fault(error)))


def _unusable(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):  # libraries do not say which file it was
        where = f"of {error.filename}" if error.filename else "that the results go to"
        return (
            f"The disk {where} is full. Free some space and run the same command again, or name another "
            f"place: what was computed before is kept."
        )
    return f"{error.filename or 'A file'} cannot be used: {error.strerror}. Make room, or name another."


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One line of a `UserNote`; other warnings as Python shows them."""
    if issubclass(category, UserNote):
        print_lines(f"Warning: {message}", error_console, "yellow")
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _refuse(why: str) -> None:
    print_lines(f"Error: {why}", error_console, "red")
    sys.exit(2)
