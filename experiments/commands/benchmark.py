"""`coverfusion benchmark`: tasks that others can rebuild, submissions, and their leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.plurals import how_many
from coverfusion.experiments.commands.next_step import given_options, print_next
from coverfusion.experiments.commands.options import StoreOption
from coverfusion.experiments.commands.printing import print_place, print_places
from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    from coverfusion.experiments.benchmark.task import Task

TaskArgument = Annotated[
    str,
    typer.Argument(metavar="TASK", help="A task's folder, or the name of one that comes with coverfusion."),
]
PicturesArgument = Annotated[
    str,
    typer.Argument(
        metavar="COLLECTION", help="Genre folders, zips named by genre, or a CSV or parquet manifest."
    ),
]

benchmark = typer.Typer(
    help="Frozen tasks that others can rebuild, submissions of any system, and their leaderboard.",
    no_args_is_help=True,
)


@benchmark.command("make")
def benchmark_make_command(
    collection: PicturesArgument,
    name: Annotated[str, typer.Option(help="What people call the task.")],
    out: Annotated[Path, typer.Option(help="The task's folder.")],
    of: Annotated[str, typer.Option(help="What the pictures are, such as 'book covers'.")] = "pictures",
    folds: Annotated[int, typer.Option(min=2, help="How many folds.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the folds.")] = 0,
    metric: Annotated[
        str,
        typer.Option(
            help="What systems are ranked by: accuracy, balanced_accuracy, macro_f1, log_loss or brier."
        ),
    ] = "accuracy",
    source: Annotated[
        str,
        typer.Option(
            help="Whose release ids the names of files hold: discogs or musicbrainz; by default none."
        ),
    ] = "",
    terms: Annotated[str, typer.Option(help="What others may do with the pictures, in a sentence.")] = "",
    store: StoreOption = None,
) -> None:
    """Makes a task from a collection: ids, genres and frozen folds, and no picture.

    Example: `coverfusion benchmark make posters/ --name "Film posters" --of "film posters" --out task`
    """
    from coverfusion.experiments.benchmark.task import guessing, make_task, task_metric, write_task
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.outputs import check_folder
    from coverfusion.experiments.pipeline.preparation import open_collection

    chosen = task_metric(metric)
    config = make_config("coverfusion benchmark make", collection=collection, store=store)
    check_folder(out)
    opened = open_collection(config)
    task = make_task(opened, name, folds, seed, chosen.name, of, source, terms)
    write_task(task, out)
    console.print(
        f"{task.name}: {len(task.pictures):,} {task.of} of {len(task.genres)} genres in "
        f"{task.pictures['group'].nunique():,} groups, {task.folds} folds; "
        f"{chosen.label} of guessing {chosen.shown(guessing(task)[chosen.name])}."
    )
    if opened.counts["left_out"]:
        console.print("A task has one genre a picture: what stands under several is left out.")
    if backs := len(opened.frame) - len(task.pictures):
        console.print(f"Left out: {how_many(backs, 'back cover')}, as a back has its front's id.")
    print_place("Digest", task.digest)
    print_place("Task", out)
    options = given_options({"--store": store})
    print_next(
        "lay out the pictures for training", "benchmark", "check", out, collection, "--out", "laid", *options
    )


def _read(place: str) -> Task:
    """The task; says where its files could not be checked whole."""
    from coverfusion.experiments.benchmark.shown import UNCHECKED
    from coverfusion.experiments.benchmark.task import read_task

    task = read_task(place)
    if not task.checked:
        console.print(f"{task.name}: {UNCHECKED}.", style="yellow")
    return task


@benchmark.command("check")
def benchmark_check_command(
    task: TaskArgument,
    collection: PicturesArgument,
    out: Annotated[
        Path | None, typer.Option(help="The folder for a manifest with folds, which any program can use.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Says which pictures of a task are in a collection, which have other bytes, and which are gone.

    Example: `coverfusion benchmark check discogs-five covers/ --out laid`
    """
    from coverfusion.experiments.benchmark.matching import ABSENT, MANIFEST, SPLITS, match, write_workplace
    from coverfusion.experiments.benchmark.shown import status_words
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.outputs import check_folder
    from coverfusion.experiments.pipeline.preparation import read_with_progress

    asked = _read(task)
    config = make_config("coverfusion benchmark check", collection=collection, keep="all", store=store)
    if out is not None:
        check_folder(out)
    found = match(asked, read_with_progress(config))
    if out is not None:
        found = write_workplace(asked, found, out, config.store / "facts")
    for sentence in status_words(asked, found):
        console.print(sentence)
    if out is None:
        options = given_options({"--store": store})
        print_next(
            "lay them out for training", "benchmark", "check", task, collection, "--out", "laid", *options
        )
        return
    print_places(out, {"Manifest": MANIFEST, "Folds": SPLITS, "What is not here": ABSENT})
    words = ["train", out / MANIFEST, "--split-file", out / SPLITS, "-c", "kernel_ridge"]
    print_next("train on them", *words, *given_options({"--store": store}))
    print_next("submit the RUN that it prints", "benchmark", "submit", task, "RUN")


@benchmark.command("submit")
def benchmark_submit_command(
    task: TaskArgument,
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTIONS|RUN",
            help="A CSV or parquet table of out-of-fold probabilities, or a run with the task's folds.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="What the system is called; of a run the model's name.")
    ] = None,
    authors: Annotated[str | None, typer.Option(help="Who made it.")] = None,
    trained_on: Annotated[
        str | None, typer.Option(help="What it has learnt from: the other folds alone, or also other data.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="The address of its code.")] = None,
    notes: Annotated[str | None, typer.Option(help="What else readers should know.")] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            "--classifier",
            "-c",
            help="Of a run: this classifier on all blocks, or on one as in 'svc on cnn' (repeatable); the "
            "run's chosen model by default.",
        ),
    ] = None,
    guess_missing: Annotated[
        bool, typer.Option("--guess-missing", help="Fill in pictures without a prediction by guessing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a submission that is there under this name.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The folder of submissions.")] = Path("board"),
) -> None:
    """Checks out-of-fold probabilities, and writes them as a submission.

    Example: `coverfusion benchmark submit task mine.csv --name "My system" --out board`
    """
    from coverfusion.experiments.benchmark.shown import scored_words
    from coverfusion.experiments.benchmark.submission import is_there, write_submission
    from coverfusion.experiments.benchmark.submit import submissions_from
    from coverfusion.experiments.pipeline.outputs import check_folder

    asked = _read(task)
    facts = {"name": name, "authors": authors, "trained on": trained_on, "code": code, "notes": notes}
    made = submissions_from(asked, predictions, facts, classifier or [], guess_missing)
    check_folder(out)
    for submission in made:
        was_there = is_there(asked, submission, out)
        place = write_submission(asked, submission, out, replace)
        for sentence in scored_words(asked, submission):
            console.print(sentence)
        if was_there:
            console.print("It was there already, with the same predictions; nothing was changed.")
        print_place("Submission", place)
    print_next("compare all of them", "benchmark", "leaderboard", task, out, "--out", "leaderboard")


@benchmark.command("leaderboard")
def benchmark_leaderboard_command(
    task: TaskArgument,
    submissions: Annotated[
        list[Path], typer.Argument(metavar="SUBMISSION...", help="Checked submissions, or folders of them.")
    ],
    out: Annotated[Path, typer.Option(help="The folder for the page and its tables.")],
) -> None:
    """Ranks submissions, with intervals, and compares each with the best and with guessing.

    Example: `coverfusion benchmark leaderboard task board --out leaderboard`
    """
    from coverfusion.experiments.benchmark.board import make_board
    from coverfusion.experiments.benchmark.page import write_board
    from coverfusion.experiments.benchmark.shown import printed_board, verdict
    from coverfusion.experiments.benchmark.submit import read_submissions, submission_files
    from coverfusion.experiments.pipeline.outputs import check_folder
    from coverfusion.experiments.pipeline.progress import counted

    asked = _read(task)
    entered, left_out = read_submissions(asked, submission_files(submissions))
    check_folder(out)
    for reason in left_out:
        console.print(f"Left out: {reason}", style="yellow")
    with counted("comparing", len(entered) * (len(entered) + 1) // 2) as bar:
        board = make_board(asked, entered, lambda: bar.advance(bar.task_ids[0]))
    for sentence in verdict(board):
        console.print(sentence)
    print_frame(printed_board(board), f"\n{asked.name}")
    write_board(board, out, left_out)
    print_places(out, {"Tables": "", "Page": "index.html"})
