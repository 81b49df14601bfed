"""The README's examples work when pasted."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.experiments.pipeline.config import read_config
from coverfusion.features import registry as extractors
from coverfusion.features.registry import Extractor, create
from coverfusion.fusion import registry as classifiers
from tests.helpers.pictures import gradient

README = (Path(__file__).parent.parent / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_extractor_example_is_an_extractor() -> None:
    code = next(block for block in _blocks("python") if '@register("corners")' in block)
    try:
        exec(compile(code, "features/corners.py", "exec"), {"__name__": "features.corners"})
        corners = create("corners", share=0.1)
        assert isinstance(corners, Extractor)
        assert corners.fingerprint() != create("corners", share=0.2).fingerprint()
        upper, lower = corners([gradient("black", "white", vertical=True)])[0]
        assert upper < 20
        assert lower > 235
        assert corners([]).shape == (0, 2)
    finally:
        extractors.BLOCKS.unregister("corners")


def test_the_classifier_example_is_a_classifier(tmp_path: Path) -> None:
    code = next(block for block in _blocks("python") if '@register("naive_bayes")' in block)
    try:
        exec(compile(code, "fusion/naive_bayes.py", "exec"), {"__name__": "fusion.naive_bayes"})
        rng = np.random.default_rng(0)
        y = np.repeat(["dub", "opera"], 40)
        X = pd.DataFrame(rng.normal(size=(80, 4)), columns=["a.x", "a.y", "b.x", "b.y"], dtype=np.float32)
        X.loc[y == "opera", "b.x"] += 5
        model = classifiers.create("naive_bayes").fit(X, y)
        assert (model.predict(X) == y).mean() > 0.9
        model.save(tmp_path / "m")
        again = classifiers.classifier_class("naive_bayes").load(tmp_path / "m")
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    finally:
        classifiers.CLASSIFIERS.unregister("naive_bayes")


def test_the_config_example_is_a_config(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(_blocks("yaml")[0])
    config = read_config(tmp_path / "run.yaml")
    for name, parameters in (config.blocks or {}).items():
        create(name, config.preset, **parameters)
    for name, parameters in (config.classifiers or {}).items():
        classifiers.create(name, **parameters)
    assert config.folds == 5


def test_every_block_and_classifier_has_its_row() -> None:
    for name in (*extractors.extractor_names(), *classifiers.classifier_names()):
        assert f"| `{name}`" in README or f", `{name}` |" in README, name
