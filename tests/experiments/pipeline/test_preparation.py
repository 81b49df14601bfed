from __future__ import annotations

import json
import os

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.config import make_config, read_config, write_config
from coverfusion.experiments.pipeline.preparation import open_collection, prepare, write_inputs
from coverfusion.experiments.pipeline.study import open_study_folder
from coverfusion.features.registry import extractor_names
from tests.helpers import pictures


def _config(tmp_path, collection):
    return make_config("test", collection=str(collection), store=tmp_path / "store", out=tmp_path / "runs")


def test_an_empty_collection_says_what_was_rejected_and_what_to_do(tmp_path):
    root = pictures.save_folders(tmp_path / "covers", {"Rock": [b"", b"x", b"y"]})
    with pytest.raises(UserError, match=r"3 files were rejected: not a picture.* \(2\); empty file") as error:
        open_collection(_config(tmp_path, root))
    assert "Give covers as JPEG" in str(error.value)
    same = pictures.encode(pictures.noise(1, (32, 32)))
    root = pictures.save_folders(tmp_path / "same", {"Rock": [same], "Pop": [same]})
    with pytest.raises(UserError, match="1 cover stands under several genres: `--keep first`"):
        open_collection(_config(tmp_path, root))


def test_one_genre_is_refused_before_any_work(tmp_path):
    noises = [pictures.encode(pictures.noise(seed, (32, 32))) for seed in range(3)]
    root = pictures.save_folders(tmp_path / "covers", {"Rock": noises})
    with pytest.raises(UserError, match="all 3 covers are of the genre 'Rock'"):
        open_study_folder("", _config(tmp_path, root), []).__enter__()
    assert not (tmp_path / "runs").exists()


def test_a_collection_here_has_the_name_of_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _config(tmp_path, ".").collection_name == tmp_path.name
    assert _config(tmp_path, "s3://bucket/covers").collection_name == "covers"


def test_a_config_keeps_a_name_that_is_not_utf8(tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(odd)  # noqa: PTH102
    config = _config(tmp_path, odd)
    write_config(config, tmp_path / "config.yaml")
    assert str(read_config(tmp_path / "config.yaml").collection) == odd
    assert config.collection_name == r"caf\xe9"


def test_blocks_whose_weights_are_not_here_are_noted_where_none_were_named(tmp_path):
    noises = {
        genre: [pictures.encode(pictures.noise(seed + start, (32, 32))) for seed in range(3)]
        for genre, start in (("Rock", 0), ("Pop", 10))
    }
    root = pictures.save_folders(tmp_path / "covers", noises)
    config = make_config("test", collection=root, store=tmp_path / "store", blocks=["color"])
    collection = open_collection(config)
    prepared = prepare(config, collection, make_extractors({"color": {}}, "packaged"))
    facts = []
    for number, blocks in enumerate((["color"], None)):
        (tmp_path / str(number)).mkdir()
        asked = make_config("test", collection=root, store=tmp_path / "store", blocks=blocks)
        write_inputs(tmp_path / str(number), asked, prepared)
        facts.append(json.loads((tmp_path / str(number) / "collection.json").read_text()))
    assert "without" not in facts[0]  # the others were not wanted
    assert facts[1]["without"] == [name for name in extractor_names() if name != "color"]
