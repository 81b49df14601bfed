"""What the loader gives: fair draws, and chance that depends on seed and row alone."""

import numpy as np
import pytest
import torch

from coverfusion.fusion.networks.dataset import CoverDataset, loader, order_of
from tests.helpers.tinted import examples


def loaded(some: CoverDataset, **options: object) -> dict[int, torch.Tensor]:
    """row -> its picture."""
    batches = loader(some, 16, 5, augmentation="simple", **options)  # type: ignore[arg-type]
    return {
        int(row): picture
        for batch in batches
        for row, picture in zip(batch["row"], batch["picture"], strict=True)
    }


def test_plain_draws_see_each_row_once_in_an_order_of_the_seed() -> None:
    y = np.array([0] * 9 + [1])
    assert sorted(order_of(y, "plain", 0)) == list(range(10))
    assert order_of(y, "plain", 0).tolist() == order_of(y, "plain", 0).tolist()
    assert order_of(y, "plain", 0).tolist() != order_of(y, "plain", 1).tolist()


def test_balanced_draws_see_every_genre_equally_often() -> None:
    y = np.array([0] * 900 + [1] * 80 + [2] * 20)
    drawn = order_of(y, "balanced", 0)
    assert len(drawn) == 1000
    counts = np.bincount(y[drawn], minlength=3)
    assert np.abs(counts - 1000 / 3).max() < 60  # four standard deviations
    assert len(np.unique(drawn[y[drawn] == 0])) > 200


def test_an_unknown_sampling_is_refused_with_those_known() -> None:
    with pytest.raises(ValueError, match="plain, balanced"):
        order_of(np.array([0, 1]), "even", 0)


def test_chance_depends_on_seed_and_row_alone() -> None:
    some = examples(12)
    whole = loaded(some, seed=3, workers=0)
    torch.rand(7)  # what was drawn before does not matter
    others = loaded(some, seed=3, workers=2, order=[7, 1, 11, 0, 5, 2])
    assert sorted(others) == [0, 1, 2, 5, 7, 11]
    assert all(torch.equal(picture, whole[row]) for row, picture in others.items())
    other = loaded(some, seed=4, workers=0)
    assert not any(torch.equal(picture, whole[row]) for row, picture in other.items())
    same_picture = CoverDataset([some.pictures[0]] * 2, None, None, some.y[:2], some.weight[:2])  # type: ignore[index]
    first, second = loaded(same_picture, seed=3, workers=0).values()
    assert not torch.equal(first, second)


def test_loading_leaves_torchs_own_chance_alone() -> None:
    some = examples(4)
    torch.manual_seed(1)
    batches = iter(loader(some, 16, 2, augmentation="randaugment", workers=0))
    expected = torch.random.get_rng_state()
    next(batches)
    assert torch.equal(torch.random.get_rng_state(), expected)


def test_the_largest_seed_of_the_last_epoch_is_taken() -> None:
    assert len(loaded(examples(2), seed=(2**31 - 1) * 10_007 + 1000, workers=0)) == 2


def test_a_cover_without_a_picture_is_black_and_says_so() -> None:
    some = examples(3)
    gap = CoverDataset([some.pictures[0], None, some.pictures[2]], None, None, some.y, some.weight)  # type: ignore[index]
    (batch,) = loader(gap, 16, 4, workers=0)
    assert batch["no_picture"].tolist() == [False, True, False]
    assert batch["picture"].dtype == torch.uint8
    assert batch["picture"].shape == (3, 3, 16, 16)
    assert (batch["picture"][1] == 0).all()
    assert (batch["picture"][2] > 0).any()
    assert (batch["seconds"] >= 0).all()


def test_rows_and_batches_take_all_that_belongs_to_a_cover() -> None:
    some = examples(6)
    blocks = torch.arange(12.0).reshape(6, 2)
    full = CoverDataset(some.pictures, blocks, blocks < 6, some.y, torch.arange(6.0))
    part = full.rows(np.array([4, 1]))
    assert len(part) == 2
    (given,) = loader(part, 16, 8, order=[1, 0], workers=0)
    batch = part.batch(given, torch.device("cpu"))
    assert batch["weight"].tolist() == [1, 4]
    assert batch["blocks"].tolist() == [[2, 3], [8, 9]]
    assert batch["gone"].tolist() == [[True, True], [False, False]]
    assert batch["y"].tolist() == full.y[[1, 4]].tolist()
    (expected,) = loader(full, 16, 2, order=[1, 4], workers=0)
    assert torch.equal(batch["picture"], expected["picture"])


def test_without_pictures_the_blocks_alone_are_loaded() -> None:
    some = examples(4)
    bare = CoverDataset(None, torch.ones(4, 2), torch.zeros(4, 1, dtype=torch.bool), some.y, some.weight)
    (given,) = loader(bare, 16, 8)
    assert set(given) == {"row"}
    assert set(bare.batch(given, torch.device("cpu"))) == {"y", "weight", "blocks", "gone"}
