"""The objects block: what is in known pictures, its names, and one pass for blocks that share a network."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from coverfusion.features.cnn import Cnn
from coverfusion.features.detectors.boxes import nms
from coverfusion.features.detectors.ssd import load_ssd, ssd_weights
from coverfusion.features.networks.remembered import Remembered
from coverfusion.features.objects import Objects
from coverfusion.features.people import People


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    from skimage import data

    return [Image.fromarray(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee")]


def test_a_cat_is_a_cat_a_person_a_person_and_a_cup_a_cup(photos: list[Image.Image]) -> None:
    objects = Objects()
    rows = objects(photos)
    assert rows.shape == (3, 1080)
    assert rows.dtype == np.float32
    astronaut, cat, coffee = (dict(zip(objects.columns, row.tolist(), strict=True)) for row in rows)
    assert 10 ** astronaut["coco_person"] > 0.7
    assert 10 ** cat["coco_cat"] > 0.8
    assert 10 ** coffee["coco_cup"] > 0.9
    assert 10 ** coffee["coco_person"] < 0.2
    classes = [name for name in objects.columns if name.startswith("imagenet_")]
    assert {max(classes, key=cat.__getitem__)} <= {"imagenet_egyptian_cat", "imagenet_tabby"}
    assert max(classes, key=coffee.__getitem__) in {"imagenet_espresso", "imagenet_cup"}
    assert (10 ** rows[:, :1000]).sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_each_column_has_a_name_of_its_own_and_a_meaning() -> None:
    described = Objects().describe()
    assert len(described) == 1080
    assert "'crane (machine)'" in described["imagenet_crane_2"]
    doubled = [name for name in described if f"{name}_2" in described]
    assert all(" (" in described[name] and " (" in described[f"{name}_2"] for name in doubled)
    assert len(doubled) == 3
    assert "acoustic guitar" in described["imagenet_acoustic_guitar"]
    assert "traffic light" in described["coco_traffic_light"]


def test_a_batch_equals_one_by_one_and_no_pictures_give_no_rows(photos: list[Image.Image]) -> None:
    objects = Objects()
    for picture, row in zip(photos, objects(photos), strict=True):
        np.testing.assert_array_equal(objects([picture])[0], row)
    assert objects([]).shape == (0, 1080)


def test_the_fast_way_gives_what_the_plain_libraries_give(photos: list[Image.Image]) -> None:
    objects = Objects()
    plain = objects.plain()
    np.testing.assert_allclose(objects(photos), np.stack([plain(photo) for photo in photos]), atol=2e-3)


def test_blocks_give_the_same_alone_and_after_one_another(photos: list[Image.Image], tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np; from skimage import data; from PIL import Image;"
        "from coverfusion.features.registry import create;"
        "np.save(sys.argv[2], create(sys.argv[1])([Image.fromarray(data.astronaut())]))"
    )
    Objects()(photos[:1])
    for block in (Cnn(), People()):
        after = block(photos[:1])
        subprocess.run([sys.executable, "-c", script, block.name, str(tmp_path / "alone.npy")], check=True)
        np.testing.assert_allclose(after, np.load(tmp_path / "alone.npy"), rtol=1e-4, atol=1e-4)


def test_persons_are_the_same_with_and_without_the_other_objects(photos: list[Image.Image]) -> None:
    ssd = load_ssd(ssd_weights())
    ssd.forget()
    alone = ssd.persons(photos[0])
    np.testing.assert_allclose(alone, ssd(photos[0]).persons, atol=1e-4)
    np.testing.assert_array_equal(ssd.persons(photos[0]), ssd(photos[0]).persons)


def test_what_is_at_hand_is_not_computed_again_unless_the_picture_changed() -> None:
    computed: list[float] = []

    def work(inputs: object) -> list[float]:
        found = [float(np.sum(one)) for one in inputs]  # type: ignore[attr-defined]
        computed.extend(found)
        return found

    remembered = Remembered(work, size=2)
    picture = Image.new("RGB", (4, 4), "white")
    white = np.asarray(picture)
    assert remembered([white, white.copy()]) == [white.sum()] * 2
    ImageDraw.Draw(picture).point((0, 0), "black")
    drawn = np.asarray(picture)
    assert remembered([white, drawn]) == [white.sum(), drawn.sum()]
    assert computed == [white.sum(), drawn.sum()]
    remembered([drawn * 0])
    assert remembered.at_hand(white) is None
    assert remembered.at_hand(drawn) == drawn.sum()
    remembered.forget()
    assert remembered.at_hand(drawn) is None


def test_of_boxes_that_overlap_the_most_confident_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30], [22, 22, 26, 26]], np.float32)
    scores = np.array([0.8, 0.9, 0.7, 0.95], np.float32)
    assert nms(boxes, scores, 0.5).tolist() == [3, 1, 2]
    assert nms(boxes, scores, 0.9).tolist() == [3, 1, 0, 2]
    assert nms(boxes, scores, 0.5, of_smaller=True).tolist() == [3, 1]
    assert nms(boxes[:0], scores[:0], 0.5).tolist() == []
