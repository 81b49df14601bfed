"""The main job end to end on small drawn collections, then scoring with its bundle."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.sources import list_pictures
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.comparison.compare import compare_runs
from coverfusion.experiments.curve.study import learning_curve
from coverfusion.experiments.genres.report import write_genre_report
from coverfusion.experiments.pipeline.config import Config, make_config
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.retrieval.similar import similar
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.training.train import train
from coverfusion.experiments.tuning.sweep import sweep
from coverfusion.fusion.bundle import load_bundle
from tests.helpers.pictures import checkerboard, encode, grained, noise, save_folders, solid, stripes

GENRES = {"dub": (30, 120, 40), "opera": (150, 30, 40), "techno": (40, 40, 160)}


def _cover(genre: str, number: int) -> Image:
    """A patterned cover in about the genre's colour."""
    rng = np.random.default_rng([number, len(genre)])
    colour = tuple(int(v) for v in np.clip(np.array(GENRES[genre]) + rng.integers(-25, 25, 3), 0, 255))
    second = tuple(int(v) for v in rng.integers(0, 255, 3))
    draw = checkerboard if number % 2 else stripes
    return grained(draw(colour, second, int(rng.integers(5, 30)), size=(96, 96)), [number, len(genre)])


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("c") / "covers"
    pictures = {genre: [_cover(genre, n) for n in range(40)] for genre in GENRES}
    save_folders(folder, pictures)
    shared = encode(solid("orange", (96, 96)))
    for genre in ("dub", "opera"):
        (folder / genre / "shared.jpg").write_bytes(shared)
    (folder / "dub" / "broken.jpg").write_bytes(b"no picture")
    return folder


def _config(collection: Path, out: Path, **more: object) -> Config:
    values = {"classifiers": ["knn", "logistic"], "alone": ["knn"], "blocks": ["color", "texture"]} | more
    return make_config("test", collection=collection, out=out / "runs", store=out / "store", **values)


@pytest.fixture(scope="module")
def run(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(_config(collection, tmp_path_factory.mktemp("r")))


def test_the_run_folder_is_complete(run: Path) -> None:
    for name in (
        "config.yaml",
        "environment.json",
        "collection.json",
        "rejected.csv",
        "splits.parquet",
        "metrics.json",
        "leaderboard.csv",
        "per_genre.csv",
        "confusion.csv",
        "predictions.parquet",
        "report.html",
        "bundle",
    ):
        assert (run / name).exists(), name
    assert not (run / "fits").exists()


def test_what_was_left_out_is_listed(run: Path) -> None:
    rejected = pd.read_csv(run / "rejected.csv")
    assert rejected["path"].str.endswith("broken.jpg").any()
    assert pd.read_csv(run / "conflicts.csv")["path"].str.contains("shared.jpg").sum() == 2
    facts = json.loads((run / "collection.json").read_text())
    assert facts["covers"] == 120
    assert facts["genres"] == {"dub": 40, "opera": 40, "techno": 40}


def test_leaderboard_agrees_with_the_predictions(run: Path) -> None:
    board = pd.read_csv(run / "leaderboard.csv")
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert len(board) == 2 * (2 + 2)  # two fused, two alone; validation and test
    for row in board.itertuples():
        mine = predictions[
            (predictions["classifier"] == row.classifier)
            & (predictions["blocks"] == row.blocks)
            & (predictions["split"] == row.split)
        ]
        assert row.accuracy == pytest.approx((mine["genre"] == mine["predicted"]).mean())
        assert row.accuracy_low <= row.accuracy <= row.accuracy_high
    assert board[board["blocks"] == "color+texture"]["accuracy"].max() > 0.8


def test_the_leaderboard_is_ordered_by_validation(run: Path) -> None:
    board = pd.read_csv(run / "leaderboard.csv")
    assert board.loc[board["split"] == "validation", "accuracy"].is_monotonic_decreasing


def test_training_covers_are_never_predicted(run: Path) -> None:
    splits = pd.read_parquet(run / "splits.parquet").set_index("cover_id")["split"]
    predictions = pd.read_parquet(run / "predictions.parquet")
    for name in ("validation", "test"):
        predicted = set(predictions.loc[predictions["split"] == name, "cover_id"])
        assert predicted == set(splits.index[splits == name])
    assert not set(predictions["cover_id"]) & set(splits.index[splits == "train"])


def test_the_same_run_again_returns_at_once_and_a_fresh_one_gives_the_same_numbers(
    run: Path, collection: Path
) -> None:
    before = (run / "metrics.json").read_bytes()
    stamp = (run / "metrics.json").stat().st_mtime_ns
    config = _config(collection, run.parents[1])
    assert train(config) == run
    assert (run / "metrics.json").stat().st_mtime_ns == stamp
    assert train(config, fresh=True) == run
    assert (run / "metrics.json").read_bytes() == before


def test_a_run_stopped_while_fitting_goes_on(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coverfusion.experiments.pipeline.cached_fits import CachedFits

    fitted: list[str] = []
    real = CachedFits.fit

    def fit(self: CachedFits, model: object, part: object) -> object:
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(model.name)  # type: ignore[attr-defined]
        return real(self, model, part)  # type: ignore[arg-type]

    monkeypatch.setattr(CachedFits, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        train(_config(collection, tmp_path))
    first = list(fitted)
    fitted.clear()
    fitted.append("one more may fit")
    monkeypatch.setattr(
        CachedFits, "fit", lambda self, model, part: fitted.append(model.name) or real(self, model, part)
    )
    train(_config(collection, tmp_path))
    assert len(first) == 2
    assert not set(first) & set(fitted[1:])


def test_folds_predict_every_cover_once(collection: Path, tmp_path: Path) -> None:
    folder = train(_config(collection, tmp_path, folds=3, classifiers=["logistic"], alone=[]))
    predictions = pd.read_parquet(folder / "predictions.parquet")
    assert len(predictions) == 120
    assert predictions["cover_id"].is_unique
    board = pd.read_csv(folder / "leaderboard.csv")
    assert board["split"].tolist() == ["folds"]
    assert (folder / "bundle" / "manifest.json").exists()


def test_scores_of_training_covers_are_those_of_the_run(run: Path, collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    rows, errors = score(run / "bundle", list_pictures([str(collection)]), out, top_k=2)
    assert (rows, errors) == (123, 1)
    frame = pd.read_csv(out)
    broken = frame[frame["path"].str.endswith("broken.jpg")].iloc[0]
    assert "not a picture" in broken["error"]
    assert pd.isna(broken["genre_1"])
    chosen = json.loads((run / "metrics.json").read_text())["chosen"]
    predictions = pd.read_parquet(run / "predictions.parquet")
    mine = predictions[
        (predictions["classifier"] == chosen["classifier"])
        & (predictions["blocks"] == "+".join(chosen["blocks"]))
    ].set_index("cover_id")
    ours = frame[frame["cover_id"].isin(mine.index)].drop_duplicates("cover_id").set_index("cover_id")
    assert len(ours) == len(mine)
    assert (ours["genre_1"] == mine.loc[ours.index, "predicted"]).all()
    best = load_bundle(run / "bundle").calibrated(mine.filter(regex="^p_").to_numpy()).max(axis=1)
    best = pd.Series(best, mine.index)
    np.testing.assert_allclose(ours["probability_1"], best.loc[ours.index], atol=1e-5)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_stopped_scoring_resumes_to_the_same_rows(
    kind: str, run: Path, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": lambda p: pd.read_json(p, lines=True)}[
        kind
    ]
    whole, stopped = tmp_path / f"whole.{kind}", tmp_path / f"stopped.{kind}"
    from coverfusion.experiments.scoring import score as module

    monkeypatch.setattr(module, "COVERS_PER_PART", 64)
    score(run / "bundle", list_pictures([str(collection)]), whole)

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    calls = []
    with pytest.raises(KeyboardInterrupt):
        score(
            run / "bundle",
            list_pictures([str(collection)]),
            stopped,
            progress=lambda n: stop(n) if calls else calls.append(n),
        )
    assert not stopped.exists()
    with pytest.raises(UserError, match="--resume"):
        score(run / "bundle", list_pictures([str(collection)]), stopped)
    newly: list[int] = []
    score(run / "bundle", list_pictures([str(collection)]), stopped, resume=True, progress=newly.append)
    assert sum(newly) == 123 - 64
    pd.testing.assert_frame_equal(read(whole), read(stopped))


def test_resuming_with_other_pictures_is_refused(
    run: Path, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coverfusion.experiments.scoring import score as module

    monkeypatch.setattr(module, "COVERS_PER_PART", 64)
    out = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt):
        score(run / "bundle", _stopping(collection), out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").write_bytes(encode(noise(), "PNG"))
    assert list((tmp_path / ".a.csv.parts").glob("*.parquet"))
    with pytest.raises(UserError, match="not those of the stopped run"):
        score(run / "bundle", list_pictures([str(tmp_path / "other")]), out, resume=True)


def _stopping(collection: Path):  # type: ignore[no-untyped-def]
    """The collection three times over, then an interrupt, so that whole parts are there."""
    for _ in range(3):
        yield from list_pictures([str(collection)])
    raise KeyboardInterrupt


def test_a_changed_bundle_is_refused_before_anything_is_scored(
    run: Path, collection: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(run / "bundle", copy)
    file = copy / "manifest.json"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.json"):
        score(copy, list_pictures([str(collection)]), tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_similar_finds_other_covers_and_draws_them(run: Path, tmp_path: Path) -> None:
    splits = pd.read_parquet(run / "splits.parquet").set_index("cover_id")["split"]
    train_id = splits.index[splits == "train"][0]
    path = next(p for p in list_pictures([str(_collection_of(run))]) if _digest(p) == train_id)
    found = similar(run / "bundle", path, 3, tmp_path / "similar.png")
    assert len(found) == 3
    assert train_id not in set(found["cover_id"])
    assert found["distance"].is_monotonic_increasing
    assert (tmp_path / "similar.png").stat().st_size > 1000


def _collection_of(run: Path) -> Path:
    import yaml

    return Path(yaml.safe_load((run / "config.yaml").read_text())["collection"])


def _digest(path: str) -> str:
    import hashlib

    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_too_few_covers_for_a_split_are_named(tmp_path: Path) -> None:
    folder = save_folders(tmp_path / "covers", {g: [noise(n + 10 * len(g))] for n, g in enumerate(GENRES)})
    with pytest.raises(UserError, match=r"too few covers that differ for an 8:1:1 split"):
        train(_config(folder, tmp_path))


def test_too_few_covers_are_named_before_any_feature_is_made(tmp_path: Path) -> None:
    pictures = {genre: [_cover(genre, n) for n in range(4)] for genre in GENRES}
    folder = save_folders(tmp_path / "covers", pictures)
    config = _config(folder, tmp_path, blocks=["color"], classifiers=["logistic"], folds=5)
    for study in (train, lambda config: ablate(config, ["alone"]), learning_curve):
        with pytest.raises(UserError, match=r"folds: 5 folds need 5 covers"):
            study(config)
    with pytest.raises(UserError, match=r"folds: 5 folds need 5 covers"):
        sweep(config, "logistic", "C", [0.1, 1])
    assert not list(config.store.glob("color-*"))


def test_a_place_that_cannot_be_written_is_named_before_covers_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config = _config(tmp_path / "no collection", tmp_path).model_copy(update={"out": tmp_path / "file"})
    with pytest.raises(UserError, match=r"--out .*file is a file\. Name a folder"):
        train(config)


def test_a_genre_of_fewer_groups_than_folds_is_learnt_and_said_to_be_untested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = {genre: [_cover(genre, n) for n in range(8)] for genre in ("dub", "opera")}
    folder = save_folders(tmp_path / "covers", pictures | {"techno": [_cover("techno", n) for n in range(2)]})
    made = train(_config(folder, tmp_path, blocks=["color"], classifiers=["logistic", "catboost"], folds=3))
    said = "Too few covers of techno to test on"
    assert said in " ".join(capsys.readouterr().out.split())
    assert said in (made / "report.html").read_text()
    run = read_run(made)
    assert set(run.predictions()["genre"]) == {"dub", "opera"}
    splits = pd.read_parquet(made / "splits.parquet")
    assert sorted(run.predictions().index) == sorted(splits.loc[splits["fold"] >= 0, "cover_id"])
    bundle = load_bundle(made / "bundle")
    assert bundle.classes == ["dub", "opera", "techno"]
    assert said in bundle.extra["note"]
    table = compare_runs([made])
    assert (table["method"] == "folds").all()
    write_genre_report(made, tmp_path / "genres")


def test_a_genre_without_test_covers_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = {genre: [_cover(genre, n) for n in range(30)] for genre in ("dub", "opera")}
    folder = save_folders(tmp_path / "covers", pictures | {"techno": [_cover("techno", 1)]})
    made = train(_config(folder, tmp_path, blocks=["color"], classifiers=["logistic"]))
    assert "Too few covers of techno to test on" in " ".join(capsys.readouterr().out.split())
    assert "Too few covers of techno to test on" in (made / "report.html").read_text()
