"""Covers drawn by a program, for visitors who have no files at hand: to score, and to train a first model."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from coverfusion.data.sample.draw import GENRE_HABITS, draw_cover, draw_sample
from coverfusion.experiments.app.background import run_command
from coverfusion.experiments.app.loaded_model import ONE_AT_A_TIME
from coverfusion.experiments.app.missing_results import MAKING, command_for
from coverfusion.experiments.app.runs import finished_runs
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.training.demo import SAMPLE_NOTE
from coverfusion.experiments.training.train import train

EXAMPLE_SEED = 1000  # the demo's sample has smaller ones: no model has learnt from these covers
EXAMPLES_A_GENRE = 2
TRAINING_COVERS_A_GENRE = 30


def drawn_uploads() -> list[tuple[str, bytes]]:
    """Twelve covers: what each is called, and its PNG.

    No name has the genre that it is drawn after: the model may not know it.
    """
    drawn = [
        _png(genre, [EXAMPLE_SEED, place, number])
        for place, genre in enumerate(GENRE_HABITS)
        for number in range(EXAMPLES_A_GENRE)
    ]
    return [(f"drawn {number:02}.png", picture) for number, picture in enumerate(drawn, 1)]


def example_steps(root: Path) -> list[tuple[str, Callable[[], object]]]:
    """What the example takes, each step with words: covers, a run, its genre report, map and ablation.

    Args:
        root: the folder of runs.
    """

    def make(kind: str) -> None:
        run_command(command_for(kind, finished_runs(root)[0].resolve(), root.resolve()))

    return [
        ("Drawing covers", partial(draw_example, root)),
        ("Training on them", partial(train_example, root)),
        *((words, partial(make, kind)) for kind, words in MAKING.items()),
    ]


def draw_example(root: Path) -> Path:
    """Draws a sample collection in the folder of runs, and returns its folder."""
    draw_sample(root / "drawn-sample", TRAINING_COVERS_A_GENRE)
    return root / "drawn-sample"


def train_example(root: Path) -> Path:
    """Trains on the drawn sample with the two quickest blocks, and returns the run folder.

    Args:
        root: the folder of runs, with the sample of `draw_example`; store and run are made in it.
    """
    with ONE_AT_A_TIME:
        config = make_config(
            "example",
            collection=root / "drawn-sample",
            out=root,
            store=root / "store",
            blocks=["color", "texture"],
            classifiers=["logistic", "knn"],
            alone=["logistic"],
            folds=3,
        )
        return train(config, note=SAMPLE_NOTE)


def _png(genre: str, seed: list[int]) -> bytes:
    stream = io.BytesIO()
    draw_cover(genre, np.random.default_rng(seed)).save(stream, "PNG")
    return stream.getvalue()
