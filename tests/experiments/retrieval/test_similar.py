"""Covers found for a picture or for words, from a bundle, a run's index and a table's index."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import decode
from coverfusion.experiments.cli import app
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.retrieval.index import load_index, write_index_folder
from coverfusion.experiments.retrieval.similar import nearest_covers, open_place, similar
from coverfusion.experiments.retrieval.similar_figure import draw_similar
from coverfusion.experiments.retrieval.source import note_extractors
from coverfusion.experiments.scoring.score import same_extractors
from coverfusion.experiments.training.train import train
from coverfusion.features.extract import extract, read_table
from coverfusion.features.named_files import name_files
from coverfusion.features.registry import create
from coverfusion.features.store import Store
from tests.helpers.pictures import checkerboard, encode, grained, save_folders, solid, stripes

HUES = {"dub": (30, 120, 40), "opera": (150, 30, 40)}
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def _cover(genre: str, number: int) -> Image.Image:
    rng = np.random.default_rng([number, len(genre)])
    colour = tuple(int(v) for v in np.clip(np.array(HUES[genre]) + rng.integers(-25, 25, 3), 0, 255))
    second = tuple(int(v) for v in rng.integers(0, 255, 3))
    draw = checkerboard if number % 2 else stripes
    return grained(draw(colour, second, int(rng.integers(5, 30)), size=(64, 64)), [number, len(genre)])


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("similar") / "covers"
    return save_folders(folder, {genre: [_cover(genre, n) for n in range(25)] for genre in HUES})


@pytest.fixture(scope="module")
def run(collection: Path) -> Path:
    place = collection.parent
    return train(
        make_config(
            "test",
            collection=collection,
            out=place / "runs",
            store=place / "store",
            blocks=["color"],
            classifiers=["logistic"],
        )
    )


@pytest.fixture(scope="module")
def with_clip(collection: Path) -> Path:
    """An index of the blocks clip (tiny, random) and color, by way of a table folder."""
    torch.manual_seed(5)
    checkpoint = collection.parent / "tiny"
    checkpoint.mkdir()
    (checkpoint / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}))
    torch.save(open_clip.CLIP(**TINY).state_dict(), checkpoint / "open_clip_pytorch_model.bin")
    extractors = [create("clip", checkpoint=str(checkpoint)), create("color")]
    covers = read_collection(collection).frame
    store = Store(collection.parent / "clip-store")
    assert not extract(covers, extractors, store)
    table = collection.parent / "table"
    read_table(covers["cover_id"].tolist(), extractors, store).save(table)
    covers.to_parquet(table / "covers.parquet")
    note_extractors(table, extractors)
    return write_index_folder(table, collection.parent / "with-clip")


def test_a_run_becomes_an_index_that_finds_every_cover_itself(
    run: Path, collection: Path, tmp_path: Path
) -> None:
    folder = write_index_folder(run, tmp_path / "index")
    facts = load_index(folder).facts
    assert facts["covers"] == 50  # test covers too, unlike a bundle
    assert facts["genres"] == {"dub": 25, "opera": 25}
    for number in (0, 7, 24):
        path = str(collection / "opera" / f"{number:03d}.jpg")
        opened = open_place(folder)
        image = decode(Path(path).read_bytes())
        nearest = nearest_covers(opened, same_extractors(opened.extractors), image, 4)
        assert nearest["path"][0] == path
        assert nearest["distance"][0] < 1e-3
        found = similar(folder, path, 3)  # asked by its file, the picture itself is left out
        assert found["path"].tolist() == nearest["path"].tolist()[1:]
        assert found.columns.tolist() == ["cover_id", "genre", "path", "distance"]


def test_nearest_of_a_bundle_filters_and_spreads(run: Path, collection: Path) -> None:
    bundle = open_place(run / "bundle")
    extractors = same_extractors(bundle.extractors)
    image = decode((collection / "opera" / "003.jpg").read_bytes())
    plain = nearest_covers(bundle, extractors, image, 5)
    assert plain["distance"].is_monotonic_increasing
    dub = nearest_covers(bundle, extractors, image, 5, ["dub"])
    assert set(dub["genre"]) == {"dub"}
    assert len(dub) == 5
    spread = nearest_covers(bundle, extractors, image, 5, diversity=1.0)
    assert spread["cover_id"][0] == plain["cover_id"][0]
    assert spread["distance"].mean() > plain["distance"].mean()


def test_words_are_compared_as_open_clip_compares_them(
    with_clip: Path, collection: Path, tmp_path: Path
) -> None:
    folder = collection.parent / "tiny"
    name_files([folder])
    found = similar(with_clip, words="a red square", k=50, out=tmp_path / "words.png")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    with torch.no_grad():
        pictures = torch.stack([preprocess(Image.open(path).convert("RGB")) for path in found["path"]])
        image = model.encode_image(pictures, normalize=True)
        text = model.encode_text(
            open_clip.get_tokenizer(f"local-dir:{folder}")(["a red square"]), normalize=True
        )
    np.testing.assert_allclose(found["distance"], 1 - (image @ text.T)[:, 0].numpy(), atol=2e-3)
    assert found["distance"].is_monotonic_increasing
    assert len(found) == 50
    dub = similar(with_clip, words="a red square", k=3, genres=["dub"])
    pd.testing.assert_frame_equal(dub, found[found["genre"] == "dub"].head(3).reset_index(drop=True))
    with Image.open(tmp_path / "words.png") as sheet:
        assert sheet.size[1] > 8 * 128  # 51 tiles in rows of six


def test_words_without_clip_give_one_clear_error(run: Path) -> None:
    with pytest.raises(UserError, match="--text needs an index with the block 'clip'"):
        similar(run / "bundle", words="a red square")


def test_picture_or_words(run: Path) -> None:
    for asked in ({}, {"picture": "a.jpg", "words": "a red square"}):
        with pytest.raises(UserError, match="either a picture or --text"):
            similar(run / "bundle", **asked)
    with pytest.raises(UserError, match=r"nowhere\.jpg"):
        similar(run / "bundle", "nowhere.jpg")
    with pytest.raises(UserError, match="not a bundle"):
        similar(run, "nowhere.jpg")


def test_a_file_of_rows_says_what_the_table_says(run: Path, collection: Path, tmp_path: Path) -> None:
    picture = str(collection / "dub" / "001.jpg")
    found = similar(run / "bundle", picture, 3, tmp_path / "near.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "near.csv"), found)
    similar(run / "bundle", picture, 3, tmp_path / "near.json")
    written = json.loads((tmp_path / "near.json").read_text())
    assert written == {"picture": picture, "words": None, "covers": found.to_dict("records")}


def test_the_picture_itself_is_never_overwritten(run: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    solid("red", (64, 64)).save(mine)
    before = mine.read_bytes()
    with pytest.raises(UserError, match="this is the picture itself"):
        similar(run / "bundle", str(mine), out=mine)
    with pytest.raises(UserError, match=r"must end in \.png or \.csv or \.json"):
        similar(run / "bundle", str(mine), out=tmp_path / "a.jpg")
    assert mine.read_bytes() == before


def test_the_commands(run: Path, collection: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["index", str(run), "--out", str(tmp_path / "i"), "-b", "color", "--evaluate"]
    )
    assert result.exit_code == 0, result.output
    assert "The search is exact." in " ".join(result.output.split())
    assert (tmp_path / "i" / "retrieval.svg").is_file()
    scores = pd.read_csv(tmp_path / "i" / "retrieval.csv")
    assert set(scores["blocks"]) == {"color", "random"}
    picture = str(collection / "dub" / "001.jpg")
    result = CliRunner().invoke(
        app, ["similar", str(tmp_path / "i"), picture, "-k", "3", "-g", "opera", "--diversity", "0.5"]
    )
    assert result.exit_code == 0, result.output
    assert result.output.count("opera") >= 3
    assert "dub" not in result.output
    assert load_index(tmp_path / "i").facts["covers"] == 50  # what was evaluated does not spoil the index


def test_a_sheet_shows_long_names_and_missing_pictures() -> None:
    found = pd.DataFrame({"genre": ["Drum 'n' Bass and some more words", "舞曲"], "distance": [1.0, 2.0]})
    sheet = draw_similar(solid("red", (300, 100)), found, [encode(solid("blue", (64, 64))), None])
    assert sheet.size[0] == 12 + 3 * (128 + 12)
    pixels = np.asarray(sheet)
    assert (pixels[12 + 64, 12 + 64] == [254, 0, 0]).all() or (pixels[12 + 64, 12 + 64] == [255, 0, 0]).all()
    assert (pixels[140:, 152 + 128 : 164] == 255).all()  # names stay on their own tile
    scaled = np.asarray(draw_similar(solid("red", (300, 100)), found, [None, None], usual=3.88))
    below = slice(12 + 128 + 4 + 16, None)
    assert (pixels[below, :140] == 255).all()
    assert (scaled[below, :140] != 255).any()  # how far apart random covers are
