"""Pairs of front and back to be scored: one row an album, by a manifest or by the names of files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import coverfusion as cf
from coverfusion.data.errors import UserError
from coverfusion.data.sides import Item
from coverfusion.experiments.cli import app
from coverfusion.experiments.scoring.known_backs import paired_by_name
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.training.train import train
from tests.helpers.pictures import encode, save_manifest
from tests.helpers.sided import TINTS, back_of, front_of, save_sided
from tests.helpers.small import config

BY_NAME = "*_front.*,*_back.*"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = save_sided(tmp_path_factory.mktemp("sided"), lambda number: number % 4 > 0)
    asked = {"classifiers": ["logistic"], "alone": [], "folds": 3, "sides": "fused"}
    return train(config(manifest, manifest.parent / "runs", **asked)) / "bundle"


@pytest.fixture(scope="module")
def one_sided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = save_sided(tmp_path_factory.mktemp("fronts"))
    asked = {"classifiers": ["logistic"], "alone": [], "folds": 3}
    return train(config(manifest, manifest.parent / "runs", **asked)) / "bundle"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """New albums: one a genre with both sides, a front alone, a back alone and a front that is broken."""
    folder = tmp_path / "new"
    folder.mkdir()
    for code, genre in enumerate(TINTS):
        (folder / f"{genre}_front.jpg").write_bytes(encode(front_of(900 + code)))
        (folder / f"{genre}_back.JPG").write_bytes(encode(back_of(genre, 900 + code)))
    (folder / "single_front.jpg").write_bytes(encode(front_of(910)))
    (folder / "lone_back.jpg").write_bytes(encode(back_of("opera", 911)))
    (folder / "torn_front.jpg").write_bytes(b"no picture")
    (folder / "torn_back.jpg").write_bytes(encode(back_of("techno", 912)))
    return folder


def _scored(bundle: Path, *words: str | Path) -> pd.DataFrame:
    out = Path(words[0]).parent / "scores.csv"
    out.unlink(missing_ok=True)
    result = CliRunner().invoke(app, ["score", str(bundle), *map(str, words), "--out", str(out)])
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(out).astype(object).fillna("")
    return frame.assign(
        file=frame["path"].map(lambda path: Path(path).name),
        behind=frame["back"].map(lambda path: Path(path).name),
    ).set_index("file")


def test_pairs_by_name_give_one_row_an_album(bundle, new):
    scored = _scored(bundle, new, "--pair", BY_NAME)
    assert scored["behind"].to_dict() == {
        "dub_front.jpg": "dub_back.JPG",
        "opera_front.jpg": "opera_back.JPG",
        "techno_front.jpg": "techno_back.JPG",
        "single_front.jpg": "",
        "lone_back.jpg": "lone_back.jpg",
        "torn_front.jpg": "torn_back.jpg",
    }
    assert [scored.loc[f"{genre}_front.jpg", "genre_1"] for genre in TINTS] == list(TINTS)
    assert scored.loc["lone_back.jpg", "genre_1"] == "opera"
    assert scored.loc["torn_front.jpg", "genre_1"] == "techno"
    assert scored.loc["torn_front.jpg", "failed_blocks"].startswith("front: not a picture")
    without = {"lone_back.jpg", "torn_front.jpg"}  # of these no front is known, and so not what it is like
    assert set(scored.index[scored["nearest_distance"] == ""]) == without
    assert without <= set(scored.index[scored["out_of_distribution"] == ""])
    assert (scored["error"] == "").all()


def test_pairs_by_manifest_give_the_same_rows(bundle, new, tmp_path):
    rows = []
    for path in sorted(new.iterdir()):
        release, _, side = path.stem.partition("_")
        rows.append({"path": f"new/{path.name}", "release": release, "side": side})
    manifest = save_manifest(tmp_path / "albums.csv", rows)
    told, named = _scored(bundle, manifest), _scored(bundle, new, "--pair", BY_NAME)
    pd.testing.assert_frame_equal(told.sort_index(), named.sort_index())


def test_a_single_picture_is_scored_as_a_front_without_back(bundle, new):
    single = cf.Predictor.load(bundle).predict([new / "single_front.jpg"])
    paired = _scored(bundle, new, "--pair", BY_NAME).loc["single_front.jpg"]
    assert "back" not in single
    assert single["genre_1"].iloc[0] == paired["genre_1"]
    assert single["probability_1"].iloc[0] == pytest.approx(paired["probability_1"], abs=1e-9)


def test_the_predictor_takes_backs(bundle, new):
    predictor = cf.Predictor.load(bundle)
    fronts = [new / f"{genre}_front.jpg" for genre in TINTS]
    backs = [new / f"{genre}_back.JPG" for genre in TINTS]
    found = predictor.predict([*fronts, fronts[0]], backs=[*backs, None])
    scored = _scored(bundle, new, "--pair", BY_NAME)
    assert found["genre_1"].tolist()[:3] == list(TINTS)
    expected = scored.loc[[path.name for path in fronts], "probability_1"]
    np.testing.assert_allclose(found["probability_1"][:3], expected.astype(float), atol=1e-9)
    proba = predictor.predict_proba([*fronts, fronts[0]], backs=[*backs, None])
    np.testing.assert_allclose(proba.max(axis=1), found["probability_1"], atol=1e-9)
    with pytest.raises(UserError, match="backs: there are more"):
        predictor.predict(fronts, backs=[*backs, None])
    with pytest.raises(UserError, match="backs: there are more or fewer"):
        predictor.predict(fronts, backs=backs[:2])


def test_the_screen_and_a_resumed_run_count_albums(bundle, new, tmp_path):
    shown = CliRunner().invoke(app, ["score", str(bundle), str(new), "--pair", BY_NAME])
    assert shown.exit_code == 0
    assert "--pair" in shown.output  # of the next command
    rows = {line.split()[0]: line for line in shown.output.splitlines() if line.strip()}
    assert "front: not" in rows["torn_front.jpg"]
    apart = CliRunner().invoke(app, ["score", str(bundle), str(new)])
    assert BY_NAME in apart.output  # a model of both sides is given none: how to pair them
    items = paired_by_name(BY_NAME, sorted(map(str, new.iterdir())))
    backs = {item.path: item.back for item in items if item.back}
    out = tmp_path / "scores.parquet"
    assert score(bundle, iter([item.path for item in items]), out, backs=backs) == (6, 0)
    assert score(bundle, iter([item.path for item in items]), out, resume=True, backs=backs) == (6, 0)
    with pytest.raises(UserError, match="another backs"):
        score(bundle, iter([item.path for item in items]), out, resume=True, backs={})


def test_a_model_of_single_pictures_takes_no_pairs(one_sided, new, tmp_path):
    refused = CliRunner().invoke(app, ["score", str(one_sided), str(new), "--pair", BY_NAME])
    assert refused.exit_code == 1
    assert "has not learnt from backs" in " ".join(str(refused.exception or refused.output).split())
    with pytest.raises(UserError, match="has not learnt from backs"):
        cf.Predictor.load(one_sided).predict([new / "dub_front.jpg"], backs=[None])
    sides = {"front": "new/dub_front.jpg", "back": "new/dub_back.JPG"}
    rows = [{"path": path, "release": "1", "side": side} for side, path in sides.items()]
    manifest = save_manifest(tmp_path / "albums.csv", rows)
    out = tmp_path / "rows.csv"
    assert CliRunner().invoke(app, ["score", str(one_sided), str(manifest), "--out", str(out)]).exit_code == 0
    assert len(pd.read_csv(out)) == 2  # each row a picture, as ever


@pytest.mark.parametrize(
    ("pattern", "paths", "items"),
    [
        (BY_NAME, ["x/a_front.jpg", "x/a_back.png"], [("x/a_front.jpg", "x/a_back.png")]),
        (BY_NAME, ["x/a_front.jpg", "y/a_back.jpg"], [("x/a_front.jpg", ""), ("", "y/a_back.jpg")]),
        ("*.jpg,*-b.jpg", ["A-B.jpg", "a.jpg", "c.JPG"], [("a.jpg", "A-B.jpg"), ("c.JPG", "")]),
        (
            "front-*,back-*",
            ["z.zip!back-1.png", "z.zip!front-1.png"],
            [("z.zip!front-1.png", "z.zip!back-1.png")],
        ),
        (BY_NAME, ["a.jpg", "b.jpg"], [("a.jpg", ""), ("b.jpg", "")]),
    ],
)
def test_names_pair_within_a_folder(pattern, paths, items):
    assert paired_by_name(pattern, paths) == [Item(*item) for item in items]


def test_names_that_do_not_pair_are_refused():
    with pytest.raises(UserError, match=r"a_front.jpg and a_front.png are both fronts"):
        paired_by_name(BY_NAME, ["a_front.jpg", "a_front.png"])
    for pattern in ("*_back.jpg", "front,back", "*,*"):
        with pytest.raises(UserError, match="say how fronts and backs are named"):
            paired_by_name(pattern, [])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_counts_are_of_albums_and_name_a_side_that_cannot_be_read(bundle, new, tmp_path, kind):
    (new / "dub_back.JPG").write_bytes(b"no picture")
    out = tmp_path / f"scores.{kind}"
    said = CliRunner().invoke(app, ["score", str(bundle), str(new), "--pair", BY_NAME, "--out", str(out)])
    assert "6 albums" in said.output
    assert "with an error: 0; with a side or block that failed: 2" in " ".join(said.output.split())


def test_the_same_album_twice_over_is_one_row(bundle, new, tmp_path):
    copy = tmp_path / "again"
    shutil.copytree(new, copy)
    assert len(_scored(bundle, new, copy, "--pair", BY_NAME)) == 12
