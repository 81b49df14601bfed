"""Fine-tuning beside a plain torchvision script: same network, covers and learnt parameters, alternating.

The plain side is what a tutorial shows: pictures opened with PIL in a DataLoader with a worker for each
core, torchvision transforms, the package's own model, AdamW. Batch norms keep their statistics on both
sides. A round is one epoch of each; the sides take turns in going first.
"""

from __future__ import annotations

import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from coverfusion.data.sources import read_bytes
from coverfusion.experiments.bench.drawn_covers import BENCH_SEED, draw_covers
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.features.decoded import decode_all
from coverfusion.features.networks.backbone import Backbone, load_backbone
from coverfusion.features.networks.lite_trunk import LiteTrunk
from coverfusion.features.pixels import Pixels
from coverfusion.fusion.networks.dataset import CoverDataset, loader
from coverfusion.fusion.networks.devices import device_of
from coverfusion.fusion.networks.image_network import ImageNetwork
from coverfusion.fusion.networks.learning_rate import stage_of
from coverfusion.fusion.networks.recipe import Recipe
from coverfusion.fusion.networks.training import train_network

BATCH_SIZE = 32
WARM_UP_BATCHES = 2  # batches on both sides before anything is measured
LEARNING_RATE = 1e-4


class TorchvisionNetwork(nn.Module):
    """The package's own model with a linear head; its parameters are named as in `ours`."""

    def __init__(self, ours: ImageNetwork, backbone: Backbone, frozen_stages: int) -> None:
        super().__init__()
        self.trunk = (
            _LiteFeatures(backbone.trunk) if isinstance(backbone.trunk, LiteTrunk) else backbone.trunk
        )
        self.head = nn.Linear(backbone.width, ours.n_classes)
        self.head.load_state_dict(ours.head[1].state_dict())
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(stage_of(name, ours.stages) >= frozen_stages)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(n, 3, size, size) normalised -> (n, n_classes) logits."""
        return self.head(self.trunk(pictures))


class _LiteFeatures(nn.Module):
    def __init__(self, trunk: LiteTrunk) -> None:
        super().__init__()
        self.model = trunk.model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.extract_features(x).mean((2, 3))


class _Files(Dataset[tuple[torch.Tensor, int, float]]):
    """(picture, code, seconds of work) of picture files, as torchvision's ImageFolder would give them."""

    def __init__(self, files: list[Path], codes: np.ndarray, transform: Any) -> None:
        self.files, self.codes, self.transform = files, codes, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int, float]:
        started = time.perf_counter()
        with Image.open(self.files[row]) as image:
            picture = self.transform(image.convert("RGB"))
        return picture, int(self.codes[row]), time.perf_counter() - started


def bench_train(
    collection: Path,
    covers: int = 512,
    rounds: int = 4,
    backbone: str = "efficientnet-lite0",
    image_size: int | None = None,
    frozen_stages: int = 3,
) -> pd.DataFrame:
    """Measures both sides and prints the figures.

    Args:
        collection: real covers.
        covers: how many an epoch has, drawn by a fixed seed.
        rounds: epochs of each side.
        backbone: as for `finetune`; its weights must be here.
        image_size: the side in pixels that the network sees; None: its own.
        frozen_stages: as for `finetune`.

    Returns:
        One row a round: `ours` and `plain`, covers/s; `ratio`; for both sides `model_*`, covers/s without
        the waiting; `loader_*`, covers/s of one loading process; `waiting_*`, the proportion of time spent
        waiting for data.

    Raises:
        UserError: too few covers, an unknown backbone, or weights that are not here.
    """
    # what a plain script would take: the features before the classifier
    ours_backbone, plain_backbone = (load_backbone(backbone, layers="final") for _ in range(2))
    size = image_size or ours_backbone.size
    recipe = _recipe(size, frozen_stages)
    drawn = draw_covers(collection, covers)
    genres, codes = np.unique(drawn["genre"], return_inverse=True)
    ours = ImageNetwork(ours_backbone, len(genres), 0.0)
    randomise_head(ours)
    plain = TorchvisionNetwork(ours, plain_backbone, frozen_stages)
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        decoded, _ = decode_all(drawn, Pixels(max(256, size)), Path(name))
        seconds = time.perf_counter() - started
        y = torch.from_numpy(codes.astype(np.int64))
        pictures = decoded.column(drawn["cover_id"].tolist()).tolist()
        examples = CoverDataset(pictures, None, None, y, torch.ones(covers))
        files = _written(drawn["path"].tolist(), Path(name))
        gap = loss_gap(ours, plain, ours_backbone, examples.rows(np.arange(min(covers, BATCH_SIZE))), size)
        frame = _alternate(ours, plain, examples, files, recipe, ours_backbone, rounds)
    _print(frame, f"{backbone}, {size} px, {frozen_stages} stages frozen, {covers} covers in {rounds} rounds")
    console.print(
        f"our covers were decoded once, in {seconds:.1f} s ({covers / seconds:.0f} covers/s); "
        f"before training the losses of a batch differ by {gap:.1e}"
    )
    return frame


def randomise_head(network: ImageNetwork) -> None:
    """A head at 0 says the same of all covers, so losses could not differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(BENCH_SEED)
        network.head[1].reset_parameters()  # type: ignore[operator]


def loss_gap(
    ours: ImageNetwork, plain: TorchvisionNetwork, backbone: Backbone, examples: CoverDataset, size: int
) -> float:
    """How far the losses of both sides are apart on the same covers, seen whole."""
    (batch,) = loader(examples, size, len(examples), workers=0)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (backbone.mean, backbone.std))
    with torch.inference_mode():
        first = ours.eval()({"picture": batch["picture"]})[0]
        second = plain.eval()((batch["picture"] / 255 - mean) / std)
        losses = [nn.functional.cross_entropy(logits, examples.y) for logits in (first, second)]
    return abs(float(losses[0] - losses[1]))


def _alternate(
    ours: ImageNetwork,
    plain: TorchvisionNetwork,
    examples: CoverDataset,
    files: list[Path],
    recipe: Recipe,
    backbone: Backbone,
    rounds: int,
) -> pd.DataFrame:
    device = device_of(recipe.device)
    plain.to(device)
    optimizer = torch.optim.AdamW([p for p in plain.parameters() if p.requires_grad], LEARNING_RATE)
    transform = _transform(recipe.image_size, backbone)

    def our_epoch(n: int) -> dict[str, float]:
        row = train_network(ours, examples.rows(np.arange(n)), None, recipe).history[0]
        waited, prepared = row["waiting_share"] * row["seconds"], n / row["loader_covers_per_second"]
        return _figures("ours", n, row["seconds"], waited, prepared)

    def plain_epoch(n: int) -> dict[str, float]:
        some = _Files(files[:n], examples.y.numpy()[:n], transform)
        batches = DataLoader(some, BATCH_SIZE, shuffle=True, num_workers=os.cpu_count() or 1)
        return _figures("plain", n, *_plain_epoch(plain, optimizer, batches, device))

    n, rows = len(examples), []
    with counted("epochs", 2 * rounds) as bar:
        for epoch in (our_epoch, plain_epoch):
            epoch(min(n, WARM_UP_BATCHES * BATCH_SIZE))
        for number in range(rounds):
            row: dict[str, float] = {}
            for epoch in (our_epoch, plain_epoch) if number % 2 == 0 else (plain_epoch, our_epoch):
                row |= epoch(n)
                bar.advance(bar.task_ids[0])
            rows.append(row | {"ratio": row["ours"] / row["plain"]})
    return pd.DataFrame(rows)


def _plain_epoch(
    plain: TorchvisionNetwork,
    optimizer: torch.optim.Optimizer,
    batches: DataLoader[Any],
    device: torch.device,
) -> tuple[float, float, float]:
    """Seconds in all, waiting for data, and of work in the loading processes."""
    plain.train()
    plain.trunk.eval()
    started = before = time.perf_counter()
    waited = prepared = 0.0
    for pictures, codes, seconds in batches:
        waited += time.perf_counter() - before
        prepared += float(seconds.sum())
        loss = nn.functional.cross_entropy(plain(pictures.to(device)), codes.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # as ours, which reports it
        before = time.perf_counter()
    return time.perf_counter() - started, waited, prepared


def _figures(side: str, n: int, seconds: float, waited: float, prepared: float) -> dict[str, float]:
    return {
        side: n / seconds,
        f"model_{side}": n / (seconds - waited),
        f"loader_{side}": n / prepared if prepared else math.nan,
        f"waiting_{side}": waited / seconds,
    }


def _recipe(size: int, frozen_stages: int) -> Recipe:
    """An epoch that does what the plain script does."""
    return Recipe(
        image_size=size,
        epochs=1,
        head_epochs=0,
        batch_size=BATCH_SIZE,
        accumulate=1,
        learning_rate=LEARNING_RATE,
        layer_decay=1.0,
        weight_decay=1e-2,
        schedule="constant",
        frozen_stages=frozen_stages,
        batch_norm="frozen",
        augmentation="simple",
        sampling="plain",
        focal_gamma=0.0,
        label_smoothing=0.0,
        ema=None,
        patience=None,
        precision="32",
        device="auto",
        devices=1,
        workers=None,
        seed=BENCH_SEED,
    )


def _transform(size: int, backbone: Backbone) -> Any:
    """The recipe `simple` and the normalisation, as a torchvision script has them."""
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(size, (0.6, 1.0), (0.8, 1.25)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(backbone.mean, backbone.std),
        ]
    )


def _written(paths: list[str], folder: Path) -> list[Path]:
    """The pictures as files of their own, as ImageFolder wants them."""
    files = [folder / f"{n:06d}.picture" for n in range(len(paths))]
    for path, file in zip(paths, files, strict=True):
        file.write_bytes(read_bytes(path))
    return files


def _print(frame: pd.DataFrame, title: str) -> None:
    table = Table(title=title)
    columns = ("", "covers/s", "model alone, covers/s", "loader, covers/s a process", "waiting for data")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for side in ("ours", "plain"):
        rate, model, load, waiting = (
            statistics.median(frame[name])
            for name in (side, f"model_{side}", f"loader_{side}", f"waiting_{side}")
        )
        table.add_row(side, f"{rate:.1f}", f"{model:.1f}", f"{load:.0f}", f"{waiting:.1%}")
    console.print(table)
    ratio, low, high = statistics.median(frame["ratio"]), frame["ratio"].min(), frame["ratio"].max()
    console.print(f"ratio {ratio:.2f} ({low:.2f} - {high:.2f} over rounds)")
