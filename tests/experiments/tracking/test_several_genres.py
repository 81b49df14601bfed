"""Results of covers of several genres in MLflow: scores of sets by fold, and a model that names sets."""

import base64
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import f1_score, hamming_loss

from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.tracking.log import log_folder
from coverfusion.experiments.tracking.results import read_result
from coverfusion.experiments.training.train import train
from tests.experiments.tracking.test_log import needs_mlflow, tracked_model
from tests.helpers.many import save_many
from tests.helpers.pictures import save_manifest
from tests.helpers.small import config

FOLDS = 3
ASKED = {"labels": "many", "blocks": ["color", "texture"], "classifiers": ["logistic"], "folds": FOLDS}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_many(tmp_path_factory.mktemp("many"), 48)


@pytest.fixture(scope="module")
def run(manifest: Path) -> Path:
    return train(config(manifest, manifest.parent / "runs", alone=[], **ASKED))


@pytest.fixture(scope="module")
def sets_by_fold(run: Path) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Of each fold the genres that its covers have and that they are called, by the run's own files."""
    predictions = pd.read_parquet(run / "predictions.parquet").set_index("cover_id")
    fold = pd.read_parquet(run / "splits.parquet").set_index("cover_id")["fold"][predictions.index]
    has, says = (predictions[side].str.get_dummies("|") for side in ("genre", "predicted"))
    says = says.reindex(columns=has.columns, fill_value=0)
    return [(has[fold == number], says[fold == number]) for number in range(FOLDS)]


def test_every_fold_has_the_scores_of_its_sets(
    run: Path, sets_by_fold: list[tuple[pd.DataFrame, pd.DataFrame]]
) -> None:
    [child] = read_result(run).children
    found = {(metric.name, metric.step): metric.value for metric in child.metrics}
    for number, (has, says) in enumerate(sets_by_fold):
        expected = {
            "f1_macro": f1_score(has, says, average="macro"),
            "f1_micro": f1_score(has, says, average="micro"),
            "hamming_loss": hamming_loss(has, says),
            "accuracy": (has == says).all(axis=1).mean(),
            "f1/ember": f1_score(has["ember"], says["ember"]),
            "f1/quiet": f1_score(has["quiet"], says["quiet"]),
        }
        assert {name: found[f"each_fold/{name}", number] for name in expected} == pytest.approx(expected)
    board = pd.read_csv(run / "leaderboard.csv").iloc[0]
    assert found["folds/f1_micro", 0] == pytest.approx(board["f1_micro"])
    assert found["folds/ranking_loss_low", 0] == pytest.approx(board["ranking_loss_low"])
    assert not [name for name, _ in found if "balanced_accuracy" in name]  # it is the mean recall here
    assert {"folds/average_precision/ember", "folds/f1/wave"} <= {name for name, _ in found}


def test_an_ablation_tells_scores_of_sets_from_scores_of_genres(manifest: Path, tmp_path: Path) -> None:
    study = ablate(config(manifest, tmp_path, **ASKED), ["alone"], repeats=1)
    rows = pd.read_csv(study / "ablation.csv").set_index(["units", "fold"])
    result = read_result(study)
    for child in result.children:
        found = {(metric.name, metric.step): metric.value for metric in child.metrics}
        by_genre = {name for name, _ in found if name.startswith("each_fold/f1/")}
        assert by_genre == {f"each_fold/f1/{genre}" for genre in ("ember", "quiet", "wave")}
        row = rows.loc[(child.parameters["units"], 1)]
        assert found["each_fold/f1_micro", 1] == pytest.approx(row["f1_micro"])
        assert not [name for name, _ in found if "balanced_accuracy" in name]
        assert found["each_fold/f1/wave", 1] == pytest.approx(row["f1_wave"])


def test_a_score_file_is_counted_by_all_that_covers_are_called(run: Path, tmp_path: Path) -> None:
    files = sorted(str(path) for path in (run.parent.parent).glob("cover-*.png"))
    scores = tmp_path / "scores.csv"
    score(run / "bundle", iter([*files, str(tmp_path / "nowhere.png")]), scores)
    called = pd.read_csv(scores)["genres"].dropna().str.get_dummies("|").sum()
    counts = {metric.name: metric.value for metric in read_result(scores).metrics}
    assert counts["errors"] == 1
    assert sum(called) > len(files)  # some are called two genres
    assert {name: counts[f"covers/{name}"] for name in called.index} == called.to_dict()


@needs_mlflow
def test_the_model_names_sets_as_score_does(run: Path, tmp_path: Path) -> None:

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    run_id = log_folder(run, uri)
    files = sorted(run.parent.parent.glob("cover-*.png"))[:8]
    score(run / "bundle", iter(map(str, files)), tmp_path / "scores.parquet")
    expected = pd.read_parquet(tmp_path / "scores.parquet").drop(columns="path")
    model = tracked_model(uri, run_id)
    images = pd.DataFrame({"image": [base64.b64encode(file.read_bytes()).decode() for file in files]})
    found = model.predict(images)
    pd.testing.assert_frame_equal(found.drop(columns="path"), expected, check_dtype=False)
    assert found["genres"].str.contains("|", regex=False).any()
    assert (found[["probability_1", "probability_2", "probability_3"]].sum(axis=1) > 1.01).any()
    assert found["genre_set"].str.len().gt(0).all()


@needs_mlflow
def test_the_model_names_each_of_four_genres_unasked(manifest: Path, tmp_path: Path) -> None:

    rows = pd.read_csv(manifest)
    rows.loc[rows["genre"] == "quiet", "genre"] = ["quiet", "quiet|calm"] * 6
    four = save_manifest(tmp_path / "four.csv", rows.to_dict("records"))
    made = train(config(four, tmp_path / "runs", alone=[], **ASKED))
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    run_id = log_folder(made, uri)
    model = tracked_model(uri, run_id)
    picture = Path(rows["path"][0]).read_bytes()
    found = model.predict(pd.DataFrame({"image": [base64.b64encode(picture).decode()]}))
    named = {found[f"genre_{place}"].iloc[0] for place in range(1, 5)}
    assert named == {"calm", "ember", "quiet", "wave"}
