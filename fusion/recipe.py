"""How an image network is trained, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from fusion.augmentation import check_recipe
from fusion.examples import SAMPLINGS

SCHEDULES = ("one-cycle", "cosine", "constant")
BATCH_NORMS = ("frozen", "trained")
PRECISIONS = ("auto", "32", "bf16", "16")
KNOWN = {
    "schedule": SCHEDULES, "batch_norm": BATCH_NORMS, "sampling": SAMPLINGS, "precision": PRECISIONS
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """The training parameters that `finetune` and `joint` share; described at `fusion.finetune.Finetune`."""

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
        return recipe
