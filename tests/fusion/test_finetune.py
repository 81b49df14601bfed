"""Fine-tuning as a classifier: learns from pictures, saves without code, says what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from coverfusion.data.errors import UserError
from coverfusion.fusion.bundle import load_bundle, save_bundle
from coverfusion.fusion.finetune import Finetune
from coverfusion.fusion.pictures import COLUMN
from coverfusion.fusion.registry import create
from tests.helpers.tinted import GENRES, tinted


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Random weights of timm's smallest EfficientNet."""
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(timm.create_model("test_efficientnet", num_classes=3).state_dict(), path)
    return str(path)


def finetune(checkpoint: str, **parameters: Any) -> Finetune:
    """Learns the tints in two epochs."""
    chosen: dict[str, Any] = {
        "backbone": "test_efficientnet",
        "checkpoint": checkpoint,
        "image_size": 32,
        "epochs": 2,
        "head_epochs": 0,
        "frozen_stages": 2,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "layer_decay": 1.0,
        "augmentation": "none",
        "schedule": "constant",
        "ema": None,
        "device": "cpu",
        "dropout": 0.0,
    }
    found = create("finetune", **chosen | parameters)
    assert isinstance(found, Finetune)
    return found


@pytest.fixture(scope="module")
def fitted(checkpoint: str) -> Finetune:
    X, y = tinted(48, side=36)
    return finetune(checkpoint).fit(X, y, groups=np.arange(48) // 2)


@pytest.fixture(scope="module")
def unseen() -> tuple[pd.DataFrame, np.ndarray]:
    return tinted(16, side=40, seed=7)


def test_it_learns_genres_that_differ_by_colour(fitted: Finetune, unseen: tuple) -> None:
    X, y = unseen
    assert (fitted.predict(X) == y).mean() > 0.9
    proba = fitted.predict_proba(X)
    assert proba.shape == (16, 2)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert fitted.classes_.tolist() == GENRES.tolist()
    assert fitted.feature_names_in_.tolist() == [COLUMN]
    assert fitted.n_features_in_ == 1
    assert len(fitted.history_) == 2
    assert fitted.history_[1]["held_out_accuracy"] >= 0.5
    assert fitted.image_size_ == 32
    assert fitted.learning_rate_ == 2e-3


def test_a_cover_without_a_picture_gets_the_shares_of_the_genres(checkpoint: str, unseen: tuple) -> None:
    X, y = tinted(20)
    y = np.where(np.arange(20) < 5, "Ambient", y)
    X.loc[[0, 7], COLUMN] = None
    model = finetune(checkpoint, epochs=1).fit(X, y)
    some, _ = unseen
    some = some.copy()
    some.at[3, COLUMN] = None
    some.at[5, COLUMN] = float("nan")
    proba = model.predict_proba(some)
    counts = pd.Series(y).value_counts().sort_index() / 20
    np.testing.assert_allclose(proba[[3, 5]], [counts.to_numpy()] * 2)
    assert np.abs(proba[0] - proba[3]).max() > 1e-6
    nothing = model.predict_proba(some.iloc[[3]])
    np.testing.assert_allclose(nothing, proba[[3]])


def test_rows_of_weight_zero_are_as_if_they_were_not_there(checkpoint: str, unseen: tuple) -> None:
    X, y = tinted(24)
    weight = (np.arange(24) < 16).astype(float)
    wrong = np.where(weight > 0, y, "Zydeco")
    weighed = finetune(checkpoint, epochs=1, patience=None).fit(X, wrong, sample_weight=weight)
    without = finetune(checkpoint, epochs=1, patience=None).fit(X[:16], y[:16])
    assert weighed.classes_.tolist() == GENRES.tolist()
    np.testing.assert_array_equal(weighed.predict_proba(unseen[0]), without.predict_proba(unseen[0]))


def test_same_seed_same_numbers_and_another_seed_others(checkpoint: str, unseen: tuple) -> None:
    X, y = tinted(16)
    first, again, other = (
        finetune(
            checkpoint,
            epochs=1,
            augmentation="trivialaugment",
            dropout=0.2,
            random_state=seed,
            learning_rate=1e-3,
        )
        .fit(X, y)
        .predict_proba(unseen[0])
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_saved_and_loaded_it_is_the_same_and_holds_no_pickle(
    fitted: Finetune, unseen: tuple, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".skops", ".safetensors"}
    loaded = Finetune.load(tmp_path / "model")
    X, _ = unseen
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.get_params() == fitted.get_params()
    assert loaded.history_ == fitted.history_


def test_a_bundle_scores_as_before_and_needs_no_checkpoint_file(
    fitted: Finetune, unseen: tuple, tmp_path: Path
) -> None:
    moved = Finetune(**fitted.get_params() | {"checkpoint": "/nowhere/any/more"})
    moved.__dict__.update({k: v for k, v in vars(fitted).items() if k not in fitted.get_params()})
    save_bundle(tmp_path / "b", moved, columns={"pixels": ["picture"]}, extractors={})
    bundle = load_bundle(tmp_path / "b")
    np.testing.assert_array_equal(bundle.predict_proba(unseen[0]), fitted.predict_proba(unseen[0]))


def test_class_weight_moves_predictions_towards_the_heavy_class(checkpoint: str) -> None:
    X, _ = tinted(32)
    y = GENRES[np.random.default_rng(0).integers(0, 2, 32)]  # nothing to learn
    shares = [
        finetune(checkpoint, epochs=3, patience=None, class_weight=w).fit(X, y).predict_proba(X)[:, 0].mean()
        for w in ({"Blues": 20.0, "Punk": 1.0}, {"Blues": 1.0, "Punk": 20.0})
    ]
    assert shares[0] > 0.6 > 0.4 > shares[1]


def test_a_torchvision_checkpoint_is_taken_and_another_networks_refused(
    checkpoint: str, tmp_path: Path
) -> None:
    from torchvision.models import mobilenet_v3_small

    torch.manual_seed(0)
    torch.save(mobilenet_v3_small().state_dict(), tmp_path / "small.pth")
    X, y = tinted(8, side=32)
    given = {"backbone": "mobilenet_v3_small", "epochs": 1, "frozen_stages": 12, "patience": None}
    kept = tmp_path / "kept"
    model = finetune(str(tmp_path / "small.pth"), checkpoint_folder=str(kept), **given).fit(X, y)
    assert model.predict_proba(X).shape == (8, 2)
    assert {p.name for p in kept.iterdir()} == {"checkpoint.pt", "curves.png", "history.csv"}
    with pytest.raises(UserError, match="is not a checkpoint of torchvision's 'mobilenet_v3_small'"):
        finetune(checkpoint, **given).fit(X, y)


def test_a_table_without_pictures_is_refused(checkpoint: str, fitted: Finetune) -> None:
    X = pd.DataFrame({"color.hue": np.zeros(8, np.float32)})
    with pytest.raises(ValueError, match=r"finetune learns from pictures: X must have the column pixels"):
        finetune(checkpoint).fit(X, list("abababab"))
    with pytest.raises(ValueError, match=rf"it lacks {COLUMN}"):
        fitted.predict_proba(X)
    with pytest.raises(ValueError, match=r"\(h, w, 3\) uint8 arrays; one cell is str"):
        fitted.predict_proba(pd.DataFrame({COLUMN: ["cover.jpg"]}))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"augmentation": "mixupp"}, "Did you mean 'mixup'"),
        ({"schedule": "step"}, "one-cycle, cosine, constant, not 'step'"),
        ({"batch_norm": "thawed"}, "frozen, trained"),
        ({"sampling": "even"}, "plain, balanced"),
    ],
)
def test_unknown_recipes_are_refused_with_those_known(checkpoint: str, parameters: dict, said: str) -> None:
    X, y = tinted(8)
    with pytest.raises(ValueError, match=said):
        finetune(checkpoint, **parameters).fit(X, y)


def test_too_little_to_learn_from_is_refused(checkpoint: str) -> None:
    X, y = tinted(8)
    with pytest.raises(ValueError, match="one class: Blues"):
        finetune(checkpoint).fit(X, ["Blues"] * 8)
    X.loc[y == "Punk", COLUMN] = None
    with pytest.raises(ValueError, match="finetune needs covers with a picture of two genres"):
        finetune(checkpoint).fit(X, y)
    with pytest.raises(ValueError, match="groups has 3 values for 8 rows"):
        finetune(checkpoint).fit(*tinted(8), groups=[1, 2, 3])
