"""The same numbers on any CPU: other instruction sets or threads change no text, no block, no prediction.

`random_forest` is not among them: a value at a split's threshold may fall on its other side (0.009 was seen).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from coverfusion.features.registry import create as create_block
from coverfusion.fusion.networks.training import resolved
from coverfusion.fusion.registry import create
from tests.helpers.pictures import face, gradient, words
from tests.helpers.planted import planted, quick
from tests.helpers.tinted import recipe, tinted
from tests.helpers.tiny import BACKBONE, tiny_weights

ROOT = Path(__file__).parent.parent
BLOCKS = ("cnn", "ocr", "people", "objects", "color", "texture")
CLASSIFIERS = ("svc", "kernel_ridge", "logistic", "catboost", "knn", "mlp")
NETWORKS = ("finetune", "joint")
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    # no lower: OpenVINO's own kernels ask the CPU, not this variable, and crash beside an AVX2 oneDNN
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "OPENBLAS_CORETYPE": "Haswell",
}
TOLERANCE = 1e-4
CHECKPOINT = {"backbone": BACKBONE, "image_size": 32, "frozen_stages": 2, "batch_size": 8, "device": "cpu"}


# --- what is computed ----------------------------------------------------------------------------------


def compute(out: Path) -> None:
    """Writes blocks, texts and predictions of drawn covers and planted tables to an .npz file."""
    found = {f"model.{name}": proba for name, proba in predictions()}
    covers = [words("BLUE\nMONDAY"), face(), gradient("navy", "orange")]
    for name in BLOCKS:
        block: Any = create_block(name)
        if name == "ocr":
            rows, notes = block.annotate(covers)
            found["texts"] = np.array([" ".join(word["text"] for word in json.loads(note)) for note in notes])
        else:
            rows = block(covers)
        found[f"block.{name}"] = rows
    np.savez(out, **found)


def predictions() -> Iterator[tuple[str, np.ndarray]]:
    """Probabilities of the classifiers for covers that they did not learn from."""
    X, y, groups = planted(240)
    for name in CLASSIFIERS:
        yield name, quick(name).fit(X[:180], y[:180], groups=groups[:180]).predict_proba(X[180:])
    X, y = tinted(24, side=36)
    tables = pd.DataFrame({"color.a": np.linspace(-1, 1, 24, dtype=np.float32)})
    weights = tiny_weights(Path(os.environ["WEIGHTS"]))
    for name in NETWORKS:
        model = create(name, **CHECKPOINT, checkpoint=weights, epochs=1, head_epochs=0, learning_rate=2e-3)
        covers = X if name == "finetune" else tables.join(X)
        yield name, model.fit(covers[:16], y[:16]).predict_proba(covers[16:])


def computed(folder: Path, name: str, threads: int = 1, **variables: str) -> dict[str, np.ndarray]:
    """What `compute` gives in a process with these variables and as many threads."""
    out = folder / f"{name}.npz"
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")  # CatBoost's is the last
    chosen = dict.fromkeys(counts, str(threads)) | {"WEIGHTS": str(folder)}
    kept = {key: value for key, value in os.environ.items() if key not in AVX2}
    command = [sys.executable, "-m", "tests.test_any_cpu", str(out), str(threads)]
    subprocess.run(command, cwd=ROOT, env=kept | chosen | variables, check=True)
    with np.load(out) as arrays:
        return dict(arrays)


# --- the comparison ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("computed")


@pytest.fixture(scope="module")
def here(folder: Path) -> dict[str, np.ndarray]:
    return computed(folder, "here")


@pytest.fixture(scope="module", params=["avx2", "two threads"])
def elsewhere(request: pytest.FixtureRequest, folder: Path) -> dict[str, np.ndarray]:
    if request.param == "avx2":
        return computed(folder, "avx2", **AVX2)
    return computed(folder, "threads", threads=2)


@pytest.mark.slow
def test_blocks_texts_and_predictions_are_the_same(
    here: dict[str, np.ndarray], elsewhere: dict[str, np.ndarray]
) -> None:
    assert set(here) == {"texts"} | {f"block.{name}" for name in BLOCKS} | {
        f"model.{name}" for name in (*CLASSIFIERS, *NETWORKS)
    }
    assert here["texts"].tolist()[0] == "BLUE MONDAY"
    assert elsewhere["texts"].tolist() == here["texts"].tolist()
    worst = {name: difference(here[name], elsewhere[name]) for name in here if name != "texts"}
    assert {name: value for name, value in worst.items() if value > TOLERANCE} == {}


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, as a proportion of a column's largest value where that is above 1."""
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    scale = np.maximum(np.nanmax(np.abs(one), axis=0, initial=0), 1)
    return float(np.nanmax(np.abs(one - other) / scale))


# --- precision -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("capable", [True, False])
def test_auto_is_float32_on_every_cpu(capable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        if hasattr(torch.cpu, name):
            monkeypatch.setattr(torch.cpu, name, lambda: capable)
    assert resolved(recipe(precision="auto", device="cpu")).precision == "32"
    assert resolved(recipe(precision="bf16", device="cpu")).precision == "bf16"


@pytest.mark.parametrize(("asked", "used"), [("auto", "32"), ("bf16", "bf16")])
def test_the_precision_is_written_down(asked: str, used: str, tmp_path: Path) -> None:
    X, y = tinted(16, side=36)
    model: Any = create(
        "finetune",
        **CHECKPOINT,
        checkpoint=tiny_weights(tmp_path),
        epochs=1,
        head_epochs=0,
        learning_rate=2e-3,
        precision=asked,
        checkpoint_folder=str(tmp_path / "training"),
    )
    model.fit(X, y)
    assert model.precision_ == used
    (history,) = (tmp_path / "training").rglob("history.csv")
    assert pd.read_csv(history, dtype=str)["precision"].tolist() == [used]


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    compute(Path(sys.argv[1]))
