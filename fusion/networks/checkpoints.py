"""What a training keeps on disk: the state after each epoch, its history as a table and as curves."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from coverfusion.data.sealed_files import read_sealed, write_sealed
from coverfusion.fusion.networks.dataset import CoverDataset
from coverfusion.fusion.networks.recipe import Recipe

FILE = "checkpoint.pt"
PICTURE_STRIDE = 50  # each so manieth picture is looked at to tell collections apart


@dataclass
class TrainingProgress:
    """Epochs that are done.

    Attributes:
        digest: of the network, the recipe and the examples.
        history: one dict an epoch.
        best_epoch: whose weights are kept.
        best: these weights, on the CPU.
        state: of network, optimizer and schedule after the last epoch; None before the first.
        precision: in which the network is trained: "32", "bf16" or "16".
    """

    digest: str
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    precision: str = ""


def read_progress(folder: Path | None, digest: str) -> TrainingProgress:
    """What a killed training left in `folder`; nothing where that was another one, or its file is broken."""
    content = None if folder is None else read_sealed(folder / FILE)
    if content is None:
        return TrainingProgress(digest)
    try:
        kept = TrainingProgress(**torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    except Exception:  # noqa: BLE001 - torch raises many kinds for another version's file, or one with code
        return TrainingProgress(digest)
    return kept if kept.digest == digest else TrainingProgress(digest)


def write_progress(folder: Path, progress: TrainingProgress) -> None:
    """The checkpoint, `history.csv` and `curves.png`; each is replaced as a whole."""
    from coverfusion.fusion.networks.training_curves import draw_training_curves

    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    torch.save(vars(progress), content)
    write_sealed(folder / FILE, content.getvalue())
    history = pd.DataFrame(progress.history).assign(precision=progress.precision)
    history.to_csv(folder / "history.csv", index=False)
    draw_training_curves(history, folder / "curves.png")


def training_digest(network: nn.Module, examples: CoverDataset, recipe: Recipe) -> str:
    """sha256 of the untrained network, the recipe, the genres, the weights and some of the pictures."""
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode() + repr(network).encode())
    given = (examples.y, examples.weight, examples.blocks, examples.gone)
    for tensor in (*network.state_dict().values(), *given):
        if tensor is not None:
            digest.update(tensor.cpu().numpy().tobytes())
    for picture in (examples.pictures or [])[::PICTURE_STRIDE]:
        digest.update(b"" if picture is None else picture.tobytes())
    return digest.hexdigest()
