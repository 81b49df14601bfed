"""Which covers test: the same whatever files are called and however they are ordered, or those of a file."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.splits import save_splits
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.curve.study import make_points
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.chosen_splits import chosen_folds, chosen_split
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.preparation import prepare
from coverfusion.experiments.training.train import train
from coverfusion.experiments.tuning.sweep import sweep
from coverfusion.fusion.registry import create
from tests.helpers.pictures import save_manifest
from tests.helpers.small import config, save_small


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def run(manifest: Path) -> Path:
    return train(config(manifest, manifest.parent / "runs", classifiers=["knn"]))


def _saved(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "splits.parquet").set_index("cover_id")


def test_names_and_order_of_files_change_nothing(manifest: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(manifest).iloc[::-1]
    turned = []
    for number, row in enumerate(rows.itertuples()):
        path = tmp_path / f"{number:03}.jpg"
        path.write_bytes(Path(row.path).read_bytes())
        turned.append({"path": str(path), "genre": row.genre, "group": f"other {row.group}"})
    found = []
    for source in (manifest, save_manifest(tmp_path / "covers.csv", turned)):
        asked = config(source, tmp_path, folds=3, store=tmp_path / "store")
        prepared = prepare(asked, read_collection(source), make_extractors(asked.blocks, "packaged"))
        covers, X = prepared.covers, prepared.table.frame()
        points = make_points(tmp_path, asked, covers, [40, 60], repeats=2)
        model = create("svc").fit(X, covers["genre"], groups=covers["group"])
        found.append(
            (
                covers.drop(columns="path"),
                chosen_split(covers, asked),
                chosen_folds(covers, asked, 2),
                pd.Series([sorted(point.part.train) for point in points]),
                pd.DataFrame(model.predict_proba(X)),
            )
        )
    for first, second in zip(*found, strict=True):
        assert first.equals(second)


def test_a_run_takes_the_split_of_another_with_its_covers_changed(
    manifest: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.read_csv(manifest)
    fewer = save_manifest(tmp_path / "covers.csv", rows.iloc[2:].to_dict("records"))
    asked = config(fewer, tmp_path, classifiers=["knn"], seed=5, split_file=run / "splits.parquet")
    made = train(asked)
    before, after = _saved(run)["split"], _saved(made)["split"]
    assert after.to_dict() == before[after.index].to_dict()
    assert "2 covers are only in" in " ".join(capsys.readouterr().out.split())
    assert read_config(made / "config.yaml").split_file == run / "splits.parquet"
    # what is in the file tells runs apart, not where it lies
    (tmp_path / "copy.parquet").write_bytes((run / "splits.parquet").read_bytes())
    again = asked.model_copy(update={"split_file": tmp_path / "copy.parquet"})
    assert again.identity() == asked.identity()
    assert asked.model_copy(update={"split_file": None}).identity() != asked.identity()


def test_studies_take_saved_splits_and_folds(manifest: Path, run: Path, tmp_path: Path) -> None:
    swept = sweep(
        config(manifest, tmp_path, seed=3, folds=2, split_file=run / "splits.parquet"),
        "knn",
        "k",
        [1],
        workers=1,
    )
    parts = _saved(run)["split"]
    assert _saved(swept)["split"].to_dict() == parts.to_dict()
    folds = pd.read_parquet(swept / "folds.parquet")
    assert set(folds["cover_id"]) == set(parts.index[parts != "test"])
    # those folds leave the test covers out of all folds: learnt from, never tested
    study = ablate(
        config(manifest, tmp_path, classifiers=["knn"], seed=4, split_file=swept / "folds.parquet"),
        ["alone"],
        workers=1,
    )
    assert _saved(study)["repeat_0"].loc[folds["cover_id"]].tolist() == folds["fold"].tolist()
    assert pd.read_csv(study / "ablation.csv").groupby("units")["test_covers"].sum().eq(len(folds)).all()


def test_a_file_of_the_wrong_kind_is_refused(manifest: Path, run: Path, tmp_path: Path) -> None:
    split = config(manifest, tmp_path, split_file=run / "splits.parquet", classifiers=["knn"])
    with pytest.raises(UserError, match="holds an 8:1:1 split, and folds are needed"):
        ablate(split, ["alone"])
    with pytest.raises(UserError, match="holds an 8:1:1 split, and folds are needed"):
        train(split.model_copy(update={"folds": 5}))
    numbers = pd.DataFrame({"fold": [0, 1] * 45}, index=_saved(run).index)
    save_splits(numbers, tmp_path / "folds.parquet")
    folds = split.model_copy(update={"split_file": tmp_path / "folds.parquet"})
    with pytest.raises(UserError, match=r"--folds 5: .* holds 2 folds"):
        train(folds.model_copy(update={"folds": 5}))
    with pytest.raises(UserError, match="holds folds, and an 8:1:1 split is asked for"):
        sweep(folds, "knn", "k", [1])
    with pytest.raises(UserError, match="no saved splits at"):
        train(split.model_copy(update={"split_file": tmp_path / "nothing.parquet"}))
