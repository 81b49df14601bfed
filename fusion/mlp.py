"""A small torch network on blocks: the network of `joint` without a picture, its tokens side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from coverfusion.data.seeds import seed_for
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler, missing_by_block, unit_variance
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts

if TYPE_CHECKING:
    from coverfusion.fusion.networks.joint_network import JointNetwork
    from coverfusion.fusion.networks.recipe import Recipe

# what `fusion.networks.training` can do, and a small network on a table does not need
PLAIN_TRAINING: dict[str, Any] = {
    "image_size": 0,
    "head_epochs": 0,
    "accumulate": 1,
    "layer_decay": 1.0,
    "schedule": "constant",
    "frozen_stages": 0,
    "batch_norm": "frozen",
    "augmentation": "none",
    "sampling": "plain",
    "ema": None,
    "precision": "32",
    "devices": 1,
    "workers": 0,
}


@register("mlp")
class FusionMLP(BlockClassifier):
    """Fuses blocks in a multi-layer perceptron and survives the loss of any of them.

    Each block is standardised and goes through its own adapter (linear, LayerNorm, GELU). Where a cover has
    no value in a block, and at random while training (block dropout: N. Neverova et al., ModDrop, PAMI
    2016), the adapter's output is replaced by a learnt vector; a cover always keeps something of what it has.
    The outputs are concatenated. Training stops early on an inner held-out part of the training rows that
    shares no group with the rest. A cover of which nothing is known gets the proportions of the genres among
    the training covers. The network is described at `fusion.networks.joint_network.JointNetwork`.

    Args:
        adapter: width of each adapter's output.
        hidden: width of the layer behind the concatenation.
        dropout: proportion of hidden values dropped while training.
        block_dropout: chance for each block of each cover to be dropped while training.
        pca: components kept of wider blocks; None: no PCA.
        members: networks with other seeds (and other held-out parts) whose probabilities are averaged.
        focal_gamma: focusing parameter of the focal loss; 0 is cross entropy (of several genres binary).
        label_smoothing: proportion of the target spread evenly over all classes.
        class_weight: as in scikit-learn.
        learning_rate, weight_decay, batch_size: of AdamW.
        max_epochs: the most passes over the training rows.
        patience: passes without a better inner log loss before training stops.
        device: "auto" (CUDA or Apple's GPU where there is one, else the CPU), or a name of torch's.
        random_state: seed of weights, batches, dropout and the held-out part.

    Attributes after `fit`, beside those of `BlockClassifier`:
        networks_: one a member.
        n_epochs_: how many epochs made the kept weights of each.
        priors_: (n_classes,) of the training weight.
    """

    own_files: ClassVar[tuple[str, ...]] = ("networks_",)
    reads_text: ClassVar[bool] = True
    many: ClassVar[bool] = True

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
        class_weight: str | dict[str, float] | None = None,
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

    def check_parameters(self) -> None:
        """Checks what `fit` would refuse.

        Raises:
            ValueError: a value is out of range, or there is no such device.
        """
        from coverfusion.fusion.networks.devices import device_of

        super().check_parameters()
        device_of(self._recipe(seed=0).device)

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        from coverfusion.fusion.networks.dataset import cover_dataset
        from coverfusion.fusion.networks.text_terms import bags_of, no_terms
        from coverfusion.fusion.networks.training import train_network

        self.priors_ = self._shares(y, weight)
        self.scaler_ = BlockScaler(self.pca)
        Z = unit_variance(self.scaler_.fit_transform(X, self.blocks_), self.scaler_.slices)
        self.widths_ = [where.stop - where.start for where in self.scaler_.slices.values()]
        rows = self._learnt_text(texts or {})
        gone = np.hstack([missing_by_block(X, self.blocks_), no_terms(rows, len(X))])
        examples = cover_dataset(None, Z, gone, y, weight, bags_of(rows))
        self.networks_: list[JointNetwork] = []
        self.n_epochs_: list[int] = []
        own_seed = self._seed()
        for member in range(self.members):
            seed = seed_for(own_seed, "member", member)  # no other random_state has this network
            network, split = self._new_network(seed), holdout(y, groups, seed=seed)
            learn, judge = (examples, None) if split is None else map(examples.rows, split)
            trained = train_network(network, learn, judge, self._recipe(seed))
            network.load_state_dict(trained.state)
            self.networks_.append(network.eval().to("cpu"))
            self.n_epochs_.append(trained.best_epoch)

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        import torch

        from coverfusion.fusion.networks.joint_network import probabilities
        from coverfusion.fusion.networks.text_terms import bags_of, no_terms

        rows = self._text_rows(texts or {})
        missing = np.hstack([missing_by_block(X, self.blocks_), no_terms(rows, len(X))])
        proba, known = np.tile(self.priors_, (len(X), 1)), ~missing.all(axis=1)
        if known.any():
            Z = unit_variance(self.scaler_.transform(X[known]), self.scaler_.slices)
            batch = {"blocks": torch.from_numpy(Z), "gone": torch.from_numpy(missing[known])}
            batch |= bags_of({name: text[np.flatnonzero(known)] for name, text in rows.items()})
            several = hasattr(self, "several_")
            told = [probabilities(network, batch, several) for network in self.networks_]
            proba[known] = np.mean(told, axis=0)
        return proba

    def _new_network(self, seed: int) -> JointNetwork:
        from coverfusion.fusion.networks.joint_network import JointNetwork

        return JointNetwork(
            None,
            self.widths_,
            len(self.classes_),
            adapter=self.adapter,
            hidden=self.hidden,
            fusion="concat",
            dropout=self.dropout,
            block_dropout=self.block_dropout,
            terms=[len(vocabulary.idf) for vocabulary in self.vocabularies_.values()],
            auxiliary=False,
            seed=seed,
        )

    def _recipe(self, seed: int) -> Recipe:
        from coverfusion.fusion.networks.recipe import Recipe

        return Recipe.of(self, epochs=self.max_epochs, seed=seed, **PLAIN_TRAINING)

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
