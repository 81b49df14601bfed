"""joint as a classifier: pictures and blocks at once, either alone, and what it keeps."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from coverfusion.fusion.cannot_learn import CannotLearnError
from coverfusion.fusion.joint import Joint
from coverfusion.fusion.pictures import COLUMN
from coverfusion.fusion.registry import create
from coverfusion.fusion.several_genres import WHOLE, SeveralGenres
from tests.helpers.tinted import GENRES, tinted
from tests.helpers.tiny import BACKBONE, tiny_weights


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def joint(checkpoint: str, **parameters: Any) -> Joint:
    chosen: dict[str, Any] = {
        "backbone": BACKBONE,
        "checkpoint": checkpoint,
        "image_size": 32,
        "epochs": 10,
        "head_epochs": 0,
        "frozen_stages": 2,
        "batch_size": 8,
        "learning_rate": 5e-3,
        "layer_decay": 1.0,
        "augmentation": "none",
        "schedule": "constant",
        "ema": None,
        "device": "cpu",
        "adapter": 16,
        "hidden": 16,
        "dropout": 0.0,
        "block_dropout": 0.4,
        "patience": None,
    }
    found = create("joint", **chosen | parameters)
    assert isinstance(found, Joint)
    return found


def covers(n: int = 48, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Tinted pictures; one block says the genre too, the other nothing; some lack a picture or a block."""
    X, y = tinted(n, side=32, seed=seed)
    rng = np.random.default_rng(seed)
    signs = rng.normal(size=(n, 3)).astype(np.float32)
    signs[:, 0] += 5 * (y == GENRES[1])
    X = pd.DataFrame(signs, columns=["color.a", "color.b", "texture.c"]).join(X)
    X.loc[rng.random(n) < 0.1, "texture.c"] = np.nan
    X.loc[X.index.isin([2, 5]), COLUMN] = None
    return X, y


@pytest.fixture(scope="module")
def fitted(checkpoint: str) -> Joint:
    X, y = covers()
    return joint(checkpoint).fit(X, y, groups=np.arange(48) // 2)


@pytest.mark.parametrize("fusion", ["concat", "attention", "gated"])
def test_either_the_picture_or_the_block_is_enough(checkpoint: str, fitted: Joint, fusion: str) -> None:
    model = fitted if fusion == "gated" else joint(checkpoint, fusion=fusion).fit(*covers())
    X, y = covers(24, seed=7)
    assert (model.predict(X) == y).mean() > 0.85
    assert (model.predict(X.assign(**{COLUMN: None})) == y).mean() > 0.7
    pictures = X[X[COLUMN].notna()].assign(**dict.fromkeys(X.columns.drop(COLUMN), np.nan))
    assert (model.predict(pictures) == y[pictures.index]).mean() > 0.7


def test_a_cover_of_which_nothing_is_known_gets_the_shares_of_the_genres(fitted: Joint) -> None:
    X = covers(4)[0].astype({"color.a": object})
    X.loc[1] = np.nan
    np.testing.assert_allclose(fitted.predict_proba(X)[1], [0.5, 0.5])
    np.testing.assert_allclose(fitted.predict_proba(X.loc[[1]]), [[0.5, 0.5]])


def test_a_picture_in_many_rows_gives_what_copies_of_it_give(fitted: Joint) -> None:
    X, _ = covers(8)
    one = X.iloc[[0]].loc[[0] * 6].reset_index(drop=True)
    one.loc[3, "color.a"] = 9
    copies = one.assign(**{COLUMN: pd.Series([cell.copy() for cell in one[COLUMN]], dtype=object)})
    np.testing.assert_allclose(fitted.predict_proba(one), fitted.predict_proba(copies), atol=1e-7)


def test_saved_and_loaded_gives_the_same_probabilities(fitted: Joint, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = Joint.load(tmp_path / "model")
    X, _ = covers(8, seed=3)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.feature_names_in_.tolist() == list(X.columns)
    assert {file.suffix for file in (tmp_path / "model").iterdir()} == {".skops", ".safetensors"}


def test_of_pictures_alone_there_is_no_block(checkpoint: str, tmp_path: Path) -> None:
    X, y = tinted(24, side=32)
    model = joint(checkpoint, epochs=1).fit(X, y)
    assert model.blocks_ == {}
    assert len(model.network_.adapters) == 1
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(Joint.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))


def test_the_head_learns_first(checkpoint: str) -> None:
    X, y = covers(16)
    pretrained = joint(checkpoint, epochs=1, head_epochs=1).fit(X, y).network_
    trained = joint(checkpoint, epochs=1, head_epochs=0, frozen_stages=0).fit(X, y).network_
    kept = dict(pretrained.image.trunk.named_parameters())
    moved = dict(trained.image.trunk.named_parameters())
    given = load_file(checkpoint)
    assert all(torch.equal(kept[name], given[name]) for name in kept)
    assert any(not torch.equal(moved[name], given[name]) for name in moved)


def test_mixed_pictures_are_refused(checkpoint: str) -> None:
    with pytest.raises(ValueError, match="cutmix mixes pictures, but not the blocks"):
        joint(checkpoint, augmentation="cutmix").fit(*covers(16))


def test_a_frame_without_its_pictures_is_refused(fitted: Joint) -> None:
    with pytest.raises(ValueError, match=r"it lacks pixels\.picture"):
        fitted.predict_proba(covers(4)[0].drop(columns=COLUMN))


@pytest.mark.parametrize("name", ["joint", "finetune"])
def test_several_genres_are_learnt_by_one_network(name: str, checkpoint: str, tmp_path: Path) -> None:
    X, y = tinted(96, side=32)
    rng = np.random.default_rng(1)
    told = rng.random(96) < 0.5
    signs = rng.normal(size=(96, 3)).astype(np.float32)
    signs[:, 0] += 5 * told
    Y = pd.DataFrame({"Red": y == GENRES[1], "Told": told})
    if name == "joint":
        X = pd.DataFrame(signs, columns=["color.a", "color.b", "texture.c"]).join(X)
        chosen = joint(checkpoint, random_state=0)
    else:
        shared = {"backbone": BACKBONE, "checkpoint": checkpoint, "image_size": 32, "device": "cpu"}
        more = {"epochs": 10, "frozen_stages": 2, "batch_size": 8, "learning_rate": 5e-3, "ema": None}
        chosen = create("finetune", **shared, **more, augmentation="none", layer_decay=1.0, patience=None)
    model = SeveralGenres(chosen).fit(X[:72], Y[:72])
    assert list(model.members_) == [WHOLE]
    proba = model.predict_proba(X[72:])
    right = ((proba > 0.5) == Y[72:].to_numpy()).mean(axis=0)
    assert right[0] > 0.85
    assert (right[1] > 0.85) == (name == "joint")  # only the block tells it
    model.save(tmp_path / "model")
    np.testing.assert_allclose(
        SeveralGenres.load(tmp_path / "model", name).predict_proba(X[72:]), proba, atol=1e-5
    )


@pytest.mark.parametrize("given", [{"augmentation": "mixup"}, {"sampling": "balanced"}])
def test_training_that_takes_one_genre_a_cover_is_refused(checkpoint: str, given: dict[str, str]) -> None:
    X, y = tinted(8, side=32)
    Y = pd.DataFrame({"Red": y == GENRES[1], "Blue": y == GENRES[0]})
    shared = {"backbone": BACKBONE, "checkpoint": checkpoint, "image_size": 32, "device": "cpu"}
    with pytest.raises(CannotLearnError, match="one genre each"):
        SeveralGenres(create("finetune", **shared, **given)).fit(X, Y)
