"""The `objects` block: what a cover shows, in words of ImageNet and of COCO."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.features.detectors.coco import COCO
from coverfusion.features.detectors.ssd import load_ssd, ssd_weights
from coverfusion.features.networks.checkpoint import weights_for
from coverfusion.features.networks.lite import LITE, load_lite, normalised
from coverfusion.features.networks.openvino import each
from coverfusion.features.registry import BlockExtractor, missing_weights, register
from coverfusion.features.weights import Weights, packaged_file

_MODEL = "efficientnet-lite0"
SECOND = "_2"  # of two classes with one name
_MEANT = {  # which of two classes with one name
    "crane": "crane (bird)",
    "crane_2": "crane (machine)",
    "cardigan": "cardigan (dog)",
    "cardigan_2": "cardigan (knitwear)",
    "maillot": "maillot (tights)",
    "maillot_2": "maillot (swimsuit)",
}
_LEAST = 1e-9  # a confidence has a logarithm


@register("objects")
class Objects(BlockExtractor):
    """The 1,000 classes of EfficientNet-Lite0 and the 80 kinds of object of SSD-MobileNet-v2.

    A picture that `cnn` saw just before costs the first network nothing. The preset changes nothing: both
    networks come with packages. Logarithms tell genres apart better than the probabilities themselves: on
    real covers (5 genres, 5 grouped folds, one SVC) 0.394 for 0.337 by ImageNet, 0.312 for 0.288 by COCO.
    """

    def describe(self) -> Mapping[str, str]:
        """Column -> one line with its range."""
        classes = {
            f"imagenet_{key}": f"ImageNet score of '{_first(key, name)}': "
            f"log10 of the probability of the class '{name}'; up to 0"
            for key, name in _imagenet().items()
        }
        kinds = {
            f"coco_{_key(name)}": f"score of the detector for '{name}': "
            "log10 of its highest confidence; up to 0"
            for name in COCO.values()
        }
        return classes | kinds

    def weights(self) -> Sequence[Weights]:
        """Both networks."""
        return [weights_for(_MODEL), ssd_weights()]

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, 1080) float32; see `describe`.

        Raises:
            UserError: the weights are not here.
        """
        if absent := missing_weights(self):
            raise UserError(f"Block 'objects': {absent}.")
        if not len(images):
            return np.empty((0, len(self.columns)), np.float32)
        lite, ssd = self.weights()
        assert lite.path is not None
        outputs = load_lite(_MODEL, lite.path, lite.digest(), LITE[_MODEL][0])(images)
        return _rows(
            np.stack([one.logits for one in outputs]),
            np.stack([found.highest for found in each(load_ssd(ssd), images)]),
        )

    def plain(self) -> Callable[[Image], np.ndarray]:
        """The plain use of the same networks on one picture: the first by torch, and the whole SSD.

        Returns:
            A function from one picture to its (1080,) row.
        """
        import torch

        file, detector = self.weights()
        assert file.path is not None
        lite, ssd = load_lite(_MODEL, file.path, file.digest(), LITE[_MODEL][0]), load_ssd(detector)
        module = lite.module()

        def row(image: Image) -> np.ndarray:
            ssd.forget()
            with torch.no_grad():
                logits = module(torch.from_numpy(normalised(lite.prepare([image]))))[2].numpy()
            return _rows(logits, ssd(image).highest[None])[0]

        return row

    def differences(self, plain: Sequence[np.ndarray], values: np.ndarray, notes: object) -> str:
        """How far the columns are from those of `plain`, in words."""
        return f"logarithms within {np.abs(values - np.stack(plain)).max():.1e}"


def _rows(logits: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """(n, 1080) float32 of (n, 1000) logits and (n, 91) confidences."""
    return np.column_stack([_log10_softmax(logits), np.log10(highest[:, list(COCO)].clip(_LEAST))])


def _log10_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))) / np.float32(np.log(10))


@functools.cache
def _imagenet() -> dict[str, str]:
    """Column key -> name of the 1,000 classes, in the network's order; the names are WordNet's, from timm."""
    synsets, lemmas = (
        packaged_file("timm", f"imagenet_{what}.txt") for what in ("synsets", "synset_to_lemma")
    )
    if synsets is None or lemmas is None:
        raise UserError("Block 'objects': timm's names of ImageNet's classes are not here: pip install timm.")
    names = dict(line.split("\t") for line in lemmas.read_text().splitlines())
    found: dict[str, str] = {}
    for synset in synsets.read_text().split():
        key = _key(names[synset].partition(", ")[0])
        # two cranes, two cardigans, two maillots
        found[f"{key}{SECOND}" if key in found else key] = names[synset]
    return found


def _first(key: str, names: str) -> str:
    """The first of a class's names, and which class is meant where two have it."""
    return _MEANT.get(key, names.partition(",")[0])


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())
