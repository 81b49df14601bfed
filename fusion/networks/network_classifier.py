"""Classifiers that are one torch network, trained on pictures and blocks: their parameters, fit and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from coverfusion.fusion.base import StartingNetwork
from coverfusion.fusion.cannot_learn import CannotLearnError
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.networks.picture_classifier import PictureClassifier
from coverfusion.fusion.texts import Texts

if TYPE_CHECKING:
    import torch
    from torch import nn

    from coverfusion.features.networks.backbone import Backbone
    from coverfusion.fusion.networks.dataset import CoverDataset
    from coverfusion.fusion.networks.image_network import ImageNetwork
    from coverfusion.fusion.networks.recipe import Recipe

MIXES = ("mixup", "cutmix")  # augmentations that mix pictures of two genres
HELD_OUT = 0.1  # of the training covers, by which epochs are compared


@dataclass(kw_only=True, eq=False, repr=False)  # scikit-learn has its own ways to compare and to show
class NetworkClassifier(PictureClassifier):
    """A network with a pretrained image network in it, as a scikit-learn classifier.

    The fields are the constructor's parameters, described at `fusion.finetune.Finetune`. A subclass is a
    dataclass too, annotated with built-in types alone (the registry reads them from its own module): it adds
    parameters or changes defaults, and has:

    - `_prepare(X)`: learns how the (n, d) table is prepared (nothing, where pictures are all);
    - `_inputs(X, texts)`: `blocks`, `gone` and `text` of `fusion.networks.dataset.CoverDataset`;
    - `_new_network(pretrained, seed)`: the network, for `classes_`; sets `image_size_`;
    - `_image(network)`: the part of it that sees pictures, where there are pictures.

    Attributes after `fit`, beside those of `BlockClassifier`:
        history_: one dict an epoch.
        best_epoch_: the epoch whose weights are kept.
        learning_rate_: as given or found.
        precision_: in which it was trained, "32", "bf16" or "16".
        priors_: (n_classes,) of the training weight, the prediction for a cover that nothing is known of.
    """

    many: ClassVar[bool] = True
    own_files: ClassVar[tuple[str, ...]] = (*PictureClassifier.own_files, "network_")

    backbone: str = "efficientnet-lite0"
    checkpoint: str | None = None
    layers: str | None = None
    image_size: int | None = None
    epochs: int = 5
    head_epochs: int = 0
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float | None = 3e-4
    layer_decay: float = 0.8
    weight_decay: float = 0.05
    schedule: str = "one-cycle"
    frozen_stages: int = 3
    batch_norm: str = "frozen"
    dropout: float = 0.5
    augmentation: str = "simple"
    sampling: str = "plain"
    focal_gamma: float = 0.0
    label_smoothing: float = 0.1
    class_weight: str | dict[str, float] | None = None
    ema: float | None = 0.99
    patience: int | None = 4
    precision: str = "auto"
    device: str = "auto"
    devices: int = 1
    workers: int | None = None
    checkpoint_folder: str | None = None
    random_state: int | None = 0

    def starting_networks(self) -> list[StartingNetwork]:
        """The image network, where there were pictures."""
        return [StartingNetwork(self.name, self.backbone, self.checkpoint)] if self._saw_pictures() else []

    def _saw_pictures(self) -> bool:
        """Whether the fit started from the image network."""
        return True

    def check_parameters(self) -> None:
        """Checks what `fit` would refuse; the backbone and its weights must be here.

        Raises:
            ValueError: a value is not known, or there is no such device.
            UserError: the backbone or its weights are not here, or an extra is not installed.
        """
        from coverfusion.fusion.networks.devices import check_devices
        from coverfusion.fusion.networks.recipe import Recipe
        from coverfusion.fusion.networks.training import resolved

        super().check_parameters()
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout}")
        recipe = resolved(Recipe.of(self, image_size=self.image_size or 0, seed=0))
        check_devices(recipe.device, recipe.precision, recipe.devices)
        self._backbone(pretrained=True)

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        from coverfusion.fusion.networks.standardise import standardise
        from coverfusion.fusion.networks.training import resolved, train_network

        if y.ndim == 2:
            self._check_several()
        self.priors_ = self._shares(y, weight)
        self._prepare(X)
        examples = self._examples(X, self._learnt_text(texts or {}), y, weight)
        known = np.flatnonzero(self._known(examples))
        if not len(np.unique(y[known], axis=0)) > 1:
            raise CannotLearnError(f"{self.name} needs covers with a picture of two genres or more")
        seed = self._seed()
        network = self._new_network(True, seed)
        recipe = self._recipe(seed)
        split = None
        if self.patience is not None:
            split = holdout(y[known], None if groups is None else groups[known], HELD_OUT, seed)
        learn, judge = (known, None) if split is None else (known[split[0]], examples.rows(known[split[1]]))
        if self._pictures is not None:
            standardise(self._image(network), examples.rows(learn), recipe)
        folder = Path(self.checkpoint_folder) if self.checkpoint_folder else None
        trained = train_network(network, examples.rows(learn), judge, recipe, folder, self.watch, self.stop)
        network.load_state_dict(trained.state)
        self.network_ = network.eval()
        self.history_, self.best_epoch_ = trained.history, trained.best_epoch
        self.learning_rate_ = trained.learning_rate
        self.precision_ = resolved(recipe).precision

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        """Of the pictures; a subclass that sees blocks too has its own."""
        from coverfusion.fusion.networks.losses import chances

        scores, there = self._seen(self.network_, len(self.classes_))
        proba = np.tile(self.priors_, (len(X), 1))
        proba[there.numpy()] = chances(scores[there], hasattr(self, "several_")).numpy()
        return proba

    def _check_several(self) -> None:
        """Raises CannotLearnError for ways to train that take one genre a cover."""
        if self.augmentation in MIXES:
            raise CannotLearnError(f"augmentation {self.augmentation} mixes covers of one genre each")
        if self.sampling != "plain":
            raise CannotLearnError(f"sampling {self.sampling} draws covers of one genre each")

    def _learnt_prior(self, codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Balanced draws make all classes as common, but for their weights."""
        if self.sampling != "balanced":
            return super()._learnt_prior(codes, weight)
        means = np.bincount(codes, weight) / np.bincount(codes)
        return np.asarray(means / means.sum())

    def _seen(self, network: nn.Module, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, width) what a network gives for the n pictures at hand, 0 where there is none, and (n,) where.

        A picture that stands in many rows, as when one cover is explained, is looked at once.
        """
        import torch

        from coverfusion.fusion.networks.dataset import CoverDataset
        from coverfusion.fusion.networks.training import logits

        pictures = self._pictures or []
        distinct = {id(picture): picture for picture in pictures if picture is not None}
        place = {key: row for row, key in enumerate(distinct)}
        rows = torch.tensor([place.get(id(picture), -1) for picture in pictures], dtype=torch.int64)
        there, outputs = rows >= 0, torch.zeros(len(pictures), width)
        if distinct:
            zeros, ones = torch.zeros(len(distinct), dtype=torch.int64), torch.ones(len(distinct))
            examples = CoverDataset(list(distinct.values()), None, None, zeros, ones)
            outputs[there] = logits(network, examples, self._recipe(0))[rows[there]]
        return outputs, there

    def _examples(
        self, X: np.ndarray, texts: dict[str, csr_matrix], y: np.ndarray, weight: np.ndarray
    ) -> CoverDataset:
        from coverfusion.fusion.networks.dataset import cover_dataset

        blocks, gone, text = self._inputs(X, texts)
        return cover_dataset(self._pictures, blocks, gone, y, weight, text)

    def _known(self, examples: CoverDataset) -> np.ndarray:
        """(n,) bool: covers of which there is anything to learn from."""
        pictures = examples.pictures or [None] * len(examples)
        known = np.array([picture is not None for picture in pictures])
        return known if examples.gone is None else known | ~examples.gone.numpy().all(axis=1)

    def _recipe(self, seed: int) -> Recipe:
        from coverfusion.fusion.networks.recipe import Recipe

        return Recipe.of(self, image_size=self.image_size_, seed=seed)

    def _backbone(self, pretrained: bool) -> Backbone:
        """The image network without a head; its weights are random where it is not pretrained."""
        from coverfusion.features.networks.backbone import load_backbone

        return load_backbone(self.backbone, self.checkpoint, pretrained, self.layers)

    def _prepare(self, X: np.ndarray) -> None:
        """Nothing to learn where pictures are all."""

    def _inputs(
        self, X: np.ndarray, texts: dict[str, csr_matrix]
    ) -> tuple[np.ndarray | None, np.ndarray | None, dict[str, torch.Tensor]]:
        return None, None, {}

    def _new_network(self, pretrained: bool, seed: int) -> nn.Module:
        raise NotImplementedError

    def _image(self, network: nn.Module) -> ImageNetwork:
        raise NotImplementedError

    def _save_parts(self, folder: Path) -> None:
        from safetensors.torch import save_file

        state = {name: value.contiguous() for name, value in self.network_.state_dict().items()}
        save_file(state, folder / "network.safetensors")

    def _load_parts(self, folder: Path) -> None:
        from safetensors.torch import load_file

        network = self._new_network(False, 0)
        network.load_state_dict(load_file(folder / "network.safetensors"))
        self.network_ = network.eval()
