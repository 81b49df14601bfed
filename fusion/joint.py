"""A pretrained image network trained together with the blocks of the table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from scipy.sparse import csr_matrix

from coverfusion.fusion.blocks import BlockScaler, missing_by_block, unit_variance
from coverfusion.fusion.networks.network_classifier import MIXES, NetworkClassifier
from coverfusion.fusion.pictures import Pictures
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts

if TYPE_CHECKING:
    import torch
    from torch import nn

    from coverfusion.fusion.networks.image_network import ImageNetwork
    from coverfusion.fusion.networks.recipe import Recipe

UNUSED_SIZE = 224  # stands where there are no pictures


@register("joint")
@dataclass(kw_only=True, eq=False, repr=False)
class Joint(NetworkClassifier):
    """Learns from pictures and blocks at once: adapters, fusion and a head on an image network.

    Each block is standardised on its own, on training covers. In the first `head_epochs` the adapters, fusion
    and heads learn on the image network as it came, then it learns too. Without the column `pixels.picture`
    it is a network on blocks alone. A cover of which nothing is known gets the proportions of the genres
    among the training covers. The network is described at `fusion.networks.joint_network.JointNetwork`.

    Args:
        fusion: "concat", "gated" or "attention".
        adapter: width of what each block, and the picture, is turned into.
        hidden: width of the layer behind the fusion.
        block_dropout: chance for each block of each cover, and for its picture, to be dropped while training.
        auxiliary: weight of the mean loss of what each block, and the picture, predicts alone; 0: none.
        pca: components kept of wider blocks; None: no PCA.
        dropout: proportion of hidden values dropped while training.
        augmentation: a recipe of `fusion.networks.augmentation`; not those that mix pictures, since blocks
            stay.
        backbone: and all others, as at `fusion.finetune.Finetune`.
    """

    pictures: ClassVar[Pictures] = Pictures.BESIDE
    reads_text: ClassVar[bool] = True

    fusion: str = "gated"
    adapter: int = 128
    hidden: int = 128
    block_dropout: float = 0.15
    auxiliary: float = 0.3
    pca: int | None = None
    head_epochs: int = 1
    learning_rate: float | None = 5e-4

    def check_parameters(self) -> None:
        """As `NetworkClassifier`, and how blocks and pictures are fused."""
        from coverfusion.fusion.networks.joint_network import check_fusion

        check_fusion(self.fusion, self.adapter)
        self._check_augmentation()
        super().check_parameters()

    def _check_augmentation(self) -> None:
        if self.augmentation in MIXES:
            raise ValueError(
                f"augmentation {self.augmentation} mixes pictures, but not the blocks beside them"
            )

    def _prepare(self, X: np.ndarray) -> None:
        self._check_augmentation()
        self.with_pictures_ = self._pictures is not None
        # nothing can be learnt of a block that no cover has, such as the one of a frame of pictures alone
        self.blocks_ = {name: at for name, at in self.blocks_.items() if not np.isnan(X[:, at]).all()}
        self.widths_: list[int] = []
        if self.blocks_:
            self.scaler_ = BlockScaler(self.pca).fit(X, self.blocks_)
            self.widths_ = [where.stop - where.start for where in self.scaler_.slices.values()]

    def _inputs(
        self, X: np.ndarray, texts: dict[str, csr_matrix]
    ) -> tuple[np.ndarray | None, np.ndarray | None, dict[str, torch.Tensor]]:
        from coverfusion.fusion.networks.text_terms import bags_of, no_terms

        if not self.blocks_:
            return None, None, {}
        Z = unit_variance(self.scaler_.transform(X), self.scaler_.slices)
        return Z, np.hstack([missing_by_block(X, self.blocks_), no_terms(texts, len(X))]), bags_of(texts)

    def _new_network(self, pretrained: bool, seed: int) -> nn.Module:
        from coverfusion.fusion.networks.image_network import ImageNetwork
        from coverfusion.fusion.networks.joint_network import JointNetwork

        image, self.image_size_ = None, self.image_size or UNUSED_SIZE
        if self.with_pictures_:
            backbone = self._backbone(pretrained)
            self.image_size_ = self.image_size or backbone.size
            image = ImageNetwork(backbone, len(self.classes_), self.dropout)
        return JointNetwork(
            image,
            self.widths_,
            len(self.classes_),
            adapter=self.adapter,
            hidden=self.hidden,
            fusion=self.fusion,
            dropout=self.dropout,
            block_dropout=self.block_dropout,
            terms=[len(v.idf) for v in self.vocabularies_.values()] if self.blocks_ else [],
            seed=seed,
        )

    def _saw_pictures(self) -> bool:
        return self.with_pictures_

    def _image(self, network: nn.Module) -> ImageNetwork:
        return cast("ImageNetwork", network.image)

    def _recipe(self, seed: int) -> Recipe:
        recipe = super()._recipe(seed)
        return recipe if self.with_pictures_ else replace(recipe, frozen_stages=0, head_epochs=0)

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        from coverfusion.fusion.networks.image_network import Embedder
        from coverfusion.fusion.networks.joint_network import JointNetwork, probabilities

        network = cast("JointNetwork", self.network_)
        examples = self._examples(
            X, self._text_rows(texts or {}), np.zeros(len(X), np.int64), np.ones(len(X))
        )
        known = self._known(examples)
        batch: dict[str, torch.Tensor] = {}
        if examples.blocks is not None and examples.gone is not None:
            batch |= {"blocks": examples.blocks, "gone": examples.gone} | examples.text
        if network.image is not None:
            batch["embedding"], there = self._seen(Embedder(network.image), network.image.width)
            batch["no_picture"] = ~there
        proba = np.tile(self.priors_, (len(X), 1))
        proba[known] = probabilities(
            network, {name: value[known] for name, value in batch.items()}, hasattr(self, "several_")
        )
        return proba
