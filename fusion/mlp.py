"""A small torch network: one adapter a block, concatenation, one hidden layer, a linear head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler, missing_by_block
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.registry import register

if TYPE_CHECKING:
    import torch


SCHEDULE = (
    "block_dropout",
    "focal_gamma",
    "label_smoothing",
    "learning_rate",
    "weight_decay",
    "batch_size",
    "max_epochs",
    "patience",
    "device",
)


@register("mlp")
class FusionMLP(BlockClassifier):
    """Fuses blocks in a multi-layer perceptron and survives the loss of any of them.

    Each block is standardised and goes through its own adapter (linear, LayerNorm, GELU). Where a cover has
    no value in a block, and at random while training (block dropout: N. Neverova et al., ModDrop, PAMI
    2016), the adapter's output is replaced by a learnt vector. The outputs are concatenated. Training stops
    early on an inner held-out part of the training rows that shares no group with the rest.

    Args:
        adapter: width of each adapter's output.
        hidden: width of the layer behind the concatenation.
        dropout: share of hidden values dropped while training.
        block_dropout: chance for each block of each cover to be dropped while training.
        pca: components kept of wider blocks; None: no PCA.
        members: networks with other seeds (and other held-out parts) whose probabilities are averaged.
        focal_gamma: focusing parameter of the focal loss; 0 is cross entropy.
        label_smoothing: share of the target spread evenly over all classes.
        class_weight: as in scikit-learn.
        learning_rate, weight_decay, batch_size: of AdamW.
        max_epochs: the most passes over the training rows.
        patience: passes without a better inner log loss before training stops.
        device: "auto" (CUDA, else CPU) or a torch device name.
        random_state: seed of weights, batches, dropout and the held-out part.
    """

    own_files = ("networks_",)

    def __init__(
        self,
        *,
        adapter: int = 64,
        hidden: int = 128,
        dropout: float = 0.5,
        block_dropout: float = 0.15,
        pca: int | None = None,
        members: int = 3,
        focal_gamma: float = 0.0,
        label_smoothing: float = 0.0,
        class_weight: str | dict | None = "balanced",
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        batch_size: int = 128,
        max_epochs: int = 60,
        patience: int = 6,
        device: str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.adapter = adapter
        self.hidden = hidden
        self.dropout = dropout
        self.block_dropout = block_dropout
        self.pca = pca
        self.members = members
        self.focal_gamma = focal_gamma
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.device = device
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        from coverfusion.fusion.networks.mlp_network import Schedule, train

        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        self.widths_ = [where.stop - where.start for where in self.scaler_.slices.values()]
        missing = missing_by_block(X, self.blocks_)
        self.networks_, self.n_epochs_ = [], []
        first_seed = self._seed()
        for seed in range(first_seed, first_seed + self.members):
            schedule = Schedule(**{key: getattr(self, key) for key in SCHEDULE}, seed=seed)
            network = self._new_network(seed)
            split = holdout(y, groups, seed=seed)
            self.n_epochs_.append(train(network, self._inputs(Z), missing, y, weight, split, schedule))
            self.networks_.append(network)

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        from coverfusion.fusion.networks.mlp_network import probabilities

        inputs, missing = self._inputs(self.scaler_.transform(X)), missing_by_block(X, self.blocks_)
        return np.mean([probabilities(network, inputs, missing) for network in self.networks_], axis=0)

    def _inputs(self, Z: np.ndarray) -> list[np.ndarray]:
        """Each block's columns, scaled back to about unit variance each."""
        return [
            Z[:, where] * np.float32(np.sqrt(where.stop - where.start))
            for where in self.scaler_.slices.values()
        ]

    def _new_network(self, seed: int) -> torch.nn.ModuleDict:
        from coverfusion.fusion.networks.mlp_network import new_network

        return new_network(self.widths_, len(self.classes_), self.adapter, self.hidden, self.dropout, seed)

    def _save_parts(self, folder: Path) -> None:
        from safetensors.torch import save_file

        for number, network in enumerate(self.networks_):
            save_file(network.state_dict(), folder / f"network_{number}.safetensors")

    def _load_parts(self, folder: Path) -> None:
        from safetensors.torch import load_file

        self.networks_ = []
        for number in range(len(self.n_epochs_)):
            network = self._new_network(seed=0)
            network.load_state_dict(load_file(folder / f"network_{number}.safetensors"))
            self.networks_.append(network.eval())
