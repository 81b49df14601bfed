from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from coverfusion.data.pictures import MAX_SIDE, PictureError, decode, facts
from coverfusion.data.sources import list_pictures, read_bytes
from tests.helpers import pictures

BAD = pictures.bad_files()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_bad_file_gives_its_reason(bad, tmp_path):
    (tmp_path / bad.file).write_bytes(bad.data)
    (path,) = list_pictures([str(tmp_path)])
    with pytest.raises(PictureError, match=f"(?i){bad.reason}"):
        facts(read_bytes(path))
    with pytest.raises(PictureError, match=f"(?i){bad.reason}"):
        decode(read_bytes(path))


def test_there_are_at_least_twelve_kinds_of_bad_file():
    assert len({bad.name for bad in BAD}) >= 12


RED = pictures.solid("red", (40, 20))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pictures.encode(RED.convert("L"), "PNG"), (76, 76, 76)),
        (pictures.encode(RED.convert("CMYK"), "JPEG", quality=95), (255, 0, 0)),
        (pictures.encode(RED.convert("CMYK"), "TIFF"), (255, 0, 0)),
        (pictures.encode(RED.convert("P"), "PNG"), (255, 0, 0)),
        (pictures.encode(RED.convert("1"), "PNG"), None),
        (pictures.encode(Image.new("RGBA", (9, 9), (255, 0, 0, 0)), "PNG"), (255, 255, 255)),
        (pictures.encode(Image.new("RGBA", (9, 9), (255, 0, 0, 128)), "PNG"), (255, 127, 127)),
        (pictures.encode(Image.new("LA", (9, 9), (0, 128)), "PNG"), (127, 127, 127)),
        (pictures.encode(RED, "PNG", transparency=(255, 0, 0)), (255, 255, 255)),
        (pictures.encode(Image.fromarray(np.full((9, 9), 32768, np.uint16)), "PNG"), (128, 128, 128)),
        (pictures.encode(Image.fromarray(np.full((9, 9), 32768, np.uint16)), "TIFF"), (128, 128, 128)),
        (pictures.encode(Image.fromarray(np.full((9, 9), 0.5, np.float32)), "TIFF"), (128, 128, 128)),
        (pictures.encode(RED, "WEBP", lossless=True), (255, 0, 0)),
        (pictures.encode(RED, "BMP"), (255, 0, 0)),
        (
            pictures.encode(RED, "GIF", save_all=True, append_images=[pictures.solid("blue", (40, 20))]),
            (255, 0, 0),
        ),
    ],
    ids=[
        "grey",
        "cmyk-jpeg",
        "cmyk-tiff",
        "palette",
        "one-bit",
        "clear",
        "half-clear",
        "grey-alpha",
        "colour-key",
        "16-bit-png",
        "16-bit-tiff",
        "float-tiff",
        "webp",
        "bmp",
        "animated",
    ],
)
def test_every_mode_is_read_as_rgb(data, expected):
    picture = decode(data)
    assert picture.mode == "RGB"
    if expected is not None:
        assert np.abs(np.asarray(picture, int) - expected).max() <= 2


@pytest.mark.parametrize(("orientation", "corner"), [(1, (5, 5)), (3, (75, 35)), (6, (35, 5)), (8, (5, 75))])
def test_exif_rotation_is_applied(orientation, corner):
    """A red spot in the stored upper left corner is seen where the tag says."""
    stored = pictures.solid("white", (80, 40))
    stored.paste("red", (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pictures.encode(stored, exif=exif)
    red, green, blue = decode(data).getpixel(corner)
    assert red > 200
    assert green < 80
    assert blue < 80
    size = (facts(data).width, facts(data).height)
    assert size == ((40, 80) if orientation in (6, 8) else (80, 40)) == decode(data).size


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_pictures_are_reduced_and_keep_content_and_proportions(kind):
    small = pictures.checkerboard("navy", "orange", 160, (640, 320))
    large = pictures.encode(small.resize((3000, 1500), Image.Resampling.NEAREST), kind)
    picture = decode(large)
    assert picture.size == (MAX_SIDE, MAX_SIDE // 2)
    assert (facts(large).width, facts(large).height) == (3000, 1500)
    assert np.abs(np.asarray(picture, int) - np.asarray(small, int)).mean() < 4


def test_small_pictures_keep_their_pixels():
    noise = pictures.noise(3, (50, 30))
    assert np.array_equal(np.asarray(decode(pictures.encode(noise, "PNG"))), np.asarray(noise))


def test_a_hash_survives_recompression_and_resizing_but_not_another_picture():
    photo, other = pictures.face(), pictures.words("OTHER")
    first = facts(pictures.encode(photo, quality=95))
    again = facts(pictures.encode(photo.resize((180, 180)), quality=50))
    assert len(first.phash) == 64
    assert _distance(first.phash, again.phash) <= 30
    assert _distance(first.phash, facts(pictures.encode(other)).phash) > 100


def test_detail_tells_blank_pictures_from_others():
    assert facts(pictures.encode(pictures.solid("teal"))).detail == 0
    assert facts(pictures.encode(pictures.face())).detail > 20


def _distance(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()
