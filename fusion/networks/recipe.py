"""How an image network is trained, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from coverfusion.fusion.networks.augmentation import check_recipe
from coverfusion.fusion.networks.dataset import SAMPLINGS

SCHEDULES = ("one-cycle", "cosine", "constant")
BATCH_NORMS = ("frozen", "trained")
PRECISIONS = ("auto", "32", "bf16", "16")
KNOWN = {"schedule": SCHEDULES, "batch_norm": BATCH_NORMS, "sampling": SAMPLINGS, "precision": PRECISIONS}
SMALLEST_ALLOWED = {
    "epochs": 1,
    "batch_size": 1,
    "accumulate": 1,
    "devices": 1,
    "patience": 1,
    "image_size": 0,
    "head_epochs": 0,
    "frozen_stages": 0,
    "workers": 0,
    "focal_gamma": 0,
    "weight_decay": 0,
    "auxiliary": 0,
}
ABOVE_0 = ("learning_rate", "layer_decay")
PROPORTIONS = ("label_smoothing", "ema")  # at least 0 and below 1


@dataclass(frozen=True)
class Recipe:
    """The training parameters of `finetune`, `joint` and `mlp`; described at `fusion.finetune.Finetune`."""

    image_size: int
    epochs: int
    head_epochs: int
    batch_size: int
    accumulate: int
    learning_rate: float | None
    layer_decay: float
    weight_decay: float
    schedule: str
    frozen_stages: int
    batch_norm: str
    augmentation: str
    sampling: str
    focal_gamma: float
    label_smoothing: float
    ema: float | None
    patience: int | None
    precision: str
    device: str
    devices: int
    workers: int | None
    seed: int
    auxiliary: float = 0.0

    @classmethod
    def of(cls, classifier: Any, **others: Any) -> Self:
        """From a classifier's parameters of the same names; `others` are those that it names otherwise.

        Raises:
            ValueError: a value is none of those that are known.
        """
        names = [field.name for field in fields(cls)]
        recipe = cls(**{n: getattr(classifier, n) for n in names if hasattr(classifier, n)} | others)
        check_recipe(recipe.augmentation)
        for name, known in KNOWN.items():
            if getattr(recipe, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not '{getattr(recipe, name)}'")
        recipe._check_numbers()
        return recipe

    def _check_numbers(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        for name, value in given.items():
            if name in SMALLEST_ALLOWED and value < SMALLEST_ALLOWED[name]:
                raise ValueError(f"{name} must be {SMALLEST_ALLOWED[name]} or more, not {value}")
            if name in ABOVE_0 and not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
            if name in PROPORTIONS and not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {value}")
