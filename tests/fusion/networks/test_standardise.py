"""What the head sees has mean 0 and spread 1, whatever the trunk gives."""

import numpy as np
import pytest
import torch

from coverfusion.features.networks.backbone import Backbone
from coverfusion.fusion.networks.dataset import CoverDataset
from coverfusion.fusion.networks.image_network import Embedder, ImageNetwork
from coverfusion.fusion.networks.standardise import standardise
from coverfusion.fusion.networks.training import logits
from coverfusion.fusion.registry import create
from tests.helpers.tinted import recipe, tinted
from tests.helpers.tiny import BACKBONE, tiny_weights

SMALL = recipe(image_size=16)


def network() -> ImageNetwork:
    """Its embedding is the picture's mean in each channel, 0-1, and a column that says nothing."""
    pool, column = torch.nn.AdaptiveAvgPool2d(1), torch.nn.ConstantPad1d((0, 1), 7.0)
    trunk = torch.nn.Sequential(pool, torch.nn.Flatten(), column)
    return ImageNetwork(Backbone(trunk, [["0"]], 4, 16, (0, 0, 0), (1, 1, 1)), 2, 0.5)


def examples(colours: np.ndarray) -> CoverDataset:
    """Pictures of one colour each."""
    n = len(colours)
    cells = [np.full((16, 16, 3), colour, np.uint8) for colour in colours]
    return CoverDataset(list(cells), None, None, torch.zeros(n, dtype=torch.int64), torch.ones(n))


def test_the_embedding_is_standardised_by_the_covers_given() -> None:
    some, found = examples(np.random.default_rng(0).integers(256, size=(40, 3))), network()
    standardise(found, some, SMALL)
    Z = logits(Embedder(found), some, SMALL).numpy()
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(Z.std(axis=0), [1, 1, 1, 0], atol=1e-4)
    unseen = logits(Embedder(found), examples(np.array([[255, 0, 0]])), SMALL).numpy()[0]
    assert unseen[0] > 1
    assert unseen[1] < -1


def test_covers_without_a_picture_do_not_count_and_too_few_change_nothing() -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [9, 9, 9], [9, 9, 9]])
    some, found = examples(colours), network()
    some = CoverDataset([*(some.pictures or [])[:2], None, None], None, None, some.y, some.weight)
    standardise(found, some, SMALL)
    np.testing.assert_allclose(found.centre.numpy(), [0.5, 0.5, 0.5, 7], atol=1e-6)
    np.testing.assert_allclose(found.spread.numpy(), [0.5, 0.5, 0.5, 1], atol=1e-6)
    standardise(found, examples(colours[:1]), SMALL)
    np.testing.assert_allclose(found.centre.numpy(), [0.5, 0.5, 0.5, 7], atol=1e-6)


@pytest.mark.parametrize("name", ["finetune", "joint"])
def test_classifiers_do_it_before_they_learn_and_keep_it(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    X, y = tinted(32, side=32)
    X = X if name == "finetune" else X.assign(**{"color.a": 0.0})
    still = {
        "backbone": BACKBONE,
        "checkpoint": tiny_weights(tmp_path_factory.mktemp("weights")),
        "epochs": 1,
        "image_size": 32,
        "learning_rate": 1e-9,
        "patience": None,
        "augmentation": "none",
        "device": "cpu",
    }
    model = create(name, **still).fit(X, y)
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save(folder)
    image = type(model).load(folder)
    image = image._image(image.network_)
    some = CoverDataset(
        X["pixels.picture"].tolist(), None, None, torch.zeros(32, dtype=torch.int64), torch.ones(32)
    )
    Z = logits(Embedder(image), some, recipe(image_size=32)).numpy()
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(Z.std(axis=0), 1, atol=1e-2)
