"""The loss that networks here learn by: cross entropy, smoothed, focal and weighted as asked.

Of covers of several genres it is the binary cross entropy of each genre, and its mean over genres.
"""

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


def binary_targets(y: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """(n, n_classes) float32 of (n, n_classes) 0 and 1: half of `label_smoothing` is on the wrong side."""
    return y.float() * (1 - label_smoothing) + label_smoothing / 2


def binary_focal_loss(
    scores: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, gamma: float = 0.0
) -> torch.Tensor:
    """Weighted mean over rows of the mean over classes of the binary focal loss.

    Args:
        scores: (n, n_classes) logits.
        targets: (n, n_classes) from `binary_targets`.
        weight: (n,) sample weights.
        gamma: how much less the sure cells count; 0 is binary cross entropy.
    """
    from torch.nn import functional

    scores = scores.float()
    has, lacks = functional.logsigmoid(scores), functional.logsigmoid(-scores)
    if gamma:
        has, lacks = has * (1 - has.exp()) ** gamma, lacks * (1 - lacks.exp()) ** gamma
    losses = -(targets * has + (1 - targets) * lacks).mean(dim=1)
    return (losses * weight).sum() / weight.sum()


def told(scores: torch.Tensor, truth: torch.Tensor) -> tuple[float, int]:
    """The plain log loss of all rows together, and how many rows are right; of several classes all must be.

    Args:
        scores: (n, n_classes) logits.
        truth: (n,) int64 class codes, or (n, n_classes) 0 and 1.
    """
    from torch.nn import functional

    scores = scores.float()
    if truth.ndim == 1:
        loss = functional.cross_entropy(scores, truth, reduction="sum")
        return float(loss), int((scores.argmax(1) == truth).sum())
    loss = functional.binary_cross_entropy_with_logits(scores, truth.float(), reduction="sum")
    return float(loss) / truth.shape[1], int(((scores > 0) == (truth > 0)).all(dim=1).sum())


def chances(scores: torch.Tensor, several: bool) -> torch.Tensor:
    """(n, n_classes) float64 probabilities of logits: they sum to 1, or are each class's by itself."""
    import torch

    return torch.sigmoid(scores.double()) if several else torch.softmax(scores.double(), dim=1)
