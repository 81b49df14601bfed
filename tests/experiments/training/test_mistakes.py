"""The covers that a report shows: mistakes, their neighbours, and those of each cell."""

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coverfusion.data.splits import save_splits
from coverfusion.experiments.pipeline.config import make_config, write_config
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.training.mistakes import confident_mistakes
from tests.helpers.planted_run import (
    GENRES,
    Inputs,
    Page,
    index_of,
)


def test_confident_mistakes_come_from_test_with_their_nearest_training_covers(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    found = confident_mistakes(
        run, run.predictions(run.chosen), inputs.neighbours, inputs.table, inputs.covers
    )
    assert [mistake.path for mistake in found] == [f"covers/test-{n:02d}.jpg" for n in (11, 10, 9)]
    assert [mistake.called[GENRES[0]] for mistake in found[:1]] == pytest.approx([0.83])
    assert [max(mistake.called.values()) for mistake in found] == pytest.approx([0.83, 0.80, 0.77])
    assert found[0].genre == GENRES[2]
    assert found[0].predicted == GENRES[0]
    assert found[0].own == {GENRES[2]: pytest.approx(0.17 / 2)}
    # 11.1 lies nearest to training covers 11, 12, 10, 13 and 9
    assert [near.genre for near in found[0].neighbours] == [GENRES[n % 3] for n in (11, 12, 10, 13, 9)]
    verdicts = {GENRES[2]: "right", GENRES[0]: "wrong", GENRES[1]: ""}
    assert [near.verdict for near in found[0].neighbours] == [
        verdicts[GENRES[n % 3]] for n in (11, 12, 10, 13, 9)
    ]


def test_pictures_are_those_of_the_covers(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    found = confident_mistakes(
        run, run.predictions(run.chosen), inputs.neighbours, inputs.table, inputs.covers
    )
    assert found[0].picture is not None
    content = base64.b64decode(found[0].picture.removeprefix("data:image/jpeg;base64,"))
    colour = np.array(Image.open(io.BytesIO(content))).mean(axis=(0, 1))
    assert colour == pytest.approx([40 * 5, 60 * 2, 90], abs=6)  # of test cover 11


def test_a_cell_of_the_confusion_matrix_leads_to_its_covers(page: Page) -> None:
    anchors = {e.attributes["id"]: e for e in page.all("ul", "shown")}
    links = [e for e in page.all("a") if e.attributes.get("href", "").startswith("#cell-")]
    assert {link.attributes["href"].removeprefix("#") for link in links} == set(anchors)
    assert len(links) == 6  # three genres, right or taken for the next one
    counts = sorted(int(e.text.split(": ")[1].split()[0]) for e in page.all("summary") if " cover" in e.text)
    assert counts == [1, 1, 1, 3, 3, 3]


def test_covers_that_are_gone_get_a_placeholder(inputs: Inputs, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(inputs.folder, folder)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    covers = inputs.covers.copy()
    covers.loc[covers["cover_id"] == "test-11", "path"] = "/nowhere/cover.jpg"
    covers.loc[covers["cover_id"] == "test-10", "path"] = str(broken)
    page = Inputs(folder, inputs.neighbours, inputs.table, covers).page()
    assert len(page.all("span", "gone")) == 4  # among the mistakes, and in their cells
    assert len(page.all("li", "mistake")) == 3


def test_under_folds_no_neighbour_is_of_the_covers_own_fold(inputs: Inputs, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(inputs.folder, folder)
    write_config(make_config("test", collection=tmp_path / "covers", folds=2), folder / "config.yaml")
    fold = pd.Series(0, index=pd.Index(inputs.covers["cover_id"], name="cover_id"))
    fold[["train-11", "train-10", "test-11"]] = 1
    save_splits(fold.to_frame("fold"), folder / "splits.parquet")
    run = read_run(folder)
    everything = index_of(inputs.table, inputs.covers)  # the cover itself is its own nearest neighbour
    predictions = run.predictions(run.chosen)
    found = confident_mistakes(run, predictions, everything, inputs.table, inputs.covers)[0]
    # 11.1 of validation, training 12, 10.1 of validation and of test, training 13
    assert [near.genre for near in found.neighbours] == [GENRES[n % 3] for n in (11, 12, 10, 10, 13)]
