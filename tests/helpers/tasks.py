"""Tasks laid down by hand, and posters drawn for tests of tasks made from files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from coverfusion.experiments.benchmark.submission import Submission
from coverfusion.experiments.benchmark.task import Task
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from tests.helpers.pictures import grained, save_folders, solid

COLOURS = {"Comedy": "gold", "Horror": "#301020", "War": "#506030"}


def written_task(
    genres: Sequence[str], folds: Sequence[int], groups: Sequence[int] = (), metric: str = "accuracy"
) -> Task:
    """A task whose pictures have the ids 00, 01, ... and as many hex digits as a sha256."""
    n = len(genres)
    pictures = pd.DataFrame(
        {
            "id": [f"{number:02d}.jpg" for number in range(n)],
            "genre": list(genres),
            "group": list(groups or range(1, n + 1)),
            "fold": list(folds),
        },
        index=pd.Index([f"{number:064x}" for number in range(n)], name="cover_id"),
    )
    return Task("By hand", METRICS[metric], 0, pictures)


def submitted(task: Task, name: str, *columns: Sequence[float]) -> Submission:
    """A submission with these probabilities, a column a genre."""
    proba = pd.DataFrame(
        np.column_stack(columns), index=task.pictures.index, columns=[f"p_{genre}" for genre in task.genres]
    )
    return Submission(name, proba)


def poster(genre: str, number: int) -> Image.Image:
    """A picture of the genre's colour with grain of its own."""
    return grained(solid(COLOURS[genre], (96, 96)), [number, list(COLOURS).index(genre)])


def save_posters(folder: Path, each: int = 8) -> Path:
    """Posters of three genres, in genre folders."""
    return save_folders(folder, {genre: [poster(genre, n) for n in range(each)] for genre in COLOURS})
