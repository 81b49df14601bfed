"""Fused sides from a manifest to a run: what only the back carries is found, and missing backs are normal."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import coverfusion as cf
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import decode
from coverfusion.data.sides import sides_in_words
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.drawing.thumbnails import data_uri, sides_at, thumbnail
from coverfusion.experiments.explanation.explain import explain
from coverfusion.experiments.explanation.figure import figure_of
from coverfusion.experiments.genres.report import write_genre_report
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.pipeline.preparation import run_extractors
from coverfusion.experiments.pipeline.reopen import reopen
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.training.cell_covers import cell_covers
from coverfusion.experiments.training.train import train
from coverfusion.experiments.transfer.study import transfer
from coverfusion.fusion.bundle import load_bundle
from tests.helpers.pictures import encode, save_manifest
from tests.helpers.sided import ALBUMS, TINTS, back_of, save_sided
from tests.helpers.small import config

CHANCE = 1 / len(TINTS)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sided(tmp_path_factory.mktemp("sided"))


@pytest.fixture(scope="module")
def run(manifest: Path) -> Path:
    return train(config(manifest, manifest.parent / "runs", sides="fused", **_FITTED))


_FITTED: dict = {"classifiers": ["logistic"], "alone": ["logistic"], "folds": 3}


def _accuracy(run: Path) -> dict[str, float]:
    board = read_run(run).leaderboard
    return dict(zip(board["blocks"], board["accuracy"], strict=True))


def test_the_genre_that_only_the_back_tells_is_found(run):
    found = _accuracy(run)
    assert found["color+back_color"] > 0.9
    assert found["back_color"] > 0.9
    assert found["color"] < CHANCE + 0.2


def test_there_is_one_prediction_an_album(run):
    predictions = read_run(run).predictions("logistic")
    assert len(predictions) == ALBUMS * len(TINTS)
    facts = json.loads((run / "collection.json").read_text())
    assert (facts["covers"], facts["dropped"]["backs"], facts["dropped"]["backs_alone"]) == (60, 60, 0)
    assert list(facts["extractors"]) == ["color"]


def test_without_backs_accuracy_is_near_chance_and_with_half_of_them_between(tmp_path):
    none = save_sided(tmp_path / "none", lambda number: False)
    half = save_sided(tmp_path / "half", lambda number: number % 2 == 0)
    fitted = [train(config(each, tmp_path / "runs", sides="fused", **_FITTED)) for each in (none, half)]
    accuracy = [_accuracy(each)["color+back_color"] for each in fitted]
    assert accuracy[0] < CHANCE + 0.2
    # a half of the albums is told for sure, the others by luck
    assert 0.5 <= accuracy[1] < 0.9
    predictions = read_run(fitted[1]).predictions("logistic")
    covers = cf.read_collection(half, sides="fused").frame.set_index("cover_id")
    right = predictions["predicted"].to_numpy() == predictions["genre"].to_numpy()
    with_back = (covers.loc[predictions.index, "back"] != "").to_numpy()
    assert right[with_back].mean() > 0.9
    assert right[~with_back].mean() < CHANCE + 0.25


@pytest.fixture(scope="module")
def every_second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose albums have a back where their number is even."""
    folder = tmp_path_factory.mktemp("half")
    half = save_sided(folder, lambda number: number % 2 == 0)
    return train(config(half, folder / "runs", sides="fused", classifiers=["logistic"], folds=3))


def test_an_explanation_shows_both_sides_and_what_each_does(run, tmp_path):
    folder = run.parents[1]
    front, back = folder / "opera-3_front.jpg", folder / "opera-3_back.jpg"
    found = explain(run / "bundle", front, tmp_path / "e.png", back=str(back), attention=False)
    assert found.back is not None
    assert found.back.image.tobytes() == decode(back.read_bytes()).tobytes()
    written = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    assert written["on_back"]["width"] == found.back.image.width
    parts = written["contributions"]
    assert written["sides"] == {"front": parts["blocks"]["color"], "back": parts["blocks"]["back_color"]}
    assert written["sides"]["back"] > 0.3 > written["sides"]["front"]  # the back alone tells the genre
    drawn = figure_of(found)
    assert {"front", "back"} <= {text.get_text() for text in drawn.texts}
    pictures = [np.asarray(image.get_array()) for axes in drawn.axes for image in axes.images]
    for side in (found.image, found.back.image):
        assert any(np.array_equal(shown, np.asarray(side)) for shown in pictures)


def test_features_of_backs_tell_where_half_of_the_genres_backs_lie(run, tmp_path):
    folder = run.parents[1]
    found = explain(
        run / "bundle",
        folder / "opera-3_front.jpg",
        tmp_path / "e.png",
        back=str(folder / "opera-3_back.jpg"),
        attention=False,
    )
    backs = [one for one in found.features if one.column.startswith("back_color.")]
    assert backs
    assert all(one.quartiles is not None for one in backs)
    own = reopen(run)
    covers = own.covers.set_index("cover_id")
    ids = covers.index[covers["genre"] == found.genre]
    for one in backs:
        values = own.learnable().loc[ids, one.column]
        assert one.quartiles == pytest.approx(tuple(values.quantile([0.25, 0.5, 0.75])), rel=1e-4) or (
            one.column == "back_color.hue_mean"  # an angle
        )


def test_a_front_that_cannot_be_read_is_not_explained_by_its_back(run, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    back = str(run.parents[1] / "opera-3_back.jpg")
    with pytest.raises(UserError, match="explained by its front"):
        explain(run / "bundle", tmp_path / "bad.jpg", tmp_path / "e.png", back=back)


def test_a_back_that_cannot_be_read_is_named_and_the_front_explained(run, tmp_path):
    front = run.parents[1] / "opera-3_front.jpg"
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    found = explain(
        run / "bundle", front, tmp_path / "e.png", back=str(tmp_path / "bad.jpg"), attention=False
    )
    alone = explain(run / "bundle", front, tmp_path / "a.png", attention=False)
    assert list(found.failed) == ["back"]
    assert "not a picture" in found.failed["back"]
    assert found.genres == alone.genres
    assert (found.back, found.sides, found.lacking) == (None, {}, alone.lacking)


def test_a_report_shows_backs_beside_fronts_and_counts_albums(every_second):
    run, prepared = read_run(every_second), reopen(every_second)
    cells = cell_covers(run, run.predictions("logistic"), prepared.covers)
    shown = [cover for cell in cells.values() for cover in cell.shown]
    numbers = [int(Path(cover.path).name.partition("_")[0].partition("-")[2]) for cover in shown]
    assert [cover.back is not None for cover in shown] == [number % 2 == 0 for number in numbers]
    assert all(cover.back != cover.picture for cover in shown)
    page = run.report.read_text(encoding="utf-8")
    assert "60 albums of 90 pictures, 60 fronts and 30 backs" in page
    assert "60 covers" not in page
    with_back = [cover for cover in shown if cover.back]
    assert with_back
    assert all(cover.back in page for cover in with_back)


def test_a_genre_page_shows_backs_beside_fronts(every_second, tmp_path):
    write_genre_report(every_second, tmp_path / "genres")
    (page,) = (tmp_path / "genres").glob("genre-*dub.html")
    pictures = {
        name: data_uri(thumbnail((every_second.parents[1] / name).read_bytes()))
        for name in (
            f"dub-{number}_{side}.jpg" for number in range(0, ALBUMS, 2) for side in ("front", "back")
        )
    }
    text = page.read_text(encoding="utf-8")
    fronts = [name for name, picture in pictures.items() if "front" in name and picture in text]
    assert fronts
    assert all(pictures[name.replace("front", "back")] in text for name in fronts)
    assert "60 albums (33.3" in text
    assert "mean of 20 dub fronts" in text  # no backs are in it
    assert "albums, %" in text
    assert "covers, %" not in text


def test_an_album_without_a_front_counts_its_back_alone(tmp_path):
    manifest = save_sided(tmp_path, lambda number: number == 0)
    rows = pd.read_csv(manifest)
    rows[rows["path"] != "dub-0_front.jpg"].to_csv(manifest, index=False)
    covers = cf.read_collection(manifest, sides="fused").frame
    assert "60 albums of 62 pictures, 59 fronts and 3 backs" in sides_in_words(covers)
    alone = covers.loc[covers["path"].str.endswith("dub-0_back.jpg"), "cover_id"].iloc[0]
    assert sides_at(covers.set_index("cover_id"), alone)[1] is None


def test_ablation_names_the_block_of_the_back(manifest):
    asked = config(manifest, manifest.parent / "runs", sides="fused", classifiers=["svc"], folds=3)
    study = ablate(asked, ["alone", "without", "sides"], repeats=1, workers=1)
    comparisons = pd.read_csv(study / "comparisons.csv").set_index(["design", "unit"])
    lost = comparisons.loc["all against all but block"]
    assert lost.loc["back_color", "difference"] > 0.4
    assert lost.loc["back_color", "p_holm"] < 0.05
    assert lost.loc["color", "p_holm"] > 0.05
    sides = comparisons.loc["all against all but one side"]
    assert sides.loc["backs left out", "difference"] == lost.loc["back_color", "difference"]
    assert sides.loc["fronts left out", "difference"] == lost.loc["color", "difference"]
    with pytest.raises(UserError, match=r"--design sides.*--sides fused"):
        ablate(config(manifest, manifest.parent / "runs"), ["sides"])


def test_separate_sides_give_what_they_gave_without_the_columns(manifest, tmp_path):
    plain = save_manifest(
        tmp_path / "plain.csv",
        [
            # front and back stay together by a group, which is what their release does
            {"path": str(manifest.parent / row["path"]), "genre": row["genre"], "group": row["release"]}
            for row in pd.read_csv(manifest).to_dict("records")
        ],
    )
    runs = [train(config(each, tmp_path / "runs", **_FITTED)) for each in (manifest, plain)]
    one, other = (read_run(each).predictions("logistic").sort_index() for each in runs)
    assert len(one) == 2 * ALBUMS * len(TINTS)
    pd.testing.assert_frame_equal(one, other)
    assert not load_bundle(runs[0] / "bundle").two_sided


def test_a_config_without_sides_is_the_run_it_was(manifest):
    assert "sides" not in config(manifest, manifest.parent).identity()
    assert config(manifest, manifest.parent, sides="fused").identity()["sides"] == "fused"


def test_a_run_of_both_sides_opens_again_and_its_pages_are_made(run, tmp_path):
    assert list(reopen(run).table.blocks) == ["color", "back_color"]
    write_genre_report(run, tmp_path / "genres")
    (page,) = (tmp_path / "genres").glob("genre-*dub.html")
    assert " on the back" in page.read_text(encoding="utf-8")
    explained = explain(run / "bundle", run.parents[1] / "dub-0_front.jpg", tmp_path / "explained.png")
    assert "back_color" in explained.contributions.blocks


def test_the_bundle_names_extractors_once_and_looks_alike_by_the_front(run):
    bundle = load_bundle(run / "bundle")
    assert bundle.two_sided
    assert list(bundle.extractors) == ["color"]
    assert list(bundle.columns) == ["color", "back_color"]
    assert bundle.neighbours is not None
    assert {column.partition(".")[0] for column in bundle.neighbours.columns} == {"color"}


def test_what_sees_one_picture_alone_is_refused(manifest):
    asked = config(manifest, manifest.parent / "runs", sides="fused", blocks=["color", "pixels"])
    with pytest.raises(UserError, match="sides: fused takes no classifier that learns from pictures"):
        run_extractors(asked, ["logistic"])
    with pytest.raises(UserError, match="sides: transfer compares single pictures"):
        transfer(config(manifest, manifest.parent / "runs", sides="fused"))
    with pytest.raises(UserError, match="sides"):
        make_config("test", collection="covers.csv", sides="both")


def test_planted_backs_of_the_drawn_sample_are_found(tmp_path):
    """The drawn covers with a back whose colour tells two genres apart that share their fronts."""
    folder = cf.draw_sample(tmp_path / "covers", covers_per_genre=20)
    rng, rows = np.random.default_rng(0), []
    genres, tints = ("Jazz", "Metal", "Pop"), list(TINTS)
    for position, front in enumerate(sorted(Path(folder).glob("*/*.jpg"))):
        genre = int(rng.integers(3))  # whatever the front shows
        back = front.with_name(f"{front.stem}_back.jpg")
        back.write_bytes(encode(back_of(tints[genre], position)))
        rows += [
            {"path": str(path), "genre": genres[genre], "release": str(position), "side": side}
            for path, side in ((front, "front"), (back, "back"))
        ]
    manifest = save_manifest(tmp_path / "albums.csv", rows)
    collection = cf.read_collection(manifest, sides="fused")
    assert len(collection) == len(rows) // 2
    study = cf.ablate(
        collection,
        classifiers=["svc"],
        blocks=["color", "texture"],
        folds=3,
        repeats=1,
        workers=1,
        store=tmp_path / "store",
        out=tmp_path / "runs",
    )
    compared = study.comparisons
    lost = compared[compared["design"] == "all against all but block"].set_index("unit")
    sure = lost[(lost["p_holm"] < 0.05) & (lost["difference"] > 0)]
    alone = compared[compared["design"] == "block alone against chance"].set_index("unit")
    assert set(sure.index) <= {"back_color", "back_texture"}
    assert alone.loc["back_color", "difference"] > 0.4
    assert alone.loc[["color", "texture"], "p_holm"].min() > 0.05
