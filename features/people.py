"""The `people` block: how many faces and persons a cover shows, how large, how sure, and where."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.machine_faults import stop_at_machine_fault
from coverfusion.features.detectors import persons
from coverfusion.features.detectors.faces import face_weights, load_mtcnn
from coverfusion.features.detectors.ssd import load_ssd, ssd_weights
from coverfusion.features.networks.openvino import each
from coverfusion.features.pictures import smaller
from coverfusion.features.registry import BlockExtractor, missing_weights, register
from coverfusion.features.weights import Weights

Boxes = np.ndarray  # (n, 5) float32: left, top, right, bottom in px, confidence 0..1
Detector = Callable[[Image], Boxes]

PEOPLE_IN_A_GROUP = 3  # people
FACE_SIDE = 300  # faces are looked for in a picture of at most so many pixels squared
_PACKAGED_MODEL = "ssd_mobilenet_v2"
# COCO mAP 32.8 (torchvision); its ResNet-50 models reach 37 to 46.7 at 30 to 60 times the arithmetic.
_HUB_MODEL = "fasterrcnn_mobilenet_v3_large_fpn"
_MEASURES = {
    "count": "number of {many}: as found, 0 = none",
    "largest_share": "area of the largest {one}: proportion of the cover, 0 to 1 (0 = none)",
    "total_share": "area of all {many}: proportion of the cover, overlaps once, 0 to 1 (0 = none)",
    "confidence": "confidence of {many}: mean of the detector's, 0 to 1 (missing without any {one})",
    "largest_x": "horizontal place of the largest {one}: 0 (the left edge) to 1 (the right edge); "
    "missing without any {one}",
    "largest_y": "vertical place of the largest {one}: 0 (the top edge) to 1 (the bottom edge); "
    "missing without any {one}",
    "failed": "failure of the {one} detector: 1 where it failed and its other columns are missing, else 0",
}


@register("people")
class People(BlockExtractor):
    """Faces by MTCNN and persons by a COCO detector.

    Each picture goes through both on its own: a batch gives the numbers that its pictures give one by one,
    in any mix of sizes. Pictures of more than 300 x 300 px are reduced to about as many pixels before faces
    are looked for, so a cover costs and gives about the same at any size.

    Args:
        preset: "packaged" finds persons by SSD-MobileNet-v2, "hub" by a torchvision detection model.
        face_confidence: faces less sure than this are left out, 0..1.
        person_confidence: the same for persons.
        min_face_size: px of the smallest face to look for in the picture, reduced where it is large.
        person_model: name of a torchvision detection model; None = the preset's own choice.
        checkpoint: a local state dict of `person_model`, read in place of a download.

    Raises:
        ValueError: a confidence outside 0..1, a face size under 1, or a model that the preset lacks.
    """

    version = "2"  # OpenVINO; large pictures are reduced

    def __init__(
        self,
        *,
        preset: str = "packaged",
        face_confidence: float = 0.8,
        person_confidence: float = 0.35,
        min_face_size: int = 20,
        person_model: str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        for key, value in (("face_confidence", face_confidence), ("person_confidence", person_confidence)):
            if not 0 <= value <= 1:
                raise ValueError(f"{key} is {value}; it must lie in 0..1.")
        if min_face_size < 1:
            raise ValueError(f"min_face_size is {min_face_size} px; it must be at least 1.")
        if preset == "packaged" and checkpoint is None and person_model not in (None, _PACKAGED_MODEL):
            raise ValueError(f"person_model '{person_model}' needs the preset 'hub' or a checkpoint.")
        self.preset = preset
        self.face_confidence = face_confidence
        self.person_confidence = person_confidence
        self.min_face_size = min_face_size
        self.person_model = person_model
        self.checkpoint = None if checkpoint is None else os.fspath(checkpoint)

    def describe(self) -> Mapping[str, str]:
        """Each column with its unit or range."""
        texts: dict[str, str] = {}
        for one, many in (("face", "faces"), ("person", "persons")):
            texts |= {f"{one}_{m}": text.format(one=one, many=many) for m, text in _MEASURES.items()}
        texts["is_group"] = (
            f"presence of a group: 1 where {PEOPLE_IN_A_GROUP} or more faces or {PEOPLE_IN_A_GROUP} or more "
            "persons were found, else 0 (missing where a detector failed and the other found fewer)"
        )
        return texts

    def weights(self) -> Sequence[Weights]:
        """MTCNN's networks and the person detector's."""
        return face_weights() + self._person_weights()

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, len(columns)) float32; see `describe`."""
        return self.annotate(images)[0]

    def annotate(self, images: Sequence[Image]) -> tuple[np.ndarray, list[str]]:
        """The rows of `__call__` and, for each picture, JSON with its boxes.

        The JSON is `{"width", "height", "faces", "persons"}` in px; `faces` and `persons` are lists of
        `[left, top, right, bottom, confidence]`, the largest first and cut at the picture's edge, or the
        detector's error as a text.

        Raises:
            UserError: weights are missing or not what they should be.
        """
        faces, others = self._detectors
        found = {"faces": each(functools.partial(_try, faces), images)}
        # torch splits its own work among the cores
        run: Any = each if self._is_packaged() else map
        found["persons"] = list(run(functools.partial(_try, others), images))
        results = [dict(zip(found, pair, strict=True)) for pair in zip(*found.values(), strict=True)]
        rows = np.array([_row(image, one) for image, one in zip(images, results, strict=True)], np.float32)
        notes = [_note(image, one) for image, one in zip(images, results, strict=True)]
        return rows.reshape(len(images), len(self.columns)), notes

    def plain(self) -> Callable[[Image], tuple[Boxes, Boxes]]:
        """The plain use of the same weights, for comparisons of speed: facenet-pytorch, and the whole SSD.

        Returns:
            A function from one picture to the faces and persons that `annotate` reports for it.
        """
        from facenet_pytorch import MTCNN

        mtcnn = MTCNN(keep_all=True, min_face_size=self.min_face_size)

        def detect_persons(image: Image) -> Boxes:
            if not self._is_packaged():
                return self._detectors[1](image)
            ssd = load_ssd(ssd_weights())
            ssd.forget()
            return ssd(image).persons * _scale(image.width, image.height)

        def detect(image: Image) -> tuple[Boxes, Boxes]:
            boxes, scores = mtcnn.detect(image)
            detected = (
                np.zeros((0, 5)) if boxes is None else np.column_stack([boxes, scores]).astype(np.float32)
            )
            return (
                _kept(image, detected, self.face_confidence),
                _kept(image, detect_persons(image), self.person_confidence),
            )

        return detect

    def differences(
        self, plain: Sequence[tuple[Boxes, Boxes]], values: np.ndarray, notes: Sequence[str] | None
    ) -> str:
        """How far what `annotate` found is from what `plain` found on the same pictures, in words."""
        wanted = [len(boxes) for pair in plain for boxes in pair]
        counts = values[:, [list(self.columns).index(c) for c in ("face_count", "person_count")]]
        other = int((counts.ravel() != np.array(wanted)).sum())
        text = f"{sum(wanted[::2])} faces and {sum(wanted[1::2])} persons, {other} counts differ"
        if other or notes is None:
            return text
        ours = [box for note in map(json.loads, notes) for key in ("faces", "persons") for box in note[key]]
        theirs = np.concatenate([np.zeros((0, 5)), *(boxes for pair in plain for boxes in pair)])
        furthest = np.abs(np.reshape(ours, (-1, 5)) - theirs)[:, :4].max(initial=0)
        return f"{text}, boxes within {furthest:.3f} px"

    @functools.cached_property
    def _detectors(self) -> tuple[Detector, Detector]:
        """Of faces and of persons."""
        absent = missing_weights(self)
        if absent:
            raise UserError(f"Block 'people': {absent}.")
        return self._load_faces(), self._load_persons()

    def _load_faces(self) -> Detector:
        mtcnn = load_mtcnn(self.min_face_size)

        def detect(image: Image) -> Boxes:
            reduced = smaller(image, FACE_SIDE)
            boxes = mtcnn(reduced) * _scale(image.width / reduced.width, image.height / reduced.height)
            return _kept(image, boxes, self.face_confidence)

        return detect

    def _load_persons(self) -> Detector:
        weights = self._person_weights()
        if not self._is_packaged():
            model = persons.load_torchvision(self._person_model(), weights)
            return lambda image: _kept(
                image, persons.detect_torchvision(model, image), self.person_confidence
            )
        ssd = load_ssd(weights[0])
        return lambda image: _kept(
            image, ssd.persons(image) * _scale(image.width, image.height), self.person_confidence
        )

    def _person_weights(self) -> list[Weights]:
        if self._is_packaged():
            return [ssd_weights()]
        return persons.torchvision_weights(self._person_model(), self.checkpoint)

    def _person_model(self) -> str:
        return self.person_model or (_PACKAGED_MODEL if self._is_packaged() else _HUB_MODEL)

    def _is_packaged(self) -> bool:
        if self.checkpoint is not None:
            return False
        return self.person_model == _PACKAGED_MODEL or (self.preset == "packaged" and not self.person_model)


def _scale(across: float, down: float) -> np.ndarray:
    """What boxes are multiplied by; their confidence stays."""
    return np.array([across, down, across, down, 1], np.float32)


def _try(detector: Detector, image: Image) -> Boxes | str:
    """The boxes, or the error as a text: one bad picture must not spoil the others."""
    try:
        return detector(image)
    except Exception as error:  # noqa: BLE001 - Pillow, OpenVINO and torch raise many kinds
        stop_at_machine_fault(error, "Block 'people'")
        return f"{type(error).__name__}: {error}"


def _kept(image: Image, boxes: Boxes, confidence: float) -> Boxes:
    """The boxes that are sure enough and lie in the picture, cut at its edge, the largest first."""
    kept = boxes[boxes[:, 4] >= confidence].astype(np.float32)
    kept[:, 0:4:2] = kept[:, 0:4:2].clip(0, image.width)
    kept[:, 1:4:2] = kept[:, 1:4:2].clip(0, image.height)
    areas = _areas(kept)
    return kept[np.argsort(-areas, kind="stable")][: np.count_nonzero(areas)]


def _row(image: Image, found: Mapping[str, Boxes | str]) -> list[float]:
    counts = [np.nan if isinstance(boxes, str) else len(boxes) for boxes in found.values()]
    group = float(np.nanmax([*counts, 0]) >= PEOPLE_IN_A_GROUP)
    if not group and np.isnan(counts).any():
        group = np.nan
    return [*(v for boxes in found.values() for v in _measures(image, boxes)), group]


def _measures(image: Image, boxes: Boxes | str) -> list[float]:
    """One value for each of `_MEASURES`."""
    if isinstance(boxes, str):
        return [np.nan] * (len(_MEASURES) - 1) + [1.0]
    if len(boxes) == 0:
        return [0.0, 0.0, 0.0, np.nan, np.nan, np.nan, 0.0]
    left, top, right, bottom, _ = boxes[0]
    area = image.width * image.height
    return [
        len(boxes),
        _areas(boxes)[0] / area,
        _union(boxes) / area,
        boxes[:, 4].mean(),
        (left + right) / 2 / image.width,
        (top + bottom) / 2 / image.height,
        0.0,
    ]


def _areas(boxes: Boxes) -> np.ndarray:
    """(n,) px^2; 0 for a box that is inside out."""
    return (boxes[:, 2] - boxes[:, 0]).clip(0) * (boxes[:, 3] - boxes[:, 1]).clip(0)


def _union(boxes: Boxes) -> float:
    """px^2 covered by at least one box: all edges cut the plane into a grid, covered cells are summed."""
    x, y = np.unique(boxes[:, 0:4:2]), np.unique(boxes[:, 1:4:2])
    covered = np.zeros((len(y) - 1, len(x) - 1), dtype=bool)
    for left, top, right, bottom, _ in boxes:
        covered[np.ix_((y[:-1] >= top) & (y[1:] <= bottom), (x[:-1] >= left) & (x[1:] <= right))] = True
    return float(np.diff(y) @ covered @ np.diff(x))


def _note(image: Image, found: Mapping[str, Boxes | str]) -> str:
    note: dict[str, Any] = {"width": image.width, "height": image.height}
    for key, boxes in found.items():
        note[key] = boxes if isinstance(boxes, str) else [[round(float(v), 3) for v in box] for box in boxes]
    return json.dumps(note)
