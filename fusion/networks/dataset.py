"""Covers as an image network takes them: pictures changed at random ahead of the network, blocks beside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from coverfusion.data.seeds import seed_for
from coverfusion.fusion.networks.augmentation import Transform, picture_transform, whole

MIN_PICTURES_FOR_WORKERS = 300  # below, a worker process costs more than it brings
SAMPLINGS = ("plain", "balanced")


@dataclass(frozen=True)
class CoverDataset:
    """n covers.

    Attributes:
        pictures: n arrays, (h, w, 3) uint8, None for a cover without a picture; None: no pictures at all.
        blocks: (n, width) float32, all blocks side by side; None: no blocks.
        gone: (n, n_blocks + texts) bool, what is missing; None: no blocks.
        y: (n,) int64 class codes; of rows of several classes (n, n_classes) of 0 and 1.
        weight: (n,) float32 sample weights.
        text: of `fusion.networks.text_terms`, each with a row a cover.
    """

    pictures: list[np.ndarray | None] | None
    blocks: torch.Tensor | None
    gone: torch.Tensor | None
    y: torch.Tensor
    weight: torch.Tensor
    text: dict[str, torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def several(self) -> bool:
        """Whether a row may have several classes."""
        return self.y.ndim == 2

    def rows(self, chosen: np.ndarray) -> CoverDataset:
        """These covers, in this order."""
        some = torch.from_numpy(np.asarray(chosen))
        return replace(
            self,
            pictures=None if self.pictures is None else [self.pictures[i] for i in chosen],
            blocks=None if self.blocks is None else self.blocks[some],
            gone=None if self.gone is None else self.gone[some],
            y=self.y[some],
            weight=self.weight[some],
            text={name: values[some] for name, values in self.text.items()},
        )

    def batch(self, loaded: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
        """What the loader gave, with all else that belongs to its rows, on a device."""
        rows = loaded["row"]
        batch = {"y": self.y[rows], "weight": self.weight[rows]}
        if self.blocks is not None and self.gone is not None:
            batch |= {"blocks": self.blocks[rows], "gone": self.gone[rows]}
            batch |= {name: values[rows] for name, values in self.text.items()}
        if self.pictures is not None:
            batch |= {"picture": loaded["picture"], "no_picture": loaded["no_picture"]}
        return {key: value.to(device, non_blocking=True) for key, value in batch.items()}


def cover_dataset(
    pictures: list[np.ndarray | None] | None,
    blocks: np.ndarray | None,
    gone: np.ndarray | None,
    y: np.ndarray,
    weight: np.ndarray,
    text: dict[str, torch.Tensor] | None = None,
) -> CoverDataset:
    """A `CoverDataset` of arrays of the same shapes; y and weight may be of any number type."""
    return CoverDataset(
        pictures,
        None if blocks is None else torch.from_numpy(blocks),
        None if gone is None else torch.from_numpy(gone),
        torch.from_numpy(y.astype(np.int64)),
        torch.from_numpy(weight.astype(np.float32)),
        text or {},
    )


class _Pictures(Dataset[dict[str, Any]]):
    """Rows with their pictures; what is random depends on the seed, the epoch and the row alone."""

    def __init__(self, pictures: list[np.ndarray | None], size: int, change: Transform, seed: int) -> None:
        self.pictures = pictures
        self.size, self.change, self.seed = size, change, seed

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> dict[str, Any]:
        started = time.perf_counter()
        pixels = self.pictures[row]
        if pixels is None:
            picture = torch.zeros(3, self.size, self.size, dtype=torch.uint8)
        else:
            with torch.random.fork_rng(devices=[]):
                # torch.manual_seed seeds every device, which takes a millisecond
                torch.default_generator.manual_seed(seed_for(self.seed, "picture", row))
                picture = self.change(torch.tensor(pixels).permute(2, 0, 1))
        seconds = time.perf_counter() - started
        return {"row": row, "picture": picture, "no_picture": pixels is None, "seconds": seconds}


def order_of(y: np.ndarray, sampling: str, seed: int) -> np.ndarray:
    """(n,) rows in the order in which one epoch sees them.

    Args:
        y: (n,) class codes, or (n, n_classes) of 0 and 1, which are not balanced.
        sampling: "plain", each row once; "balanced", n draws with every class equally likely.
        seed: of this epoch.

    Raises:
        ValueError: another sampling.
    """
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling must be one of {', '.join(SAMPLINGS)}, not '{sampling}'")
    random = np.random.default_rng(seed)
    if sampling == "plain":
        return random.permutation(len(y))
    weight = 1 / np.bincount(y)[y]
    return random.choice(len(y), len(y), p=weight / weight.sum())


def loader(
    examples: CoverDataset,
    size: int,
    batch_size: int,
    *,
    augmentation: str | None = None,
    order: Sequence[int] | np.ndarray | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> DataLoader[Any]:
    """Batches of `row`, `picture` (n, 3, size, size) uint8, `no_picture` and `seconds` of work a picture.

    Where there are no pictures, a batch is `row` alone.

    Args:
        examples: the covers.
        size: the side in pixels that the network sees.
        batch_size: the last batch may be smaller.
        augmentation: a recipe of `fusion.networks.augmentation`; None: pictures seen whole.
        order: (m,) rows in their order; None: all as they stand.
        seed: of the changes to pictures; another one each epoch.
        workers: processes that prepare pictures ahead of the network; None: one a CPU-trained network, four
            where there is CUDA, none for a few hundred pictures.
    """
    if examples.pictures is None:
        rows = torch.from_numpy(np.arange(len(examples)) if order is None else np.asarray(order))
        batches = [{"row": some} for some in rows.split(batch_size)]
        return DataLoader(cast("Dataset[Any]", batches), batch_size=None)
    if workers is None:
        many = len(examples) >= MIN_PICTURES_FOR_WORKERS
        workers = 0 if not many else 4 if torch.cuda.is_available() else 1
    change = picture_transform(augmentation, size) if augmentation else whole(size)
    dataset = _Pictures(examples.pictures, size, change, seed)
    return DataLoader(
        dataset,
        batch_size,
        sampler=None if order is None else np.asarray(order).tolist(),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
