"""Weights of an image network small enough to train in tests."""

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

BACKBONE = "test_efficientnet"  # timm's smallest


def tiny_weights(folder: Path) -> str:
    """The path of random weights of it."""
    torch.manual_seed(0)
    path = folder / "tiny.safetensors"
    save_file(timm.create_model(BACKBONE, num_classes=3).state_dict(), path)
    return str(path)
