"""Faces by MTCNN, with facenet-pytorch's networks.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks", 2016. The weights and the order of steps are those of facenet-pytorch's
`MTCNN.detect`, and so are the boxes up to rounding. Every resize here is four look-ups in one summed-area
table of the picture.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Image

from coverfusion.features.detectors.boxes import nms
from coverfusion.features.networks.openvino import Network, converted, from_torch
from coverfusion.features.weights import Weights, packaged_file

if TYPE_CHECKING:
    import openvino

# name -> (its class, MB, shape of its input); many crops are given to a network a few at a time
_NETWORKS = {
    "pnet": ("PNet", 0.03, (1, 3, -1, -1)),
    "rnet": ("RNet", 0.4, (8, 3, 24, 24)),
    "onet": ("ONet", 1.6, (4, 3, 48, 48)),
}
_THRESHOLDS = (0.6, 0.7, 0.7)  # confidences that pass each network
_FACTOR = 0.709  # between the scales of the picture
_PIXEL_MEAN, _PIXEL_SCALE = 127.5, 0.0078125  # MTCNN's input range: -1 to 1
_CELL, _STRIDE = 12, 2  # px: what PNet sees at once, and how far its cells are apart


def face_weights() -> list[Weights]:
    """MTCNN's three networks, as they come in facenet-pytorch's wheel."""
    return [
        Weights(
            name=f"MTCNN {net}",
            source="facenet-pytorch 2.5.3",
            licence="MIT",
            megabytes=megabytes,
            path=packaged_file("facenet-pytorch", f"{net}.pt"),
            how_to_get="pip install facenet-pytorch==2.5.3",
        )
        for net, (_, megabytes, _) in _NETWORKS.items()
    ]


class Mtcnn:
    """The three networks in a row. Thread-safe.

    Args:
        min_face_size: px of the smallest face to look for.
    """

    def __init__(self, min_face_size: int) -> None:
        self._smallest = min_face_size
        self._pnet, self._rnet, self._onet = (
            Network(converted(f"mtcnn-{net}", weights.digest(), functools.partial(_convert, net)))
            for net, weights in zip(_NETWORKS, face_weights(), strict=True)
        )

    def __call__(self, image: Image) -> np.ndarray:
        """(n, 5) float32: left, top, right, bottom in px and confidence 0..1 of each face; n may be 0.

        Boxes may reach over the picture's edge, as MTCNN's do.
        """
        sums = _summed_area(np.asarray(image))
        return self._decide(sums, self._refine(sums, self._propose(sums)))

    def _propose(self, sums: np.ndarray) -> np.ndarray:
        """PNet over the picture at every scale -> (n, 5) square candidate boxes with their scores."""
        height, width = sums.shape[0] - 1, sums.shape[1] - 1
        found = [np.zeros((0, 9), np.float32)]
        for scale in _scales(min(height, width), self._smallest):
            boxes = self._cells(_whole(sums, int(height * scale + 1), int(width * scale + 1)), scale)
            found.append(boxes[nms(boxes[:, :4], boxes[:, 4], 0.5)])
        boxes = np.concatenate(found)
        boxes = boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)]
        size = np.tile(boxes[:, 2:4] - boxes[:, :2], 2)
        return _squared(np.column_stack([boxes[:, :4] + boxes[:, 5:] * size, boxes[:, 4]]))

    def _cells(self, level: np.ndarray, scale: float) -> np.ndarray:
        """PNet on one scale -> (n, 9): the boxes of the cells that pass, their scores and offsets."""
        offsets, scores = (found[0] for found in self._pnet(level))
        y, x = np.nonzero(scores[1] >= _THRESHOLDS[0])
        corners = _STRIDE * np.column_stack([x, y]).astype(np.float32)
        left_top, right_bottom = (np.floor((corners + length) / scale) for length in (1, _CELL))
        return np.column_stack([left_top, right_bottom, scores[1, y, x], offsets[:, y, x].T])

    def _refine(self, sums: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """RNet on each candidate -> the (n, 5) square boxes that pass."""
        boxes, crops = _crops(sums, boxes, 24)
        offsets, scores = _in_parts(self._rnet, crops)
        boxes, offsets = _passing(boxes, scores[:, 1], offsets, _THRESHOLDS[1])
        kept = nms(boxes[:, :4], boxes[:, 4], 0.7)
        return _squared(_moved(boxes[kept], offsets[kept]))

    def _decide(self, sums: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """ONet on each remaining box -> the (n, 5) faces."""
        boxes, crops = _crops(sums, boxes, 48)
        offsets, _, scores = _in_parts(self._onet, crops)
        boxes = _moved(*_passing(boxes, scores[:, 1], offsets, _THRESHOLDS[2]))
        return boxes[nms(boxes[:, :4], boxes[:, 4], 0.7, of_smaller=True)]


@functools.lru_cache(4)
def load_mtcnn(min_face_size: int) -> Mtcnn:
    """One detector for all who ask for the same."""
    return Mtcnn(min_face_size)


def _convert(net: str) -> openvino.Model:
    from facenet_pytorch.models import mtcnn

    kind, _, shape = _NETWORKS[net]
    return from_torch(getattr(mtcnn, kind)(), shape)


def _in_parts(net: Network, crops: np.ndarray) -> list[np.ndarray]:
    """`net` over any number of crops."""
    size = int(net.model.inputs[0].shape[0])
    filled = np.concatenate([crops, np.zeros((-len(crops) % size or size, *crops.shape[1:]), np.float32)])
    parts = [net(filled[start : start + size]) for start in range(0, len(crops) or 1, size)]
    return [np.concatenate(part)[: len(crops)] for part in zip(*parts, strict=True)]


def _passing(
    boxes: np.ndarray, scores: np.ndarray, offsets: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """The boxes (with their new scores) and offsets whose score is above `threshold`."""
    passing = scores > threshold
    return np.column_stack([boxes[passing, :4], scores[passing]]), offsets[passing]


def _moved(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The boxes with their edges moved by offsets in proportions of their size."""
    size = np.tile(boxes[:, 2:4] - boxes[:, :2] + 1, 2)
    return np.column_stack([boxes[:, :4] + offsets * size, boxes[:, 4]])


def _squared(boxes: np.ndarray) -> np.ndarray:
    """The boxes with their shorter sides made as long as the longer ones."""
    size = boxes[:, 2:4] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + size * np.float32(0.5) - side * np.float32(0.5)
    return np.column_stack([corner, corner + side, boxes[:, 4]])


def _scales(shorter_side: int, min_face_size: int) -> list[float]:
    """The factors by which the picture is shrunk; none where it is smaller than the smallest face."""
    scale = _CELL / min_face_size
    scales = []
    while shorter_side * scale >= _CELL:
        scales.append(scale)
        scale *= _FACTOR
    return scales


def _summed_area(pixels: np.ndarray) -> np.ndarray:
    """(height + 1, width + 1, 3) int32 sums of all pixels above and to the left."""
    import cv2

    return cv2.integral(pixels, sdepth=cv2.CV_32S)


def _whole(sums: np.ndarray, height: int, width: int) -> np.ndarray:
    """The whole picture at another size, as PNet wants it: (1, 3, height, width)."""
    top, bottom = _bins(np.array([0]), np.array([sums.shape[0] - 1]), height)
    left, right = _bins(np.array([0]), np.array([sums.shape[1] - 1]), width)
    columns = sums.take(right[0], axis=1) - sums.take(left[0], axis=1)
    total = columns.take(bottom[0], axis=0) - columns.take(top[0], axis=0)
    area = (bottom - top)[0, :, None, None] * (right - left)[0, None, :, None]
    return _as_input(total[None], area[None])


def _crops(sums: np.ndarray, boxes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The boxes that touch the picture, and the picture inside each: (n, 3, size, size)."""
    x, y, right, bottom = boxes[:, :4].astype(np.int32).T
    x, y = x.clip(1) - 1, y.clip(1) - 1
    right, bottom = right.clip(max=sums.shape[1] - 1), bottom.clip(max=sums.shape[0] - 1)
    touching = (bottom > y) & (right > x)
    y0, y1 = _bins(y[touching], bottom[touching], size)
    x0, x1 = _bins(x[touching], right[touching], size)
    flat, row = sums.reshape(-1, 3), sums.shape[1]
    total = flat.take((y1 * row)[:, :, None] + x1[:, None, :], axis=0)
    total -= flat.take((y0 * row)[:, :, None] + x1[:, None, :], axis=0)
    total -= flat.take((y1 * row)[:, :, None] + x0[:, None, :], axis=0)
    total += flat.take((y0 * row)[:, :, None] + x0[:, None, :], axis=0)
    area = (y1 - y0)[:, :, None, None] * (x1 - x0)[:, None, :, None]
    return boxes[touching], _as_input(total, area)


def _bins(start: np.ndarray, end: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each [start, end) cut into `count` bins as torch's adaptive average pooling does: (n, count) edges."""
    step = np.arange(count)
    length = (end - start)[:, None].astype(np.int64)
    return start[:, None] + step * length // count, start[:, None] + -(-(step + 1) * length // count)


def _as_input(total: np.ndarray, area: np.ndarray) -> np.ndarray:
    """(n, h, w, 3) pixel sums over areas of px -> (n, 3, h, w) float32 in -1..1."""
    mean = total / area.astype(np.float32)
    mean -= _PIXEL_MEAN
    mean *= _PIXEL_SCALE
    return mean.astype(np.float32).transpose(0, 3, 1, 2)
