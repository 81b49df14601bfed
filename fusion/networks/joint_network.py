"""The network behind `joint`: a token for each block and one for the picture, fused, and a head."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from coverfusion.fusion.networks.image_network import ImageNetwork
from coverfusion.fusion.networks.losses import chances

FUSIONS = ("concat", "gated", "attention")
HEADS = 4  # of the attention
ROWS_PREDICTED_AT_ONCE = 4096


class JointNetwork(nn.Module):
    """Tokens of all modalities (the table's blocks, text, then the picture), fused, and a prediction.

    A modality goes through an adapter of its own (linear, LayerNorm, GELU), which makes it a token; that of
    text is an embedding bag: the sum of its terms' learnt vectors, weighed by TF-IDF. Where a cover lacks
    the modality, the token is a learnt vector. While training, modalities are dropped at random as if they
    were lacking (N. Neverova et al., ModDrop, PAMI 2016), but never all that a cover has. Then

    - "concat" puts the tokens side by side;
    - "gated" adds them up, each value weighed by gates that see all tokens and sum to 1 over the modalities
      that are there (J. Arevalo et al., Gated Multimodal Units, ICLR workshop 2017; there for two);
    - "attention" lets a learnt query look at the tokens that are there (multi-head attention: A. Vaswani et
      al., Attention Is All You Need, NeurIPS 2017).

    With auxiliary heads each modality also predicts alone, by a linear head on its token, on the image
    network's embedding for the picture: a loss on these keeps the strongest modality from silencing the rest.

    Args:
        image: the image network; None: there are no pictures.
        widths: columns of each block.
        n_classes: width of the predictions.
        terms: size of the vocabulary of each text column.
        adapter: width of a token; a multiple of 4 for "attention".
        hidden: width of the layer behind the fusion.
        fusion: one of `FUSIONS`.
        dropout: proportion of values dropped before and behind that layer while training.
        block_dropout: chance for each modality of each cover to be dropped while training.
        auxiliary: whether there are auxiliary heads.
        seed: of the new parts' first weights.

    Raises:
        ValueError: another fusion, or tokens that the heads cannot share.
    """

    def __init__(
        self,
        image: ImageNetwork | None,
        widths: Sequence[int],
        n_classes: int,
        *,
        adapter: int,
        hidden: int,
        fusion: str,
        dropout: float,
        block_dropout: float,
        terms: Sequence[int] = (),
        auxiliary: bool = True,
        seed: int,
    ) -> None:
        check_fusion(fusion, adapter)
        super().__init__()
        self.widths, self.n_classes = list(widths), n_classes
        self.fusion, self.block_dropout, self.auxiliary = fusion, block_dropout, auxiliary
        self.stages = [[f"image.{part}" for part in stage] for stage in image.stages] if image else []
        self.image = image
        inputs = [*self.widths, *([adapter] * len(terms)), *([image.width] if image else [])]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.adapters = nn.ModuleList(
                nn.Sequential(nn.Linear(width, adapter), nn.LayerNorm(adapter), nn.GELU()) for width in inputs
            )
            self.bags = nn.ModuleList(
                nn.EmbeddingBag(size + 1, adapter, mode="sum", padding_idx=0) for size in terms
            )
            self.missing = nn.Parameter(torch.zeros(len(inputs), adapter))
            alone = [*self.widths, *terms] if auxiliary else []
            self.alone = nn.ModuleList(nn.Linear(adapter, n_classes) for _ in alone)
            if fusion == "gated":
                self.gates = nn.Linear(len(inputs) * adapter, len(inputs) * adapter)
            if fusion == "attention":
                self.query = nn.Parameter(torch.zeros(adapter))
                self.attention = nn.MultiheadAttention(adapter, HEADS, batch_first=True)
            self.head = nn.Sequential(
                nn.Dropout(dropout),
                nn.Linear(adapter * (len(inputs) if fusion == "concat" else 1), hidden),
                nn.LayerNorm(hidden),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, n_classes),
            )

    def extra_repr(self) -> str:
        """What the parts do not show."""
        return f"fusion={self.fusion}, block_dropout={self.block_dropout}"

    def forward(self, batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """The prediction and, after it, those of the auxiliary heads, each (n, n_classes) logits.

        Args:
            batch: `blocks` (n, sum of the widths) and `gone` (n, blocks + texts) where there are blocks, with
                `terms_k` and `tfidf_k` (n, m) of the k-th text (`fusion.networks.text_terms`); `picture`
                (n, 3, h, w) of 0-255 and `no_picture` (n,) where there are pictures, or `embedding`
                (n, width) in place of `picture`. Values of what is gone are not looked at.
        """
        parts, gone = self._parts(batch)
        adapted = torch.stack(
            [
                adapter(part.masked_fill(lost[:, None], 0))
                for adapter, part, lost in zip(self.adapters, parts, gone.unbind(1), strict=True)
            ],
            dim=1,
        )
        alone: list[torch.Tensor] = []
        if self.auxiliary:
            tokens = self._without(adapted, gone)
            alone = [head(token) for head, token in zip(self.alone, tokens.unbind(1), strict=False)]
            if self.image is not None:
                alone.append(self.image.head(parts[-1]))
        hidden = self._dropped(gone)
        return [self.head(self.fused(self._without(adapted, hidden), hidden)), *alone]

    def fused(self, tokens: torch.Tensor, gone: torch.Tensor) -> torch.Tensor:
        """(n, modalities, adapter) tokens and (n, modalities) what is missing -> what the head sees."""
        if self.fusion == "concat":
            return tokens.flatten(1)
        gone = gone & ~gone.all(dim=1, keepdim=True)  # of a cover without anything all learnt vectors count
        if self.fusion == "gated":
            return (self.weights(tokens, gone) * tokens).sum(dim=1)
        query = self.query.expand(len(tokens), 1, -1)
        seen = self.attention(query, tokens, tokens, key_padding_mask=gone, need_weights=False)[0]
        return (query + seen)[:, 0]

    def weights(self, tokens: torch.Tensor, gone: torch.Tensor) -> torch.Tensor:
        """(n, modalities, adapter) gates, 0 for what is missing, of sum 1 over the modalities."""
        gates = self.gates(tokens.flatten(1)).view_as(tokens)
        return gates.masked_fill(gone[:, :, None], -torch.inf).softmax(dim=1)

    def _parts(self, batch: dict[str, torch.Tensor]) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The inputs of the adapters, and (n, modalities) bool, which are missing."""
        parts: list[torch.Tensor] = []
        gone: list[torch.Tensor] = []
        if self.widths:
            parts += batch["blocks"].split(self.widths, dim=1)
            parts += [
                bag(batch[f"terms_{k}"], per_sample_weights=batch[f"tfidf_{k}"])
                for k, bag in enumerate(self.bags)
            ]
            gone += batch["gone"].unbind(1)
        if self.image is not None:
            parts.append(self._embedding(self.image, batch))
            gone.append(batch["no_picture"])
        return parts, torch.stack(gone, dim=1)

    def _embedding(self, image: ImageNetwork, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(n, width) of the image network, 0 where there is no picture; only pictures go through it."""
        if "embedding" in batch:
            return batch["embedding"].masked_fill(batch["no_picture"][:, None], 0)
        there = ~batch["no_picture"]
        embedding = torch.zeros(len(there), image.width, device=there.device)
        if there.any():
            embedding[there] = image.embed(batch["picture"][there]).float()
        return embedding

    def _without(self, adapted: torch.Tensor, gone: torch.Tensor) -> torch.Tensor:
        return torch.where(gone[:, :, None], self.missing.to(adapted.dtype), adapted)

    def _dropped(self, gone: torch.Tensor) -> torch.Tensor:
        """What is missing, and while training what is dropped; a cover keeps something of what it has."""
        if not self.training or not self.block_dropout:
            return gone
        hidden = gone | (torch.rand(gone.shape, device=gone.device) < self.block_dropout)
        return torch.where(hidden.all(dim=1, keepdim=True), gone, hidden)


def check_fusion(fusion: str, adapter: int) -> None:
    """Raises ValueError for another fusion, or tokens that the heads cannot share."""
    if fusion not in FUSIONS:
        raise ValueError(f"fusion must be one of {', '.join(FUSIONS)}, not '{fusion}'")
    if fusion == "attention" and adapter % HEADS:
        raise ValueError(f"adapter must be a multiple of {HEADS} for attention, not {adapter}")


def probabilities(network: JointNetwork, batch: dict[str, torch.Tensor], several: bool = False) -> np.ndarray:
    """(n, n_classes) float64 for a batch of any size with `embedding` in place of pictures.

    Each row sums to 1, unless rows may have `several` classes.
    """
    n = len(next(iter(batch.values())))
    if network.image is None:  # in float64, so that a row's numbers do not depend on the rows beside it
        network = copy.deepcopy(network).double()
        batch = {
            name: value.double() if value.is_floating_point() else value for name, value in batch.items()
        }
    outputs = []
    with torch.inference_mode():
        for rows in torch.arange(n).split(ROWS_PREDICTED_AT_ONCE):
            scores = network({name: value[rows] for name, value in batch.items()})[0]
            outputs.append(chances(scores, several).numpy())
    return np.concatenate(outputs)
