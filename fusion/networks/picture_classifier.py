"""What the classifiers that learn from pictures share: pictures beside the table, training, files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, check_is_fitted

from coverfusion.fusion.base import BlockClassifier, Rows
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.pictures import COLUMN, split_pictures

if TYPE_CHECKING:
    import torch
    from torch import nn

    from coverfusion.fusion.networks.dataset import CoverDataset
    from coverfusion.fusion.networks.image_network import ImageNetwork

HELD_OUT = 0.1  # share of the training covers by which epochs are compared


class PictureClassifier(BlockClassifier):
    """A classifier whose X may hold pictures in the column `pixels.picture`.

    A subclass has the parameters of `fusion.networks.recipe.Recipe`, says in `pictures` whether it takes them
    alone ("only") or beside the blocks ("too"), and has:

    - `_prepare(X)`: learns how the (n, d) table is prepared (nothing, where pictures are all);
    - `_inputs(X)`: `blocks` and `gone` of `fusion.networks.dataset.Examples` for a table;
    - `_new_network(pretrained, seed)`: the network, for `classes_`; sets `image_size_`;
    - `_image(network)`: the part of it that sees pictures, where there are pictures.

    Attributes after `fit`, beside those of `BlockClassifier`:
        history_: one dict an epoch.
        best_epoch_: the epoch whose weights are kept.
        learning_rate_: as given or found.
        precision_: in which it was trained, "32", "bf16" or "16".
        shares_: (n_classes,) of the training weight, the answer for a cover that nothing is known of.
    """

    pictures: ClassVar[str]
    own_files: ClassVar[tuple[str, ...]] = ("network_", "watch", "stop", "_pictures")
    watch: Callable[[str, int, int], None] | None = None
    stop: Callable[[int, dict[str, float]], bool] | None = None
    _pictures: list[np.ndarray | None] | None = None

    def fit(
        self, X: Rows, y: Sequence[Any], sample_weight: Sequence[float] | None = None, groups: Any = None
    ) -> Self:
        """Learns from covers and their genres.

        Args:
            X: (n, d) frame of `block.column` names; pictures in `pixels.picture`.
            y, sample_weight, groups: as for every classifier here.

        Raises:
            ValueError: as `BlockClassifier.fit`; pictures are needed and X has none; an unknown recipe.
        """
        table, self._pictures = split_pictures(X)
        if self.pictures == "only" or (self._pictures is not None and not table.shape[1]):
            table = self._no_table()
        if self._pictures is not None and sample_weight is not None:
            used = np.asarray(sample_weight) > 0
            self._pictures = [p for p, use in zip(self._pictures, used, strict=True) if use]
        try:
            super().fit(table, y, sample_weight, groups)
        finally:
            pictures, self._pictures = self._pictures, None
        if isinstance(X, pd.DataFrame) and pictures is not None:
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
            self.n_features_in_ = X.shape[1]
        return self

    def check_parameters(self) -> None:
        """Raises ValueError for values that `fit` would refuse; the backbone and its weights must be here."""
        from coverfusion.features.networks.backbone import load_backbone
        from coverfusion.fusion.networks.recipe import Recipe
        from coverfusion.fusion.networks.training import make_fabric

        super().check_parameters()
        given = self.get_params(deep=False)
        if not 0 <= given["dropout"] < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {given['dropout']}")
        recipe = Recipe.of(self, image_size=given["image_size"] or 0, seed=0)
        try:
            make_fabric(recipe)
        except (RuntimeError, ValueError) as error:  # Lightning's for a device that is not there
            raise ValueError(f"device '{recipe.device}': {error}") from error
        load_backbone(given["backbone"], given["checkpoint"], layers=given["layers"])

    def predict_proba(self, X: Rows) -> np.ndarray:
        """(n, n_classes) float64 probabilities, columns in the order of `classes_`."""
        check_is_fitted(self)
        table, pictures = split_pictures(X)
        if pictures is None and COLUMN not in getattr(self, "feature_names_in_", ()):
            return super().predict_proba(X)
        names = [str(name) for name in self.feature_names_in_ if name != COLUMN]
        if not isinstance(X, pd.DataFrame) or (absent := [n for n in self.feature_names_in_ if n not in X]):
            lacking = ", ".join(map(str, absent[:3])) if isinstance(X, pd.DataFrame) else COLUMN
            raise ValueError(f"X must be a frame with the columns of the fit; it lacks {lacking}")
        self._pictures = pictures
        try:
            if self.pictures == "only" or not names:
                return self._normalised(self._no_table())
            rows = check_array(table[names], dtype=np.float32, ensure_all_finite="allow-nan")
            return self._normalised(rows)
        finally:
            self._pictures = None

    def _no_table(self) -> np.ndarray:
        """A column that says nothing, for scikit-learn's checks, where pictures are all there is."""
        if self._pictures is None:
            raise ValueError(f"{self.name} learns from pictures: X must have the column {COLUMN}")
        return np.full((len(self._pictures), 1), np.nan, np.float32)

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        from coverfusion.fusion.networks.standardise import standardise
        from coverfusion.fusion.networks.training import resolved, train_network

        self.shares_ = np.bincount(y, weight, len(self.classes_)) / weight.sum()
        self._prepare(X)
        examples = self._examples(X, y, weight)
        known = np.flatnonzero(self._known(examples))
        if not len(np.unique(y[known])) > 1:
            raise ValueError(f"{self.name} needs covers with a picture of two genres or more")
        seed = self._seed()
        network = self._new_network(True, seed)
        recipe = self._recipe(seed)
        split = None
        if self.get_params()["patience"] is not None:
            split = holdout(y[known], None if groups is None else groups[known], HELD_OUT, seed)
        learn, judge = (known, None) if split is None else (known[split[0]], examples.rows(known[split[1]]))
        if self._pictures is not None:
            standardise(self._image(network), examples.rows(learn), recipe)
        kept = self.get_params()["checkpoint_folder"]
        folder = Path(kept) if kept else None
        trained = train_network(network, examples.rows(learn), judge, recipe, folder, self.watch, self.stop)
        network.load_state_dict(trained.state)
        self.network_ = network.eval()
        self.history_, self.best_epoch_ = trained.history, trained.best_epoch
        self.learning_rate_ = trained.learning_rate
        self.precision_ = resolved(recipe).precision

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        """Of the pictures; a subclass that sees blocks too has its own."""
        import torch

        answers, there = self._seen(self.network_, len(self.classes_))
        found = np.tile(self.shares_, (len(X), 1))
        found[there.numpy()] = torch.softmax(answers[there].double(), dim=1).numpy()
        return found

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
        there, found = rows >= 0, torch.zeros(len(pictures), width)
        if distinct:
            zeros, ones = torch.zeros(len(distinct), dtype=torch.int64), torch.ones(len(distinct))
            examples = CoverDataset(list(distinct.values()), None, None, zeros, ones)
            found[there] = logits(network, examples, self._recipe(0))[rows[there]]
        return found, there

    def _examples(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> CoverDataset:
        import torch

        from coverfusion.fusion.networks.dataset import CoverDataset

        blocks, gone = self._inputs(X)
        return CoverDataset(
            self._pictures,
            None if blocks is None else torch.from_numpy(blocks),
            None if gone is None else torch.from_numpy(gone),
            torch.from_numpy(y.astype(np.int64)),
            torch.from_numpy(weight.astype(np.float32)),
        )

    def _known(self, examples: CoverDataset) -> np.ndarray:
        """(n,) bool: covers of which there is anything to learn from."""
        pictures = examples.pictures or [None] * len(examples)
        known = np.array([picture is not None for picture in pictures])
        return known if examples.gone is None else known | ~examples.gone.numpy().all(axis=1)

    def _recipe(self, seed: int) -> Any:
        from coverfusion.fusion.networks.recipe import Recipe

        return Recipe.of(self, image_size=self.image_size_, seed=seed)

    def _prepare(self, X: np.ndarray) -> None:
        """Nothing to learn where pictures are all."""

    def _inputs(self, X: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        return None, None

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
