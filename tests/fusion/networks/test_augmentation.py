"""Recipes keep size and kind, come from the seed alone, and mix genres in the shares that they say."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.fusion.networks.augmentation import (
    GREY,
    RECIPES,
    batch_mix,
    check_recipe,
    grid_mask,
    picture_transform,
    whole,
)
from tests.helpers.pictures import gradient

PICTURE = torch.from_numpy(np.asarray(gradient("red", "blue", (48, 40))).copy()).permute(2, 0, 1)


def changed(name: str, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return picture_transform(name, 32)(PICTURE)


@pytest.mark.parametrize("name", RECIPES)
def test_size_and_kind_are_kept_and_the_seed_decides(name: str) -> None:
    first = changed(name, 1)
    assert first.shape == (3, 32, 32)
    assert first.dtype == torch.uint8
    assert torch.equal(first, changed(name, 1))
    others = [changed(name, seed) for seed in range(2, 6)]
    assert all(torch.equal(first, other) for other in others) == (name == "none")


def test_none_is_the_whole_picture() -> None:
    assert torch.equal(changed("none", 0), whole(32)(PICTURE))
    ends = changed("none", 0)[:, :, [0, -1]].float().mean(1)
    assert ends[0, 0] > 240 > 15 > ends[2, 0]
    assert ends[2, 1] > 240 > 15 > ends[0, 1]


def test_simple_crops_and_flips() -> None:
    seen = [changed("simple", seed)[0].float().mean(0) for seed in range(20)]
    flipped = [float(reds[0]) < float(reds[-1]) for reds in seen]
    assert 3 < sum(flipped) < 17
    spans = [float(reds.max() - reds.min()) for reds in seen]  # of 0-255 from one side to the other
    assert min(spans) > 255 * 0.6 * 0.8
    assert np.ptp(spans) > 10


@given(seed=st.integers(0, 10_000), height=st.integers(16, 70), width=st.integers(16, 70))
def test_a_grid_mask_is_a_regular_grid_of_grey_squares(seed: int, height: int, width: int) -> None:
    picture = torch.full((3, height, width), 200, dtype=torch.uint8)
    torch.manual_seed(seed)
    found = grid_mask(picture)
    assert set(found.unique().tolist()) <= {200, GREY}
    grey = (found == GREY).all(0)
    assert torch.equal((found == GREY).any(0), grey)
    rows, columns = grey.any(1), grey.any(0)
    assert torch.equal(grey, rows[:, None] & columns[None])
    inner = [runs(line)[1:-1] for line in (rows, columns)]  # those at the border may be cut
    holes = {n for line in inner for value, n in line if value}
    bars = {n for line in inner for value, n in line if not value}
    assert len(holes) <= 1
    assert len(bars) <= 1
    if holes and bars:
        (hole,), (bar,) = holes, bars
        assert bar == round(0.6 * (hole + bar))


def runs(line: torch.Tensor) -> list[tuple[bool, int]]:
    """(value, length) of what follows one another in a line of booleans."""
    values, lengths = torch.unique_consecutive(line, return_counts=True)
    return list(zip(values.tolist(), lengths.tolist(), strict=True))


def test_a_grid_mask_leaves_the_rest_as_it_was() -> None:
    torch.manual_seed(0)
    found = grid_mask(PICTURE)
    kept = (found != GREY).any(0)
    assert 0.3 < float(kept.float().mean()) < 1
    assert torch.equal(found[:, kept], PICTURE[:, kept])


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_pictures_have_the_shares_of_both_genres(name: str) -> None:
    y = torch.tensor([0, 1] * 3)
    pictures = (255.0 * y)[:, None, None, None].expand(-1, 3, 16, 16)
    mix = batch_mix(name, 3)
    assert mix is not None
    torch.manual_seed(4)
    mixed, shares = mix(pictures.clone(), y)
    assert mixed.shape == pictures.shape
    assert shares.shape == (6, 3)
    assert torch.allclose(shares.sum(1), torch.ones(6))
    assert (shares[:, 2] == 0).all()
    assert ((shares[:, 1] > 0) & (shares[:, 1] < 1)).all()
    assert torch.allclose(mixed.mean((1, 2, 3)) / 255, shares[:, 1], atol=1e-5)


def test_the_other_recipes_treat_each_picture_on_its_own() -> None:
    assert {name for name in RECIPES if batch_mix(name, 2)} == {"mixup", "cutmix"}


def test_an_unknown_recipe_is_named_with_its_neighbour() -> None:
    with pytest.raises(ValueError, match=r"no augmentation 'randaug'. Did you mean 'randaugment'.*cutmix"):
        check_recipe("randaug")
    with pytest.raises(ValueError, match="cutmix"):
        picture_transform("cutmixx", 32)
