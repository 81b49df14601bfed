from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from coverfusion.data import second_look
from coverfusion.data.collection import read_collection
from coverfusion.data.overlay import SAME_AGREEMENT, WHOLE, Part, agreement
from coverfusion.data.pictures import facts
from coverfusion.data.sample.draw import draw_sample
from coverfusion.data.second_look import other_scans
from coverfusion.data.thumbnails import read_thumbnails
from tests.helpers import pictures


def painting(seed: int) -> Image.Image:
    """Soft patches of many sizes, as a photo has them; no two seeds look alike."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((300, 300, 3))
    for cells in (3, 7, 16, 40):
        patches = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        picture += np.asarray(patches.resize((300, 300), Image.Resampling.BICUBIC), float) / 4
    return ImageOps.autocontrast(Image.fromarray(picture.astype(np.uint8)))


def series(seed: int) -> Image.Image:
    """A sleeve of a series: frame, lettering and bars are the same, the picture in it is not."""
    sleeve = pictures.words("GREATEST HITS", height=30, position=(20, 12), background="gold")
    sleeve.paste(pictures.stripes(width=6, size=(300, 30)), (0, 265))
    sleeve.paste(painting(seed).resize((260, 190)), (20, 60))
    return sleeve


def photo(picture: Image.Image) -> Image.Image:
    """Askew, on a dark table, in warm light, not quite sharp."""
    quad = (-12, -8, 3, 310, 306, 312, 311, -6)  # corners of the photo on the picture
    askew = picture.transform(picture.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    red, green, blue = askew.split()
    lit = Image.merge("RGB", (red, green.point(lambda v: v * 0.85), blue.point(lambda v: v * 0.6)))
    return ImageEnhance.Brightness(lit.filter(ImageFilter.GaussianBlur(1))).enhance(1.2)


RESCANS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "cropped": lambda picture: picture.crop((6, 21, 288, 291)).resize((240, 240)),
    "framed": lambda picture: ImageOps.expand(picture, 22, "red"),
    "turned": lambda picture: picture.rotate(4, Image.Resampling.BICUBIC, fillcolor="grey"),
    "upended": lambda picture: picture.rotate(90),
    "photographed": photo,
}


def _pairs(covers: list[Image.Image]) -> list[list[int]]:
    known = [facts(pictures.encode(cover)) for cover in covers]
    return other_scans([one.thumbnail for one in known], np.array([one.detail for one in known])).tolist()


@pytest.mark.parametrize("kind", RESCANS)
@pytest.mark.parametrize("draw", [painting, series])
def test_another_scan_of_a_cover_is_found_among_others(draw, kind):
    others = [draw(seed) for seed in range(1, 12)]
    assert _pairs([draw(0), *others, RESCANS[kind](draw(0))]) == [[0, 12]]


def test_blank_covers_and_one_cover_alone_are_like_no_other():
    blank = [pictures.solid(colour) for colour in ("red", "navy", "white")]
    assert _pairs([*blank, painting(0)]) == []
    assert _pairs([]) == []


def test_pictures_agree_only_if_most_of_them_is_the_same():
    covers = [series(0), series(1), RESCANS["cropped"](series(0)), pictures.gradient(), pictures.solid("red")]
    first, second, cropped, slope, blank = read_thumbnails(
        [facts(pictures.encode(c)).thumbnail for c in covers]
    )
    assert agreement(first, first) == pytest.approx(1)
    assert agreement(cropped, first, Part(0.92)) >= SAME_AGREEMENT
    assert agreement(first, second, WHOLE) < SAME_AGREEMENT
    assert agreement(first, slope) < 0.3
    assert agreement(first, blank) < 0.3
    assert agreement(blank, blank) == 0  # nothing to compare


def test_many_covers_are_searched_by_lists_without_losing_scans(monkeypatch):
    monkeypatch.setattr("coverfusion.data.second_look._EXACT_BELOW", 50)
    covers = [painting(seed) for seed in range(80)]
    scans = [RESCANS["cropped"](cover) for cover in covers[:10]]
    assert _pairs([*covers, *scans]) == [[n, 80 + n] for n in range(10)]


def test_a_photographed_cover_under_another_genre_is_conflicting_and_names_its_partner(tmp_path):
    root = pictures.save_folders(
        tmp_path / "c",
        {"Dub": [painting(0), painting(1)], "Opera": [photo(painting(0)), series(0), series(1)]},
    )
    collection = read_collection(root)
    conflicts = collection.conflicts
    assert conflicts["reason"].tolist() == ["near duplicates under several genres: Dub, Opera"] * 2
    assert conflicts["partner"].tolist() == conflicts["path"].tolist()[::-1]
    assert len(collection) == 3
    assert len(read_collection(root, keep="first")) == 4
    everything = read_collection(root, keep="all").frame
    assert pd.factorize(everything["group"])[0].tolist() == [0, 1, 0, 2, 3]


def test_the_partner_of_equal_bytes_is_the_equal_file_and_not_a_scan_before_it(tmp_path):
    cover = painting(0)
    root = pictures.save_folders(
        tmp_path / "c",
        {"Dub": [cover], "Jazz": [photo(cover), series(0)], "Opera": [RESCANS["cropped"](cover), cover]},
    )
    conflicts = read_collection(root).conflicts
    same, near = (conflicts[conflicts["kind"] == kind] for kind in ("same", "near"))
    assert same["reason"].tolist() == ["equal bytes under several genres: Dub, Opera"] * 2
    assert same["partner"].tolist() == same["path"].tolist()[::-1]
    assert set(near["reason"]) == {"near duplicates under several genres: Dub, Jazz, Opera"}


@pytest.mark.slow
def test_drawn_covers_that_the_hash_takes_for_alike_are_grouped_but_not_conflicting(tmp_path):
    collection = read_collection(draw_sample(tmp_path / "covers", covers_per_genre=25))
    assert collection.counts["near_groups"] > 0
    assert len(collection) == 150
    assert collection.conflicts.empty
    near = collection.frame[collection.frame["cover_id"].isin(collection.near)]
    across = near.groupby("group")["genre"].transform("nunique") > 1
    assert collection.counts["near_across"] == across.sum() > 0


def test_a_second_reading_lays_no_two_covers_over_each_other_and_a_larger_one_only_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(genre: str, name: str, cover: Image.Image) -> None:
        (tmp_path / "covers" / genre).mkdir(parents=True, exist_ok=True)
        (tmp_path / "covers" / genre / f"{name}.jpg").write_bytes(pictures.encode(cover))

    def read() -> tuple[list[int], int]:
        laid.clear()
        collection = read_collection(tmp_path / "covers", facts_cache=tmp_path / "store" / "facts")
        return sorted(collection.frame.groupby("group").size().tolist()), len(laid)

    laid = []
    plain = second_look.agreement
    monkeypatch.setattr(second_look, "agreement", lambda *given: laid.append(1) or plain(*given))
    for number in range(4):
        add("Rock" if number % 2 else "Pop", f"{number}", painting(number))
    add("Rock", "again", RESCANS["cropped"](painting(1)))
    groups, first = read()
    assert groups == [1, 1, 1, 2]
    assert first
    assert read() == (groups, 0)
    add("Pop", "framed", RESCANS["framed"](painting(0)))
    groups, more = read()
    assert groups == [1, 1, 2, 2]
    assert 0 < more <= first + 4
    kept = tmp_path / "store" / "facts.overlays"
    kept.write_bytes(kept.read_bytes()[:-9])
    with pytest.warns(UserWarning, match="damaged"):
        assert read()[0] == groups
    assert read() == (groups, 0)
