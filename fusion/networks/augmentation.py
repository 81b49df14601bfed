"""Recipes by which training pictures are changed, so that a network sees each cover anew in each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from coverfusion.data.errors import did_you_mean

if TYPE_CHECKING:
    import torch

RECIPES = ("none", "simple", "randaugment", "trivialaugment", "gridmask", "mixup", "cutmix")
KEPT = 0.6  # side of the kept bars of a grid mask, as a share of its unit
GREY = 127

Transform = Callable[["torch.Tensor"], "torch.Tensor"]
Mix = Callable[["torch.Tensor", "torch.Tensor"], tuple["torch.Tensor", "torch.Tensor"]]


def check_recipe(name: str) -> None:
    """Raises ValueError, with the nearest known name, where there is no such recipe."""
    if name not in RECIPES:
        raise ValueError(f"There is no augmentation '{name}'.{did_you_mean(name, RECIPES)}")


def whole(size: int) -> Transform:
    """The whole picture at (3, size, size): how covers are seen when they are judged."""
    from torchvision.transforms import v2

    return v2.Resize((size, size), antialias=True)


def picture_transform(name: str, size: int) -> Transform:
    """What a recipe does to one picture, (3, h, w) uint8 -> (3, size, size) uint8.

    `simple` is a random crop of 60 % of the area or more, with sides of 4:5 to 5:4, and a flip in half of the
    cases; every other recipe but `none` starts with it. `mixup` and `cutmix` mix whole batches after that.

    Args:
        name: one of `RECIPES`.
        size: the side in pixels that the network sees.

    Raises:
        ValueError: there is no such recipe.
    """
    from torchvision.transforms import v2

    check_recipe(name)
    if name == "none":
        return whole(size)
    simple = [v2.RandomResizedCrop(size, (0.6, 1.0), (0.8, 1.25), antialias=True), v2.RandomHorizontalFlip()]
    more: dict[str, list[Callable[..., Any]]] = {
        "randaugment": [v2.RandAugment()],
        "trivialaugment": [v2.TrivialAugmentWide()],
        "gridmask": [grid_mask],
    }
    return v2.Compose(simple + more.get(name, []))


def batch_mix(name: str, n_classes: int) -> Mix | None:
    """What a recipe does to a batch; None where it treats each picture on its own.

    mixup: H. Zhang et al., ICLR 2018, alpha 0.2; CutMix: S. Yun et al., ICCV 2019, alpha 1. By torchvision.

    Returns:
        (n, 3, s, s) float pictures and (n,) codes -> mixed pictures and (n, n_classes) shares.
    """
    from torchvision.transforms import v2

    if name == "mixup":
        return v2.MixUp(alpha=0.2, num_classes=n_classes)
    return v2.CutMix(alpha=1.0, num_classes=n_classes) if name == "cutmix" else None


def grid_mask(picture: torch.Tensor) -> torch.Tensor:
    """Greys a regular grid of squares, of random size and place.

    P. Chen et al., GridMask Data Augmentation, arXiv 2001.04086, without its rotation.

    Args:
        picture: (3, h, w) uint8.
    """
    import torch

    height, width = picture.shape[1:]
    unit = int(torch.randint(max(2, min(height, width) // 4), min(height, width) + 1, ()))
    hole = unit - round(KEPT * unit)
    down, right = (torch.arange(side) + int(torch.randint(unit, ())) for side in (height, width))
    masked = ((down % unit) < hole)[:, None] & ((right % unit) < hole)[None]
    return picture.masked_fill(masked, GREY)
