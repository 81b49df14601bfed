"""Metadata from a manifest to a run: what is asked, what is kept, and what planted columns come to."""

import json
from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.explanation.explain import explain
from coverfusion.experiments.pipeline.config import make_config, read_config
from coverfusion.experiments.pipeline.metadata import read_chosen
from coverfusion.experiments.pipeline.reopen import reopen
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.scoring.predictor import Predictor
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.training.train import train
from coverfusion.fusion.bundle import load_bundle
from tests.helpers.small import config
from tests.helpers.told import save_told

TOLD = {"numbers": ["year"], "categories": ["label"], "text": ["title"]}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_told(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def run(manifest: Path) -> Path:
    asked = {"classifiers": ["logistic", "catboost"], "alone": ["logistic"], "folds": 3, "metadata": TOLD}
    return train(config(manifest, manifest.parent / "runs", **asked))


# --- what is asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"nombers": ["year"]}, r"no kind 'nombers'.*Did you mean 'numbers'.*text\.$"),
        ({"numbers": ["genre"]}, "'genre' is no metadata"),
        ({"numbers": ["year"], "text": ["year"]}, "'year' is named twice"),
        ({}, "no column is named"),
        ("year", "columns by kind"),
    ],
)
def test_what_cannot_be_metadata_is_refused(asked, said):
    with pytest.raises(UserError, match=said):
        make_config("test", collection="covers.csv", metadata=asked)


def test_a_column_that_is_not_there_is_named(manifest):
    with pytest.raises(UserError, match=r"no column 'yaer' for metadata.*Did you mean 'year'"):
        train(config(manifest, manifest.parent / "runs", metadata={"numbers": ["yaer"]}))


def test_a_column_without_a_value_of_its_kind_is_named(manifest):
    with pytest.raises(UserError, match=r"the column 'label' of .* has no number"):
        train(config(manifest, manifest.parent / "runs", metadata={"numbers": ["label"]}))


def test_runs_without_metadata_stay_what_they_are(manifest):
    assert "metadata" not in config(manifest, manifest.parent).identity()
    assert "metadata" in config(manifest, manifest.parent, metadata=TOLD).identity()


def test_the_digest_is_of_the_values_and_not_of_their_order(manifest, tmp_path):
    chosen = make_config("test", collection=manifest, metadata=TOLD).metadata
    assert chosen is not None
    collection = read_collection(manifest)
    digest = read_chosen(chosen, collection).digest()
    other = tmp_path / "other.csv"
    rows = pd.read_csv(manifest, dtype=str)
    rows.iloc[::-1].to_csv(other, index=False)
    again = read_collection(other)
    assert again.fingerprint() == collection.fingerprint()
    assert read_chosen(chosen, again).digest() == digest
    rows.assign(year="1999").to_csv(other, index=False)
    again = read_collection(other)
    assert again.fingerprint() == collection.fingerprint()
    assert read_chosen(chosen, again).digest() != digest


# --- what is kept --------------------------------------------------------------------------------------


def test_a_run_says_what_it_used(run):
    facts = json.loads((run / "collection.json").read_text())
    assert [made["block"] for made in facts["metadata"]] == [
        "metadata_year",
        "metadata_label",
        "metadata_title",
    ]
    problems = pd.read_csv(run / "metadata_problems.csv")
    assert set(problems["value"]) == {"c. 1975"}
    assert len(problems) == 4
    assert read_config(run / "config.yaml", run_plugins=False).metadata is not None
    models = {model.classifier + " " + model.kind for model in read_run(run).models}
    assert models == {"logistic fused", "catboost fused", "logistic alone"}


def test_a_run_is_opened_again_with_the_values_it_used(run, manifest):
    rows = manifest.read_text()
    try:
        manifest.write_text(rows.replace("Scala", "Another"))
        labels = reopen(run).learnable()["metadata_label.category"].dropna()
    finally:
        manifest.write_text(rows)
    assert set(labels) == {"Dubplate", "Scala", "Tresor"}


def test_another_year_is_another_run(run, manifest, tmp_path):
    other = manifest.with_name("other.csv")
    pd.read_csv(manifest, dtype=str).assign(year="1999").to_csv(other, index=False)
    asked = {"classifiers": ["logistic"], "alone": [], "folds": 3, "metadata": {"numbers": ["year"]}}
    first = train(config(manifest, tmp_path, **asked))
    second = train(config(other, tmp_path, **asked))
    assert first.name.split("-")[-1] != second.name.split("-")[-1]


# --- new covers ----------------------------------------------------------------------------------------


def test_a_bundle_scores_with_and_without(run, manifest, tmp_path, capsys):
    rows = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    genre = rows.set_index("path")["genre"]

    def right(name: str, manifests: list[str]) -> float:
        score(run / "bundle", iter(rows["path"]), tmp_path / name, manifests=manifests)
        found = pd.read_csv(tmp_path / name)
        assert (found["error"].isna()).all()
        return float((found["genre_1"] == genre.loc[found["path"]].to_numpy()).mean())

    capsys.readouterr()
    with_it = right("with.csv", [str(manifest)])
    assert "missing" not in capsys.readouterr().out.replace("count as missing", "")
    without = right("without.csv", [])
    assert "'year', 'label', 'title'" in capsys.readouterr().out.replace("\n", " ")
    assert with_it > without


def test_scores_with_other_metadata_are_not_gone_on_with(run, manifest, tmp_path):
    pictures = pd.read_csv(manifest)["path"].tolist()[:3]
    score(run / "bundle", iter(pictures), tmp_path / "s.csv", manifests=[str(manifest)])
    with pytest.raises(UserError, match="another metadata"):
        score(run / "bundle", iter(pictures), tmp_path / "s.csv", resume=True)


def test_python_gives_metadata_by_column(run, manifest):
    rows = pd.read_csv(manifest, dtype=str, keep_default_na=False).iloc[[1, 2, 40]]
    predictor = Predictor.load(run / "bundle")
    pictures = rows["path"].tolist()
    told = {name: rows[name].tolist() for name in ("year", "label", "title")}
    with_it = predictor.predict_proba(pictures, metadata=told)
    assert abs(with_it - predictor.predict_proba(pictures)).max() > 0.01
    assert abs(with_it - predictor.predict_proba(pictures, metadata=rows[list(told)])).max() < 1e-9
    whole = [float(year) if year.isdigit() else None for year in told["year"]]
    part = predictor.predict(pictures, metadata={"year": whole})
    assert part["error"].tolist() == [""] * 3
    with pytest.raises(UserError, match=r"no column 'yaer'.*Did you mean 'year'"):
        predictor.predict(pictures, metadata={"yaer": [1, 2, 3]})
    with pytest.raises(UserError, match="2 rows for more pictures"):
        predictor.predict(pictures, metadata={"year": [1975, 1976]})
    with pytest.raises(UserError, match="4 rows for 3 pictures"):
        predictor.predict(pictures, metadata={"year": [1975] * 4})


def test_a_cover_is_explained_without(run, manifest, tmp_path, capsys):
    picture = pd.read_csv(manifest)["path"].iloc[0]
    found = explain(run / "bundle", picture, tmp_path / "why.png", attention=False)
    assert "missing" in capsys.readouterr().out
    assert {"color", "metadata_year", "metadata_label"} <= set(found.contributions.blocks)


def test_a_bundle_names_its_columns(run):
    bundle = load_bundle(run / "bundle")
    assert [made["column"] for made in bundle.metadata.values()] == ["year", "label", "title"]
    assert "metadata_year" in repr(bundle)
    assert not any(name.startswith("metadata") for name in bundle.neighbours.columns)  # alike is by picture


# --- what planted columns come to ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def study(manifest: Path) -> Path:
    metadata = {"numbers": ["year", "noise"], "categories": ["shelf"]}
    asked = {"classifiers": ["logistic"], "folds": 3}
    return ablate(
        config(manifest, manifest.parent / "runs", metadata=metadata, **asked),
        ["alone", "without", "metadata"],
        repeats=3,
        workers=1,
    )


def test_what_gives_the_genre_away_is_named_and_nothing_else(study):
    facts = json.loads((study / "collection.json").read_text())
    assert {made["column"] for made in facts["metadata"] if made["gives_away"]} == {"shelf"}
    assert "'shelf'" in facts["note"]
    assert "'year'" not in facts["note"]
    assert "&#39;shelf&#39;" in (page := (study / "index.html").read_text()) or "'shelf'" in page


def test_ablation_finds_the_year_and_not_the_noise(study):
    rows = pd.read_csv(study / "comparisons.csv").query("design == 'block alone against chance'")
    p = rows.set_index("unit")["p_holm"]
    assert p["metadata_year"] < 0.05
    assert p["metadata_noise"] > 0.05


def test_ablation_says_what_pictures_add(manifest):
    metadata = {"numbers": ["year"], "text": ["title"]}
    asked = {"classifiers": ["logistic", "knn"], "folds": 3, "metadata": metadata}
    found = ablate(config(manifest, manifest.parent / "runs", **asked), ["metadata"], repeats=2, workers=2)
    rows = pd.read_csv(found / "comparisons.csv").query("design == 'all against metadata or pictures alone'")
    by = rows.set_index(["classifier", "unit"])["difference"]
    assert by["logistic", "metadata alone"] > 0
    assert by["logistic", "pictures alone"] > 0
    sets = set(pd.read_csv(found / "leaderboard.csv").query("classifier == 'knn'")["units"])
    assert sets == {"color+metadata_year", "metadata_year", "color"}  # it reads no text


def test_the_design_needs_metadata(manifest):
    with pytest.raises(UserError, match="no column is named as metadata"):
        ablate(config(manifest, manifest.parent / "runs"), ["metadata"])
