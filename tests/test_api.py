"""`import coverfusion as cf`: what Python users see, and the examples that they copy."""

import doctest
import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import coverfusion as cf
from coverfusion.data.addresses import place
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.scoring.score import score

EXAMPLES = Path(__file__).parent.parent / "experiments" / "examples"
WITH_EXAMPLES = (
    "data.collection",
    "data.sample.draw",
    "features.table",
    "tables",
    "studies",
    "experiments.pipeline.run_folder",
    "experiments.scoring.predictor",
)
# modules whose public functions take paths from users
WITH_PATHS = (
    *WITH_EXAMPLES,
    "data.facts_cache",
    "data.growing.grow",
    "data.growing.journal",
    "data.sources",
    "data.splits",
    "fusion.bundle",
    "experiments.pipeline.reopen",
    "experiments.scoring.score",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of all examples here: one store, and finished runs are not done again."""
    before = Path.cwd()
    made = tmp_path_factory.mktemp("api")
    os.chdir(made)
    cf.draw_sample("sample", covers_per_genre=8)
    yield made
    os.chdir(before)


@pytest.fixture(scope="module")
def collection(folder: Path) -> cf.Collection:
    return cf.read_collection("sample")


@pytest.fixture(scope="module")
def table(collection: cf.Collection) -> cf.FeatureTable:
    return cf.extract(collection, blocks=["color", "texture"], store="store")


@pytest.fixture(scope="module")
def run(collection: cf.Collection) -> cf.Run:
    classifiers = {"knn": {"k": 3}, "logistic": {}}
    return cf.train(collection, classifiers=classifiers, blocks=["color"], folds=2, store="store", out="runs")


# --- the surface ---------------------------------------------------------------------------------------


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, coverfusion; print([m for m in ('torch', 'pandas', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in cf.__all__:
        assert name in dir(cf)
        assert inspect.getdoc(getattr(cf, name))
    assert cf.__version__
    with pytest.raises(AttributeError, match="no_such_name"):
        cf.no_such_name  # noqa: B018 - looked up, not used


@pytest.mark.slow
@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_in_docstrings_are_true(module: str, folder: Path) -> None:
    found = doctest.testmod(importlib.import_module(f"coverfusion.{module}"))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("module", WITH_PATHS)
def test_a_path_may_be_text_or_a_path_object(module: str) -> None:
    members = vars(importlib.import_module(f"coverfusion.{module}"))
    own = {
        name: member
        for name, member in members.items()
        if not name.startswith("_") and getattr(member, "__module__", "") == f"coverfusion.{module}"
    }
    functions = dict(filter(lambda item: inspect.isfunction(item[1]), own.items()))
    for name, cls in filter(lambda item: inspect.isclass(item[1]), own.items()):
        functions |= {
            f"{name}.{key}": getattr(value, "__func__", value)
            for key, value in vars(cls).items()
            if not key.startswith("_") and (inspect.isfunction(value) or isinstance(value, classmethod))
        }
    for name, function in functions.items():
        for parameter, annotation in inspect.get_annotations(function).items():
            words = str(annotation).replace("os.PathLike[str]", "")
            assert parameter == "return" or "Path" not in words, f"{name}({parameter})"


def test_text_works_where_a_path_does(folder: Path, collection: cf.Collection, run: cf.Run) -> None:
    assert place("sample") == place(Path("sample")) == Path("sample")
    assert str(place("s3://bucket/covers/")) == "s3://bucket/covers"
    assert cf.read_collection(Path("sample")).fingerprint() == collection.fingerprint()
    assert cf.open_run(str(run.folder)).chosen.classifier == run.chosen.classifier
    assert cf.load_bundle(str(run.bundle)).digest == cf.load_bundle(run.bundle).digest


# --- collection, table, scikit-learn -------------------------------------------------------------------


def test_rows_of_x_y_and_groups_are_the_same_covers(
    collection: cf.Collection, table: cf.FeatureTable
) -> None:
    fewer = table.rows(list(reversed(table.index[5:])))
    X, y, groups = cf.training_data(collection, fewer)
    covers = collection.frame.set_index("cover_id").loc[X.index]
    assert len(X) == len(table) - 5
    assert y.tolist() == covers["genre"].tolist()
    assert groups.tolist() == covers["group"].tolist()
    pd.testing.assert_frame_equal(X, table.frame().loc[X.index])
    with pytest.raises(cf.UserError):
        cf.training_data(collection, table.rows([]))


def test_a_cover_under_two_genres_is_two_rows(folder: Path, table: cf.FeatureTable) -> None:
    cover = Path("sample/Jazz/000.jpg")
    rows = [(cover, "Jazz"), (cover, "Metal"), (Path("sample/Metal/000.jpg"), "Metal")]
    manifest = folder / "doubled.csv"
    pd.DataFrame(rows, columns=["path", "genre"]).to_csv(manifest, index=False)
    X, y, groups = cf.training_data(cf.read_collection(manifest, keep="all"), table)
    assert y.tolist() == ["Jazz", "Metal", "Metal"]
    assert X.index[0] == X.index[1]
    assert groups[0] == groups[1]


def test_a_cover_that_is_gone_is_left_out_with_a_warning(folder: Path) -> None:
    cf.draw_sample("going", covers_per_genre=1)
    going = cf.read_collection("going")
    Path("going/Pop/000.jpg").unlink()
    with pytest.warns(UserWarning, match="1 failures.*Pop"):
        table = cf.extract(going, blocks=["color"], store="another store")
    assert len(table) == len(going) - 1
    with pytest.raises(cf.UserError, match="pixels"):
        cf.extract(going, blocks=["pixels"], store="another store")


def test_scikit_learn_takes_the_classifiers(collection: cf.Collection, table: cf.FeatureTable) -> None:
    X, y, groups = cf.training_data(collection, table)
    folds = StratifiedGroupKFold(2)
    assert len(cross_val_score(cf.classifier("knn"), X, y, groups=groups, cv=folds)) == 2
    search = GridSearchCV(cf.classifier("knn"), {"k": [1, 5]}, cv=folds).fit(X, y, groups=groups)
    assert search.best_params_["k"] in (1, 5)
    pipeline = make_pipeline(
        FunctionTransformer(lambda rows: rows.filter(like="color.")), cf.classifier("logistic")
    )
    assert cross_val_score(pipeline, X, y, groups=groups, cv=folds).mean() > 1 / 6
    with pytest.raises(cf.UserError, match="kn"):
        cf.classifier("kn")


# --- studies -------------------------------------------------------------------------------------------


def test_a_run_answers_with_frames(run: cf.Run, collection: cf.Collection) -> None:
    assert set(run.leaderboard["classifier"]) == {"knn", "logistic"}
    assert set(run.per_genre["genre"]) == set(collection.frame["genre"])
    assert len(run.predictions()) == len(run.predictions("knn")) == len(collection)
    assert run.confusion.to_numpy().sum() == len(collection)
    with pytest.raises(cf.UserError, match="knn"):
        run.predictions("knm")
    assert run.config["classifiers"]["knn"] == {"k": 3}
    assert cf.compare([run]).iloc[0][["first", "second"]].str.startswith("A ").all()


def test_studies_print_nothing_unless_asked(
    run: cf.Run, collection: cf.Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    classifiers = {"knn": {"k": 3}, "logistic": {}}
    wanted = {"classifiers": classifiers, "blocks": ["color"], "folds": 2, "store": "store", "out": "runs"}
    assert cf.train(collection, **wanted).folder == run.folder
    assert capsys.readouterr().out == ""
    cf.train(collection, progress=True, **wanted)
    assert "finished already" in capsys.readouterr().out


def test_a_collection_changed_in_memory_is_not_trained_on_in_silence(
    run: cf.Run, collection: cf.Collection
) -> None:
    changed = replace(collection, frame=collection.frame.head(40))
    with pytest.warns(UserWarning, match="read again"):
        cf.train(
            changed,
            classifiers={"knn": {"k": 3}, "logistic": {}},
            blocks=["color"],
            folds=2,
            store="store",
            out="runs",
        )


# --- predictions ---------------------------------------------------------------------------------------


def test_a_path_an_image_and_an_array_of_one_cover_score_alike(run: cf.Run) -> None:
    predictor = cf.Predictor.load(str(run.bundle))
    path = Path("sample/Jazz/001.jpg")
    with PIL.Image.open(path) as image:
        pixels = np.asarray(image)
        scores = predictor.predict(
            [path, str(path), image, pixels, (pixels / 255).astype(np.float32)], top_k=2
        )
        proba = predictor.predict_proba([path, image])
    assert scores["error"].tolist() == [""] * 5
    same = scores.drop(columns=["path", "cover_id"])
    for row in range(1, 5):
        pd.testing.assert_frame_equal(same.iloc[[row]].reset_index(drop=True), same.iloc[[0]])
    assert scores["path"].tolist() == [str(path), str(path), "", "", ""]
    assert proba.shape == (2, 6)
    assert proba.max(axis=1) == pytest.approx(scores["probability_1"].iloc[0])
    assert predictor.classes_[proba[0].argmax()] == scores["genre_1"].iloc[0]


def test_scores_are_those_of_the_command(run: cf.Run, folder: Path) -> None:
    paths = ["sample/Pop/002.jpg", "nowhere.jpg"]
    score(str(run.bundle), iter(paths), str(folder / "scores.parquet"))
    expected = pd.read_parquet(folder / "scores.parquet")
    scores = cf.Predictor.load(run.bundle).predict(paths)
    assert list(scores) == list(expected)
    names = ["path", "cover_id", "genre_1", "genre_3", "probability_1", "error", "abstain"]
    pd.testing.assert_frame_equal(scores[names], expected[names], check_dtype=False, check_exact=True)


def test_what_is_no_picture_is_a_row_with_its_reason(run: cf.Run, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(Path("sample/Pop/000.jpg").read_bytes()[:2000])
    lazy = PIL.Image.open(folder / "broken.jpg")
    pictures = ["broken.jpg", lazy, np.zeros((4, 4, 7)), np.full((4, 4, 3), 300), np.zeros((0, 3)), None]
    predictor = cf.Predictor.load(run.bundle)
    scores = predictor.predict(pictures)  # type: ignore[arg-type]
    assert scores["error"].astype(bool).all()
    assert scores["genre_1"].isna().all()
    assert np.isnan(predictor.predict_proba(pictures)).all()  # type: ignore[arg-type]
    assert len(predictor.predict([])) == 0
    assert list(predictor.predict([])) == list(scores)
    assert len(predictor.predict("sample/Pop/000.jpg", top_k=99)) == 1
    with pytest.raises(ValueError, match="top_k"):
        predictor.predict([], top_k=0)


def test_a_run_has_the_name_and_the_note_that_it_is_given(folder: Path) -> None:
    given = {"classifiers": ["logistic"], "blocks": ["color"], "store": "store"}
    run = cf.train("sample", name="colours only", note="before the new scan", **given)
    assert run.folder.name == "colours only"
    assert (run.folder / "note.txt").read_text().strip() == "before the new scan"


# --- text and notebooks --------------------------------------------------------------------------------


def test_the_text_of_everything_is_one_line(
    run: cf.Run, collection: cf.Collection, table: cf.FeatureTable
) -> None:
    for thing in (run, collection, table, cf.load_bundle(run.bundle), cf.Predictor.load(run.bundle)):
        assert "\n" not in repr(thing)
        assert len(repr(thing)) < 250


def test_the_html_of_everything_is_escaped(
    run: cf.Run, collection: cf.Collection, table: cf.FeatureTable
) -> None:
    evil = "<script>x</script>"
    named = collection.frame.assign(genre=evil)
    things = (
        replace(collection, frame=named, source=Path(evil)),
        replace(run, folder=run.folder / evil / ".." / ".."),
        cf.FeatureTable({evil: table.blocks["color"]}),
    )
    Path(run.folder / "<script>x<").mkdir()
    Path(run.folder / evil).mkdir()
    for thing in things:
        assert "script&gt;" in thing._repr_html_()
        assert "<script>" not in thing._repr_html_()


# --- examples ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("script", ["own_extractor.py", "own_classifier.py"])
def test_the_scripts_run_outside_the_checkout(script: str, tmp_path: Path) -> None:
    file = tmp_path / script
    file.write_text((EXAMPLES / script).read_text())
    done = subprocess.run([sys.executable, file], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout


def test_the_example_config_is_one() -> None:
    config = read_config(EXAMPLES / "run.yaml")
    assert config.folds == 5
    assert config.classifiers is not None
    assert config.classifiers["knn:5"] == {"k": 5}


@pytest.mark.slow
def test_the_notebook_runs_and_holds_its_outputs() -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in cells[1:])
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()


@pytest.mark.slow
def test_workers_do_not_run_the_callers_script_again(folder: Path) -> None:
    (folder / "plain.py").write_text(
        "import coverfusion as cf\n"
        "print('here')\n"
        "cf.ablate('sample', blocks=['color'], classifiers=['logistic'], folds=2, workers=2, store='store',"
        " out='plain')\n"
    )
    done = subprocess.run(
        [sys.executable, "plain.py"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("here") == 1
