"""The line after a command names a command on the same task, whatever defined it."""

from pathlib import Path

import pytest
import yaml

from coverfusion.experiments.commands.next_step import TASK_OPTIONS, same_task, task_of_run
from coverfusion.experiments.pipeline.config import Config, make_config, read_config, write_config

# a value of every option that differs from its default
OTHER = {
    "blocks": {"color": {}, "ocr": {}},
    "metadata": {"numbers": ["year"], "text": ["title", "subtitle"]},
    "preset": "hub",
    "keep": "first",
    "labels": "many",
    "separator": ";",
    "sides": "fused",
    "prior": "balanced",
    "metric": "log_loss",
    "seed": 3,
    "split_file": "splits.parquet",
    "store": "kept",
}
MANY = {"labels": "many"}


def _config(**values: object) -> Config:
    return make_config("a test", collection="covers.csv", **values)


@pytest.mark.parametrize("field", TASK_OPTIONS)
def test_whatever_was_asked_for_is_asked_for_again(field: str) -> None:
    more = MANY if field == "separator" else {}
    words = same_task("covers.csv", _config(**{field: OTHER[field]}, **more))
    assert words[0] == "covers.csv"
    assert TASK_OPTIONS[field] in words


def test_options_say_what_the_config_says() -> None:
    config = _config(blocks=OTHER["blocks"], metadata=OTHER["metadata"], **MANY)
    assert same_task("covers.csv", config)[1:] == [
        *("-b", "color", "-b", "ocr"),
        *("--metadata", "numbers=year", "--metadata", "text=title,subtitle"),
        *("--labels", "many"),  # and no metric: the one that goes with it is no choice
    ]
    assert same_task("covers.csv", _config()) == ["covers.csv"]
    assert same_task("covers.csv", _config(metric="accuracy", **MANY))[-2:] == ["--metric", "accuracy"]


def test_what_a_config_file_says_is_not_said_twice(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    said = {
        "collection": "covers.csv",
        "genres": ["dub"],
        "prior": {"dub": 1},
        "blocks": {"color": {"palette": 7}},
    }
    file.write_text(yaml.safe_dump(said))
    assert same_task(str(file), read_config(file, preset="hub")) == [str(file), "--preset", "hub"]


def test_a_run_says_its_task_by_options_or_by_its_own_config(tmp_path: Path) -> None:
    write_config(_config(sides="fused", split_file="s.parquet", **MANY), tmp_path / "config.yaml")
    assert task_of_run(tmp_path) == ["covers.csv", "--labels", "many", "--sides", "fused"]
    for beyond in ({"genres": ["dub", "opera"]}, {"groups": "words"}, {"blocks": {"color": {"palette": 7}}}):
        write_config(_config(**beyond), tmp_path / "config.yaml")
        assert task_of_run(tmp_path) == [tmp_path / "config.yaml"]
