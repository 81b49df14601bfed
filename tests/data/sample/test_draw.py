from __future__ import annotations

import numpy as np
from PIL import Image

from coverfusion.data.collection import read_collection
from coverfusion.data.sample.draw import GENRE_HABITS, draw_cover, draw_sample


def test_the_sample_is_a_collection_of_at_least_six_genres(tmp_path):
    collection = read_collection(draw_sample(tmp_path / "sample", covers_per_genre=3))
    assert len(GENRE_HABITS) >= 6
    assert collection.frame["genre"].value_counts().to_dict() == dict.fromkeys(GENRE_HABITS, 3)
    assert set(collection.frame["width"]) == set(collection.frame["height"]) == {300}
    assert len(collection.rejected) == 0


def test_the_same_seed_draws_the_same_covers(tmp_path):
    first, second, other = (
        draw_sample(tmp_path / name, 2, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    for path in first.rglob("*.jpg"):
        name = path.relative_to(first)
        assert path.read_bytes() == (second / name).read_bytes() != (other / name).read_bytes()


def test_a_cover_does_not_depend_on_how_many_are_drawn(tmp_path):
    few, more = draw_sample(tmp_path / "few", 1), draw_sample(tmp_path / "more", 2)
    assert (few / "Jazz" / "000.jpg").read_bytes() == (more / "Jazz" / "000.jpg").read_bytes()


def test_genres_differ_in_colour_but_overlap():
    def brightness(genre: str) -> np.ndarray:
        covers = [draw_cover(genre, np.random.default_rng(seed)) for seed in range(25)]
        return np.array([np.asarray(cover.convert("L"), float).mean() for cover in covers])

    metal, pop = brightness("Metal"), brightness("Pop")
    assert metal.mean() < pop.mean() - 30
    assert metal.max() > pop.min()


def test_covers_are_pictures_of_300_pixels():
    cover = draw_cover("Country", np.random.default_rng(0))
    assert isinstance(cover, Image.Image)
    assert (cover.size, cover.mode) == ((300, 300), "RGB")
