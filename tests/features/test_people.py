import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import get_model
from torchvision.transforms.functional import pil_to_tensor

from coverfusion.data.errors import UserError
from coverfusion.features.people import People, _union
from coverfusion.features.registry import Annotator, create
from tests.helpers import pictures

SMALL_MODEL = "ssdlite320_mobilenet_v3_large"


@pytest.fixture(scope="module")
def people() -> People:
    return People()


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    """512 x 512; the face (hairline to chin, ear to ear) lies in x 175..275, y 60..190."""
    from skimage import data

    return Image.fromarray(data.astronaut())


def row(people: People, image: Image.Image) -> dict[str, float]:
    return dict(zip(people.columns, people([image])[0].tolist(), strict=True))


def overlap(a: list[float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_a_known_face_is_found_where_it_is(people, astronaut):
    rows, notes = people.annotate([astronaut])
    found = dict(zip(people.columns, rows[0].tolist(), strict=True))
    note = json.loads(notes[0])
    assert (note["width"], note["height"]) == (512, 512)
    assert len(note["faces"]) == 1
    assert overlap(note["faces"][0], (175, 60, 275, 190)) > 0.6
    assert found["face_count"] == 1
    assert found["face_confidence"] > 0.95
    assert found["face_largest_x"] == pytest.approx(0.44, abs=0.03)
    assert found["face_largest_y"] == pytest.approx(0.24, abs=0.04)
    assert found["face_largest_share"] == pytest.approx(100 * 130 / 512**2, rel=0.35)
    assert found["face_total_share"] == pytest.approx(found["face_largest_share"])
    assert found["face_failed"] == 0
    assert found["person_failed"] == 0


def test_the_same_figure_is_one_person_and_no_group(people, astronaut):
    found = row(people, astronaut)
    assert found["person_count"] == 1
    assert found["is_group"] == 0
    assert found["person_largest_share"] > 0.4  # she fills most of the picture


@pytest.mark.parametrize("image", [pictures.solid("white"), pictures.noise(), pictures.checkerboard()])
def test_nobody_is_zero_where_zero_is_true_and_nan_where_a_thing_is_not_there(people, image):
    found = row(people, image)
    for one in ("face", "person"):
        assert [found[f"{one}_{m}"] for m in ("count", "largest_share", "total_share", "failed")] == [0] * 4
        assert all(np.isnan(found[f"{one}_{m}"]) for m in ("confidence", "largest_x", "largest_y"))
    assert found["is_group"] == 0


def test_three_faces_side_by_side_are_a_group(people):
    one = pictures.face((200, 200))
    three = Image.new("RGB", (600, 200))
    for i in range(3):
        three.paste(one, (200 * i, 0))
    alone, together = row(people, one), row(people, three)
    assert together["face_count"] == 3
    assert together["is_group"] == 1
    assert alone["face_count"] == 1
    assert alone["is_group"] == 0
    assert together["face_largest_share"] == pytest.approx(alone["face_largest_share"] / 3, rel=0.15)
    assert together["face_total_share"] == pytest.approx(alone["face_total_share"], rel=0.15)


def test_share_and_centre_follow_the_picture_around_the_face(people):
    """A portrait on a canvas twice as wide: half the share, the same height, the centre moved along."""
    one = pictures.face((300, 300))
    right = pictures.solid("white", (600, 300))
    right.paste(one, (300, 0))
    alone, moved = row(people, one), row(people, right)
    assert moved["face_count"] == 1
    assert moved["face_largest_share"] == pytest.approx(alone["face_largest_share"] / 2, rel=0.1)
    assert moved["face_largest_x"] == pytest.approx(0.5 + alone["face_largest_x"] / 2, abs=0.02)
    assert moved["face_largest_y"] == pytest.approx(alone["face_largest_y"], abs=0.03)


def test_a_batch_of_mixed_sizes_equals_one_by_one(people, astronaut):
    images = [
        pictures.face(),
        pictures.faces(4),
        pictures.noise(size=(640, 90)),
        astronaut,
        pictures.solid("red", (1, 1)),
        pictures.face((90, 640)),
    ]
    rows, notes = people.annotate(images)
    assert rows.shape == (6, len(people.columns))
    assert rows.dtype == np.float32
    for image, values, note in zip(images, rows, notes, strict=True):
        alone_values, alone_notes = people.annotate([image])
        np.testing.assert_array_equal(values, alone_values[0])
        assert note == alone_notes[0]


@pytest.mark.parametrize("side", [640, 1500])
def test_a_larger_copy_of_a_cover_shows_the_same_people(people, side):
    cover = pictures.faces(4)
    small, large = row(people, cover), row(people, cover.resize((side, side), Image.Resampling.BICUBIC))
    assert small["face_count"] == large["face_count"] == 4
    for name in ("face_total_share", "face_largest_x", "face_largest_y", "person_count"):
        assert large[name] == pytest.approx(small[name], abs=0.03), name


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (640, 1), (12, 12)])
def test_tiny_pictures_have_nobody_in_them(people, size):
    found = row(people, pictures.solid("red", size))
    assert found["face_count"] == 0
    assert found["face_failed"] == 0
    assert found["person_failed"] == 0
    assert found["person_largest_share"] <= 1


def test_no_pictures_give_no_rows(people):
    rows, notes = people.annotate([])
    assert rows.shape == (0, len(people.columns))
    assert notes == []


def test_a_picture_that_cannot_be_read_is_marked_and_spoils_no_other(people):
    content = pictures.encode(pictures.face())
    broken = Image.open(io.BytesIO(content[: len(content) // 2]))  # Pillow decodes at first use
    rows, notes = people.annotate([pictures.face(), broken, pictures.face()])
    np.testing.assert_array_equal(rows[0], rows[2])
    found = dict(zip(people.columns, rows[1].tolist(), strict=True))
    assert found.pop("face_failed") == 1
    assert found.pop("person_failed") == 1
    assert all(np.isnan(value) for value in found.values())
    assert "truncated" in json.loads(notes[1])["faces"]


def test_the_fast_way_finds_what_the_plain_libraries_find(astronaut):
    people = People(face_confidence=0, person_confidence=0.05)
    plain = people.plain()
    images = [astronaut.resize((300, 300)), pictures.faces(4), pictures.noise(), pictures.words("FACES")]
    expected = [plain(image) for image in images]
    values, notes = people.annotate(images)
    for pair, ours in zip(expected, map(json.loads, notes), strict=True):
        for boxes, found in zip(pair, (ours["faces"], ours["persons"]), strict=True):
            np.testing.assert_allclose(np.reshape(found, (-1, 5)), boxes, atol=0.01)
    assert " 0 counts differ, boxes within 0.0" in people.differences(expected, values, notes)
    values[0, 0] += 1  # one face more
    assert " 1 counts differ" in people.differences(expected, values, notes)


def test_thread_settings_of_the_process_are_left_as_they_were(people):
    import cv2

    before = torch.get_num_threads(), cv2.getNumThreads()
    people([pictures.face()])
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


def test_higher_confidence_keeps_fewer():
    faces = pictures.faces(4)
    sure, unsure = People(face_confidence=1.0, person_confidence=1.0), People(face_confidence=0.5)
    assert sure([faces])[0][0] == 0
    assert unsure([faces])[0][0] == 4


def test_overlapping_areas_count_once():
    boxes = np.array([[0, 0, 4, 4, 1], [2, 2, 6, 6, 1], [10, 0, 11, 3, 1]], np.float32)
    assert _union(boxes) == 16 + 16 - 4 + 3


def test_every_column_is_described_and_the_weights_have_licences(people):
    assert list(people.describe()) == list(people.columns)
    assert all(text for text in people.describe().values())
    assert isinstance(people, Annotator)
    assert all(w.ready() and w.licence for w in people.weights())


def test_a_parameter_changes_the_fingerprint(people):
    assert people.fingerprint() == People().fingerprint()
    assert len({People(face_confidence=c).fingerprint() for c in (0.5, 0.6)} | {people.fingerprint()}) == 3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> str:
    """Random weights that see persons nearly everywhere."""
    torch.manual_seed(0)
    model = get_model(SMALL_MODEL, weights=None, weights_backbone=None, num_classes=91)
    for level in model.head.classification_head.module_list:
        level[1].bias.data.view(-1, 91)[:, 1] += 4
    path = tmp_path_factory.mktemp("weights") / "ssdlite.pt"
    torch.save(model.state_dict(), path)
    return str(path)


def test_a_local_torchvision_checkpoint_finds_what_torchvision_finds(checkpoint):
    people = create("people", "hub", person_model=SMALL_MODEL, checkpoint=checkpoint, person_confidence=0.0)
    image = pictures.face()
    note = json.loads(people.annotate([image])[1][0])

    model = get_model(SMALL_MODEL, weights=None, weights_backbone=None, num_classes=91).eval()
    model.load_state_dict(torch.load(checkpoint))
    with torch.inference_mode():
        expected = model([pil_to_tensor(image) / 255])[0]
    persons = expected["labels"] == 1
    assert 0 < len(note["persons"]) == persons.sum()
    scores = sorted(box[4] for box in note["persons"])
    np.testing.assert_allclose(scores, sorted(expected["scores"][persons].tolist()), atol=2e-3)
    assert len(note["faces"]) == 1


def test_the_hub_model_is_named_before_it_is_downloaded():
    last = list(create("people", "hub", person_model=SMALL_MODEL).weights())[-1]
    assert SMALL_MODEL in last.name
    assert last.fetch is not None
    assert last.path.suffix == ".pth"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"face_confidence": 1.5}, "face_confidence is 1.5"),
        ({"min_face_size": 0}, "min_face_size"),
        ({"person_model": SMALL_MODEL}, "preset 'hub'"),
    ],
)
def test_bad_parameters_are_refused_in_words(parameters, words):
    with pytest.raises(UserError, match=words):
        create("people", **parameters)


def test_an_unknown_model_names_the_nearest(checkpoint):
    with pytest.raises(UserError, match="Did you mean 'ssdlite320_mobilenet_v3_large'"):
        create("people", "hub", person_model="ssdlite320_mobilenet_v3").weights()


def test_a_missing_or_wrong_checkpoint_is_named(tmp_path, checkpoint):
    absent = create("people", "hub", checkpoint=str(tmp_path / "none.pt"))
    with pytest.raises(UserError, match=r"none\.pt"):
        absent([pictures.face()])
    wrong = create("people", "hub", person_model="ssd300_vgg16", checkpoint=checkpoint)
    with pytest.raises(UserError, match="does not hold the weights of ssd300_vgg16"):
        wrong([pictures.face()])
