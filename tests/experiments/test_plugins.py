"""Blocks and classifiers of the user's own, from the config to a bundle that never loads them by itself."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from coverfusion.data.errors import UserError
from coverfusion.data.registry import forget_plugins, load_plugins, loaded_plugins
from coverfusion.experiments.cluster.extract import ExtractJob
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.experiments.pipeline.config import make_config, read_config, write_config
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.preparation import describe_extractor
from coverfusion.experiments.pipeline.reopen import reopen
from coverfusion.experiments.scoring.score import bundle_extractors, score
from coverfusion.experiments.training.train import train
from coverfusion.features.registry import create, extractor_names
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.registry import classifier_class, classifier_names
from coverfusion.fusion.registry import create as create_classifier
from tests.helpers.planted import planted
from tests.helpers.plugins import save_plugin
from tests.helpers.small import save_small

SET = """
@classifier("with_a_set")
class WithASet(Means):
    def _fit(self, X, y, weight, groups):
        super()._fit(X, y, weight, groups)
        self.own_ = Own()

class Own:
    pass
"""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget_plugins()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose block and classifier both come from the file `own_things.py`; nothing is loaded then."""
    folder = tmp_path_factory.mktemp("own")
    save_small(folder)
    save_plugin(folder)
    config = {
        "collection": "covers.csv",
        "blocks": {"halves": {"scale": 0.5}},
        "classifiers": ["means"],
        "store": "store",
        "out": "runs",
        "plugins": ["own_things.py"],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    done = train(read_config(folder / "run.yaml"))
    forget_plugins()
    return done


@pytest.mark.slow
def test_a_bundle_with_a_plug_in_scores_where_it_is_known(run: Path, tmp_path: Path) -> None:
    picture = str(next(run.parents[1].glob("dub-*.jpg")))
    load_plugins([run.parents[1] / "own_things.py"])
    assert score(run / "bundle", iter([picture]), tmp_path / "scores.csv") == (1, 0)
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert scores["genre_1"].isin(["dub", "opera", "techno"]).all()
    assert scores["error"].isna().all()
    assert [e.name for e in bundle_extractors(load_bundle(run / "bundle"))] == ["halves"]
    assert reopen(run).table.frame().shape[1] == 2


@pytest.mark.slow
def test_a_bundle_names_its_plug_in_and_does_not_load_it(run: Path) -> None:
    with pytest.raises(
        UserError, match=r"needs the classifier 'means' \(file own_things\.py, sha256 .*--plugin"
    ):
        load_bundle(run / "bundle")
    with pytest.raises(UserError, match=r"Unknown block 'halves'.*--plugin FILE"):
        reopen(run)
    assert loaded_plugins() == []


@pytest.mark.slow
def test_a_bundle_is_refused_with_another_text_of_its_plug_in(run: Path, tmp_path: Path) -> None:
    load_plugins([save_plugin(tmp_path, more="# changed\n")])
    with pytest.raises(UserError, match="made with another classifier 'means'"):
        load_bundle(run / "bundle")


@pytest.mark.slow
def test_an_unknown_block_of_a_bundle_is_named(run: Path, tmp_path: Path) -> None:
    load_plugins([run.parents[1] / "own_things.py"])
    bundle = load_bundle(run / "bundle")
    forget_plugins()
    with pytest.raises(UserError, match=r"needs the block 'halves' \(file own_things\.py"):
        bundle_extractors(bundle)


def test_another_text_of_a_plug_in_is_another_run(tmp_path: Path) -> None:
    file = save_plugin(tmp_path)
    plain = make_config("test", collection=tmp_path, classifiers=["svc"]).identity()
    first = make_config("test", collection=tmp_path, classifiers=["svc"], plugins=[file]).identity()
    save_plugin(tmp_path, more="# changed\n")
    second = make_config("test", collection=tmp_path, classifiers=["svc"], plugins=[file]).identity()
    assert plain != first != second != plain


def test_plug_ins_are_relative_to_the_config_and_written_as_they_lie(tmp_path: Path) -> None:
    save_plugin(tmp_path)
    (tmp_path / "run.yaml").write_text("collection: c\nplugins: [own_things.py]\n")
    config = read_config(tmp_path / "run.yaml", run_plugins=False)
    assert config.plugins == [tmp_path / "own_things.py"]
    assert "halves" not in extractor_names()
    (tmp_path / "deeper").mkdir()
    write_config(config, tmp_path / "deeper" / "config.yaml")
    assert read_config(tmp_path / "deeper" / "config.yaml").plugins == config.plugins
    assert "halves" in extractor_names()


def test_a_fitted_plug_in_classifier_holds_trusted_types_alone(tmp_path: Path) -> None:
    load_plugins([save_plugin(tmp_path, more=SET)])
    X, y, _ = planted(60)
    fitted = create_classifier("means").fit(X.fillna(0), y)
    fitted.save(tmp_path / "means")
    again = classifier_class("means").load(tmp_path / "means")
    np.testing.assert_array_equal(again.predict_proba(X.fillna(0)), fitted.predict_proba(X.fillna(0)))
    with pytest.raises(UserError, match="Own"):
        create_classifier("with_a_set").fit(X.fillna(0), y).save(tmp_path / "set")
    assert not (tmp_path / "set" / "state.skops").exists()


@pytest.mark.slow
def test_worker_processes_know_the_plug_ins_of_their_parent(tmp_path: Path) -> None:
    load_plugins([save_plugin(tmp_path)])
    X, y, groups = planted(60)
    ids = [f"cover-{i}" for i in range(len(X))]
    covers = pd.DataFrame({"cover_id": ids, "genre": y, "group": groups.astype(str)})
    fits = CachedFits(
        tmp_path / "fits", X.fillna(0).set_axis(pd.Index(ids, name="cover_id")), covers, {}, 0, False
    )
    (tmp_path / "fits").mkdir()
    parts = [Part("one", ids[:40], {"test": ids[40:]}), Part("two", ids[20:], {"test": ids[:20]})]
    fit_all(fits, [Model("means", ("color",))], parts, workers=2)
    assert all(fits.kept(Model("means", ("color",)), part) for part in parts)


@pytest.mark.slow
def test_an_actor_on_another_machine_gets_the_plug_ins_with_its_job(tmp_path: Path) -> None:
    file = save_plugin(tmp_path)
    load_plugins([file])
    job = ExtractJob({"halves": describe_extractor(create("halves"))}, tmp_path, 1, loaded_plugins())
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    file.unlink()
    there = (
        "import pickle, sys; from coverfusion.experiments.cluster.extract import Extracting\n"
        "print([e.fingerprint() for e in Extracting(pickle.load(open(sys.argv[1], 'rb'))).extractors])"
    )
    found = subprocess.run(
        [sys.executable, "-c", there, tmp_path / "job"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str([create("halves").fingerprint()])


@pytest.mark.slow
def test_the_command_line_takes_plug_ins_before_the_command(tmp_path: Path) -> None:
    file = save_plugin(tmp_path)
    script = "import sys; from coverfusion.experiments.cli import main; main()"
    command = [sys.executable, "-c", script, "--plugin", str(file), "classifiers", "means"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "softness" in shown.stdout
    assert "means" not in classifier_names()
