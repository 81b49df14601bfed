"""Faces by MTCNN: facenet-pytorch's networks and box arithmetic, with a faster way to resize its inputs.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks", 2016. The networks, their weights and the order of steps are those of
facenet-pytorch's `MTCNN.detect`; the boxes are the same to within rounding. What differs is where the
library spends its time: every resize here is four look-ups in one summed-area table of the picture, and
the networks run with the channels innermost, where max pooling is many times faster on a CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image

from coverfusion.features.weights import Weights, packaged_file

if TYPE_CHECKING:
    import torch
    from facenet_pytorch import MTCNN

_MEGABYTES = {"pnet": 0.03, "rnet": 0.4, "onet": 1.6}
_PIXEL_MEAN, _PIXEL_SCALE = 127.5, 0.0078125  # MTCNN's input range: -1 to 1
_SMALLEST_LEVEL = 12  # px: what PNet sees at once
_CROPS_AT_ONCE = 512


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
        for net, megabytes in _MEGABYTES.items()
    ]


def load_mtcnn(min_face_size: int) -> MTCNN:
    """facenet-pytorch's detector with its networks laid out for `detect_faces`.

    Args:
        min_face_size: px of the smallest face to look for.
    """
    import torch
    from facenet_pytorch import MTCNN

    mtcnn = MTCNN(keep_all=True, min_face_size=min_face_size).eval()
    return mtcnn.to(memory_format=torch.channels_last)


def detect_faces(mtcnn: MTCNN, image: Image) -> np.ndarray:
    """(n, 5) float32: left, top, right, bottom in px and confidence 0..1 of each face; n may be 0.

    Boxes may reach over the picture's edge, as MTCNN's do. Thread-safe: `mtcnn` is only read.
    """
    import torch

    pixels = np.asarray(image)
    with torch.inference_mode():
        sums = _summed_area(pixels)
        boxes = _propose(mtcnn, sums)
        boxes = _refine(mtcnn, sums, boxes)
        return _decide(mtcnn, sums, boxes).numpy()


def _propose(mtcnn: MTCNN, sums: np.ndarray) -> torch.Tensor:
    """PNet over the picture at every scale -> (n, 5) square candidate boxes with their scores."""
    import torch
    from facenet_pytorch.models.utils.detect_face import generateBoundingBox, rerec
    from torchvision.ops import nms

    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    levels = []
    for scale in _scales(min(height, width), mtcnn.min_face_size, mtcnn.factor):
        level = _whole(sums, int(height * scale + 1), int(width * scale + 1))
        offsets, probabilities = mtcnn.pnet(level)
        boxes, _ = generateBoundingBox(offsets, probabilities[:, 1], scale, mtcnn.thresholds[0])
        levels.append(boxes[nms(boxes[:, :4], boxes[:, 4], 0.5)])
    if not levels:
        return torch.zeros((0, 5))
    boxes = torch.cat(levels)
    boxes = boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)]
    size = (boxes[:, 2:4] - boxes[:, :2]).repeat(1, 2)
    moved = boxes[:, :4] + boxes[:, 5:9] * size
    return rerec(torch.cat([moved, boxes[:, 4:5]], dim=1))


def _refine(mtcnn: MTCNN, sums: np.ndarray, boxes: torch.Tensor) -> torch.Tensor:
    """RNet on each candidate -> the (n, 5) square boxes that pass."""
    from facenet_pytorch.models.utils.detect_face import bbreg, rerec
    from torchvision.ops import nms

    boxes, crops = _crops(sums, boxes, 24)
    if len(boxes) == 0:
        return boxes
    offsets, probabilities = _in_chunks(mtcnn.rnet, crops)
    boxes, offsets = _passing(boxes, probabilities[:, 1], offsets, mtcnn.thresholds[1])
    keep = nms(boxes[:, :4], boxes[:, 4], 0.7)
    return rerec(bbreg(boxes[keep], offsets[keep]))


def _decide(mtcnn: MTCNN, sums: np.ndarray, boxes: torch.Tensor) -> torch.Tensor:
    """ONet on each remaining box -> the (n, 5) faces."""
    from facenet_pytorch.models.utils.detect_face import bbreg, nms_numpy

    boxes, crops = _crops(sums, boxes, 48)
    if len(boxes) == 0:
        return boxes
    offsets, _, probabilities = _in_chunks(mtcnn.onet, crops)
    boxes, offsets = _passing(boxes, probabilities[:, 1], offsets, mtcnn.thresholds[2])
    if len(boxes) == 0:
        return boxes
    boxes = bbreg(boxes, offsets)
    return boxes[nms_numpy(boxes[:, :4].numpy(), boxes[:, 4].numpy(), 0.7, "Min")]


def _passing(
    boxes: torch.Tensor, scores: torch.Tensor, offsets: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The boxes (with their new scores) and offsets whose score is above `threshold`."""
    import torch

    passing = scores > threshold
    return torch.cat([boxes[passing, :4], scores[passing, None]], dim=1), offsets[passing]


def _in_chunks(net: Any, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """`net` over many crops, a few at a time."""
    import torch

    parts = [net(chunk) for chunk in crops.split(_CROPS_AT_ONCE)]
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def _scales(shorter_side: int, min_face_size: int, factor: float) -> list[float]:
    """The factors by which the picture is shrunk; none where it is smaller than the smallest face."""
    scale = _SMALLEST_LEVEL / min_face_size
    length = shorter_side * scale
    scales = []
    while length >= _SMALLEST_LEVEL:
        scales.append(scale)
        scale *= factor
        length *= factor
    return scales


def _summed_area(pixels: np.ndarray) -> np.ndarray:
    """(height + 1, width + 1, 3) int32 sums of all pixels above and to the left.

    Where the sums wrap around, differences of them are still right: int32 counts modulo 2**32.
    """
    import cv2

    return cv2.integral(pixels, sdepth=cv2.CV_32S)


def _whole(sums: np.ndarray, height: int, width: int) -> torch.Tensor:
    """The whole picture at another size, as PNet wants it: (1, 3, height, width)."""
    top, bottom = _bins(np.array([0]), np.array([sums.shape[0] - 1]), height)
    left, right = _bins(np.array([0]), np.array([sums.shape[1] - 1]), width)
    columns = sums.take(right[0], axis=1) - sums.take(left[0], axis=1)
    total = columns.take(bottom[0], axis=0) - columns.take(top[0], axis=0)
    area = (bottom - top)[0, :, None, None] * (right - left)[0, None, :, None]
    return _as_input(total[None], area[None])


def _crops(sums: np.ndarray, boxes: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The boxes that touch the picture, and the picture inside each: (n, 3, size, size)."""
    from facenet_pytorch.models.utils.detect_face import pad

    y, bottom, x, right = pad(boxes, sums.shape[1] - 1, sums.shape[0] - 1)
    touching = (bottom > y - 1) & (right > x - 1)
    y0, y1 = _bins((y - 1)[touching], bottom[touching], size)
    x0, x1 = _bins((x - 1)[touching], right[touching], size)
    flat, row = sums.reshape(-1, 3), sums.shape[1]
    total = flat.take((y1 * row)[:, :, None] + x1[:, None, :], axis=0)
    total -= flat.take((y0 * row)[:, :, None] + x1[:, None, :], axis=0)
    total -= flat.take((y1 * row)[:, :, None] + x0[:, None, :], axis=0)
    total += flat.take((y0 * row)[:, :, None] + x0[:, None, :], axis=0)
    area = (y1 - y0)[:, :, None, None] * (x1 - x0)[:, None, :, None]
    return boxes[touching.tolist()], _as_input(total, area)


def _bins(start: np.ndarray, end: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each [start, end) cut into `count` bins as torch's adaptive average pooling does: (n, count) edges."""
    step = np.arange(count)
    length = (end - start)[:, None].astype(np.int64)
    return start[:, None] + step * length // count, start[:, None] + -(-(step + 1) * length // count)


def _as_input(total: np.ndarray, area: np.ndarray) -> torch.Tensor:
    """(n, h, w, 3) pixel sums over areas of px -> (n, 3, h, w) float32 in -1..1, channels innermost."""
    import torch

    mean = total / area.astype(np.float32)
    mean -= _PIXEL_MEAN
    mean *= _PIXEL_SCALE
    return torch.from_numpy(mean.astype(np.float32, copy=False)).permute(0, 3, 1, 2)
