"""The loss that networks here learn by: cross entropy, smoothed, focal and weighted as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def soft_targets(y: torch.Tensor, n_classes: int, label_smoothing: float = 0.0) -> torch.Tensor:
    """(n, n_classes) float32: `label_smoothing` spread evenly, the rest on the true class.

    C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.

    Args:
        y: (n,) int64 class codes, or (n, n_classes) shares of classes (mixed pictures).
        n_classes: how many.
        label_smoothing: share of the target spread evenly over all classes.
    """
    from torch.nn import functional

    shares = functional.one_hot(y, n_classes).float() if y.ndim == 1 else y
    return shares * (1 - label_smoothing) + label_smoothing / n_classes


def focal_loss(
    scores: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, gamma: float = 0.0
) -> torch.Tensor:
    """Weighted mean over rows of the sum over classes of target x (1 - p)^gamma x -log p.

    T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017. gamma 0 is cross entropy.

    Args:
        scores: (n, n_classes) logits.
        targets: (n, n_classes) shares of classes, from `soft_targets`.
        weight: (n,) sample weights.
        gamma: how much less the sure rows count.
    """
    import torch

    log_p = torch.log_softmax(scores.float(), dim=1)
    focus = (1 - log_p.exp()) ** gamma if gamma else 1.0
    losses = -(targets * focus * log_p).sum(dim=1)
    return (losses * weight).sum() / weight.sum()
