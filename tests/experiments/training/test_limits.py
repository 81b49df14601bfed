"""What a run's figures do not say."""

from pathlib import Path

import pandas as pd

from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.experiments.training.limits import caveats, had_conflicts, kept_words
from coverfusion.experiments.training.train import train
from tests.helpers.pictures import save_manifest
from tests.helpers.small import config, save_small


def test_artists_that_are_not_known_are_said() -> None:
    dropped = {"left_out": 0}
    assert caveats({"covers": 9, "artists_known": 9, "dropped": dropped, "ceiling": 1.0}) == []
    assert caveats({"covers": 9, "artists_known": 0, "dropped": dropped})[0].startswith(
        "No cover's artist is known: covers of one artist may lie on both sides"
    )
    assert caveats({"covers": 1200, "artists_known": 200, "dropped": dropped})[0].startswith(
        "The artist of 1,000 of 1,200 covers is not known"
    )


def test_covers_left_out_make_the_task_easier_and_those_kept_bound_it() -> None:
    facts = {"covers": 9, "artists_known": 9, "ceiling": 0.934}
    most = f"no model could reach more than {percent(0.934)} accuracy."
    easier = "534 covers under several genres were left out, which makes the task easier:"
    assert caveats(facts | {"dropped": {"left_out": 534}}) == [f"{easier} with all kept, {most}"]
    kept = [f"Some covers stand under several genres: {most}"]
    assert caveats(facts | {"dropped": {"left_out": 0}}) == kept


def test_it_is_said_how_many_items_have_a_back() -> None:
    facts = {"covers": 1200, "artists_known": 1200, "dropped": {"backs": 1100}, "backs": ["back_color"]}
    (said,) = caveats(facts)
    assert said.startswith("Front and back are one item, and 1,100 of 1,200 albums have a back.")


def _small_run(folder: Path, more: list[int]) -> Run:
    """Of covers of one genre each, those numbered so under another genre too."""
    folder.mkdir()
    rows = pd.read_csv(save_small(folder)).to_dict("records")
    rows += [rows[number] | {"genre": "techno"} for number in more]
    manifest = save_manifest(folder / "covers.csv", rows)
    asked = {"blocks": ["color"], "classifiers": ["logistic"], "alone": []}
    return read_run(train(config(manifest, folder / "runs", **asked)))


def test_covers_under_several_genres_are_left_out_only_where_there_are_any(tmp_path: Path) -> None:
    assert not had_conflicts(_small_run(tmp_path / "one", []))
    two = _small_run(tmp_path / "two", [3])
    assert had_conflicts(two)
    assert kept_words(two).startswith("left out, which makes the task easier")
