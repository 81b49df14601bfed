"""The command `coverfusion`: one file a subcommand in `experiments/commands`, errors without a traceback."""

from __future__ import annotations

import errno
import os
import sys

import typer
from rich.console import Console

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.ablate import ablate
from coverfusion.experiments.commands.app import app as web_app
from coverfusion.experiments.commands.bench import bench
from coverfusion.experiments.commands.classifiers import classifiers
from coverfusion.experiments.commands.compare import compare
from coverfusion.experiments.commands.curve import curve
from coverfusion.experiments.commands.decide import decide
from coverfusion.experiments.commands.demo import demo
from coverfusion.experiments.commands.explain import explain
from coverfusion.experiments.commands.extract import extract
from coverfusion.experiments.commands.grow import grow
from coverfusion.experiments.commands.index import index
from coverfusion.experiments.commands.inspect import inspect
from coverfusion.experiments.commands.map import map as map_covers
from coverfusion.experiments.commands.report import report
from coverfusion.experiments.commands.score import score
from coverfusion.experiments.commands.search import search
from coverfusion.experiments.commands.serve import serve
from coverfusion.experiments.commands.similar import similar
from coverfusion.experiments.commands.sweep import sweep
from coverfusion.experiments.commands.track import track
from coverfusion.experiments.commands.train import train
from coverfusion.experiments.commands.weights import weights

app = typer.Typer(
    name="coverfusion",
    help="Tells what an album cover says about its music, and which features say it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (
    demo,
    inspect,
    grow,
    extract,
    train,
    classifiers,
    report,
    ablate,
    compare,
    map_covers,
    curve,
    sweep,
    search,
    decide,
    track,
    score,
    explain,
    index,
    similar,
    serve,
    web_app,
    weights,
    bench,
):
    app.command()(command)


NOT_WRITTEN = {  # what a place or a disk can be to blame for; a missing file may be a mistake of ours
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOTDIR,
    errno.EISDIR, errno.ENAMETOOLONG,
}  # fmt: skip


def main() -> None:
    """Runs the command line; a UserError, or a place that cannot be written, ends with status 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except UserError as error:
        _refuse(str(error))
    except OSError as error:
        if error.errno not in NOT_WRITTEN:
            raise
        _refuse(f"{error.filename or 'A file'} cannot be used: {error.strerror}. Make room, or name another.")


def _refuse(why: str) -> None:
    Console(stderr=True).print(f"Error: {why}", style="red", highlight=False, soft_wrap=True, markup=False)
    sys.exit(2)
