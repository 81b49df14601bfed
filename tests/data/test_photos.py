import numpy as np

from coverfusion.data import photos
from coverfusion.data.photos import PHOTO_SIDE, PHOTOS, library_photos


def test_every_photo_gives_five_different_squares():
    found = library_photos()
    assert len(found) == 5 * sum(map(len, PHOTOS.values()))
    assert {(picture.mode, picture.size) for picture in found} == {("RGB", (PHOTO_SIDE, PHOTO_SIDE))}
    assert len({picture.tobytes() for picture in found}) == len(found)


def test_the_quarters_make_the_square():
    whole, *quarters = (np.asarray(picture, float) for picture in library_photos()[:5])
    mosaic = np.block([[[quarters[0]], [quarters[1]]], [[quarters[2]], [quarters[3]]]])
    small = mosaic.reshape(PHOTO_SIDE, 2, PHOTO_SIDE, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - whole).mean() < 5


def test_a_photo_that_is_gone_is_left_out(monkeypatch):
    monkeypatch.setattr(photos, "PHOTOS", {"skimage": ("data/gone.png", "data/coffee.png")})
    assert len(library_photos()) == 5
