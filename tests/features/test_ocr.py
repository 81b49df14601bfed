"""Drawn words are read, placed and embedded; blank and broken pictures say what they are."""

import json
from pathlib import Path

import easyocr
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.ocr import (
    LAYOUT_COLUMNS,
    Ocr,
    detector_flops,
    edit_distance,
    hashed_ngrams,
    joined_text,
    layout,
)
from coverfusion.features.registry import Annotator, Extractor, create
from coverfusion.features.text.easyocr_batched import Word
from tests.helpers import pictures


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr()


@pytest.fixture(scope="module")
def covers() -> list[Image.Image]:
    """Words large and small, light on dark, two lines, tilted, faint; a blank; other sizes."""
    tilted = pictures.words("MIDNIGHT", height=36).rotate(20, fillcolor="white")
    return [
        pictures.words("LOVE SONGS", height=38, position=(10, 20)),
        pictures.words("Summer\nNights", colour="yellow", background="navy", height=44),
        tilted,
        pictures.words("quiet", colour="#606060", background="#505050", height=50),
        pictures.solid("darkgreen"),
        pictures.words("GREATEST HITS", height=30, size=(400, 200)),
    ]


@pytest.fixture(scope="module")
def plain(ocr: Ocr) -> easyocr.Reader:
    return ocr.plain_reader()


@pytest.fixture(scope="module")
def rows(ocr: Ocr, covers: list[Image.Image]) -> np.ndarray:
    return ocr(covers)


def frame(ocr: Ocr, rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(ocr.columns))


def read(ocr: Ocr, *images: Image.Image) -> list[str]:
    return [" ".join(word["text"] for word in json.loads(note)) for note in ocr.annotate(images)[1]]


def test_reads_drawn_words(ocr: Ocr, covers: list[Image.Image]) -> None:
    texts = read(ocr, *covers[:2], covers[5])
    assert texts == ["LOVE SONGS", "Summer Nights", "GREATEST HITS"]


def test_text_and_boxes_are_those_of_plain_easyocr(
    ocr: Ocr, plain: easyocr.Reader, covers: list[Image.Image]
) -> None:
    for cover, note in zip(covers, ocr.annotate(covers)[1], strict=True):
        expected, ours = plain.readtext(np.asarray(cover)), json.loads(note)
        assert [word["text"] for word in ours] == [text for _, text, _ in expected]
        np.testing.assert_allclose([w["box"] for w in ours], [box for box, _, _ in expected])
        np.testing.assert_allclose([w["confidence"] for w in ours], [c for _, _, c in expected], atol=0.1)


def test_detector_scores_are_those_of_easyocr(
    ocr: Ocr, plain: easyocr.Reader, covers: list[Image.Image]
) -> None:
    pixels = np.stack([np.asarray(covers[k].resize((224, 160)), dtype=np.float32) for k in (0, 1)])
    canvases = torch.from_numpy((pixels - 127) / 57).permute(0, 3, 1, 2)
    with torch.inference_mode():
        canvases = canvases.to(plain.device)
        expected, ours = plain.detector(canvases)[0], ocr.detector()(canvases)
    assert expected.max() > 0.5  # there is text to see
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)


def test_blank_picture_has_no_text(ocr: Ocr, rows: np.ndarray) -> None:
    blank = frame(ocr, rows).iloc[4]
    assert blank[["found", "failed", "words", "area_share"]].tolist() == [0, 0, 0, 0]
    assert blank.drop(["found", "failed", "words", "area_share"]).isna().all()


def test_counts_of_a_picture_with_text(ocr: Ocr, rows: np.ndarray) -> None:
    first = frame(ocr, rows).iloc[0]
    assert first[["found", "failed", "words"]].tolist() == [1, 0, 2]
    assert first["center_y"] == pytest.approx((20 + 38 / 2) / 300, abs=0.04)
    assert first["confidence_mean"] > 0.5
    assert np.linalg.norm(first.filter(like="embedding_")) == pytest.approx(1, abs=1e-3)
    assert np.linalg.norm(first.filter(like="ngram_")) == pytest.approx(1, abs=1e-3)


def test_where_the_text_stands_and_how_large_it_is(ocr: Ocr) -> None:
    def word(height: int, position: tuple[int, int]) -> Image.Image:
        return pictures.words("ROCK", height=height, position=position)

    upper_left, lower_right, large = word(30, (10, 10)), word(30, (190, 250)), word(80, (10, 100))
    table = frame(ocr, ocr([upper_left, lower_right, large]))
    assert (table.loc[0, ["center_x", "center_y"]] < 0.4).all()
    assert (table.loc[1, ["center_x", "center_y"]] > 0.6).all()
    assert table["height_max"][2] > 2 * table["height_max"][0]
    assert table["area_share"][2] > 4 * table["area_share"][0]


def test_a_failing_picture_spoils_nothing(ocr: Ocr, covers: list[Image.Image], rows: np.ndarray) -> None:
    batch = [covers[0], Image.new("RGB", (0, 5)), Image.new("RGB", (1, 1)), covers[1]]
    table, notes = ocr.annotate(batch)
    counts = frame(ocr, table)
    assert counts["failed"].tolist() == [0, 1, 0, 0]
    assert counts.drop(columns="failed").iloc[1].isna().all()
    assert counts["found"][2] == 0
    assert notes[1] == notes[2] == "[]"
    np.testing.assert_allclose(table[[0, 3]], rows[:2], atol=1e-4)


def test_batch_equals_one_by_one(ocr: Ocr, covers: list[Image.Image], rows: np.ndarray) -> None:
    one_by_one = np.concatenate([ocr([cover]) for cover in covers])
    np.testing.assert_allclose(rows, one_by_one, atol=1e-4)


def test_leaves_the_number_of_threads_alone(ocr: Ocr, covers: list[Image.Image]) -> None:
    before = torch.get_num_threads()
    ocr(covers[:2])
    assert torch.get_num_threads() == before


def test_nothing_in_nothing_out(ocr: Ocr) -> None:
    assert ocr([]).shape == (0, len(ocr.columns))


def test_layout_against_known_boxes() -> None:
    def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
        return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]

    # two boxes that overlap, one of them reaching outside, in a picture of 100 x 200 (height x width)
    words = [Word("one two", 0.9, box(-10, 0, 99, 49)), Word("three", 0.5, box(0, 0, 99, 19))]
    counts = layout(words, 100, 200)
    assert list(counts) == list(LAYOUT_COLUMNS)
    assert counts["words"] == 3
    assert counts["area_share"] == pytest.approx(0.25)  # the union
    assert counts["confidence_mean"] == pytest.approx(0.7)
    assert counts["height_max"] == pytest.approx(0.49)
    assert (counts["center_x"], counts["center_y"]) == pytest.approx((0.25, 0.25))


def test_min_confidence_chooses_the_embedded_text() -> None:
    words = [Word("sure", 0.9, []), Word("unsure", 0.1, [])]
    assert joined_text(words, 0) == "sure unsure"
    assert joined_text(words, 0.5) == "sure"
    assert joined_text(words, 0.95) == ""


def test_columns_are_described() -> None:
    block = create("ocr")
    assert isinstance(block, Extractor)
    assert isinstance(block, Annotator)
    named = [c for c in block.columns if not c.startswith(("embedding_", "ngram_"))]
    assert set(block.describe()) == {*named, "embedding_*", "ngram_*"}
    assert len(block.columns) == len(named) + 384 + 2048


def test_ngrams_are_close_for_words_that_share_letters_and_know_no_case() -> None:
    read, misread, same, other = hashed_ngrams(["Motorhead", "Motorheed", "MOTORHEAD", "Vivaldi"], 2048)
    assert np.linalg.norm([read, misread, other], axis=1) == pytest.approx(1)
    np.testing.assert_array_equal(read, same)
    assert read @ misread > 0.5 > 0.1 > abs(read @ other)
    assert hashed_ngrams(["Motorhead"], 0).shape == (1, 0)


def test_without_ngrams_the_columns_end_with_the_embedding() -> None:
    assert Ocr(ngrams=0).columns[-1] == "embedding_0383"
    with pytest.raises(ValueError, match="ngrams is -1"):
        Ocr(ngrams=-1)


def test_fingerprint_follows_the_parameters() -> None:
    assert Ocr().fingerprint() == Ocr().fingerprint()
    assert Ocr().fingerprint() != Ocr(min_confidence=0.5).fingerprint()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"languages": ["de"]}, "preset 'hub'"),
        ({"min_confidence": 2.0}, "between 0 and 1"),
        ({"dimensions": 0}, "at least 1"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        create("ocr", **parameters)


def test_a_text_model_of_another_length_is_named(covers: list[Image.Image]) -> None:
    with pytest.raises(UserError, match="dimensions: 384"):
        Ocr(dimensions=768)(covers[:1])


def test_hub_weights_are_looked_for_on_disk_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path))
    block = create("ocr", preset="hub", languages=["de", "en"], text_model="nobody/has-this")
    weights = block.weights()
    assert [w.ready() for w in weights] == [False, False, False]
    assert weights[1].path == tmp_path / "model" / "latin_g2.pth"
    assert all(w.fetch for w in weights)
    with pytest.raises(UserError, match="weights fetch"):
        block([pictures.solid("red")])


def test_hub_reads_with_weights_from_easyocrs_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ocr: Ocr
) -> None:
    """The packaged files laid where EasyOCR and sentence-transformers keep theirs."""
    detector, recognizer, sentences = (w.path for w in ocr.weights())
    assert detector
    assert recognizer
    assert sentences
    (tmp_path / "model").mkdir()
    for file in (detector, recognizer):
        (tmp_path / "model" / file.name).symlink_to(file)
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path))
    block = Ocr(preset="hub", text_model=str(sentences))
    cover = pictures.words("JAZZ", height=60)
    np.testing.assert_allclose(block([cover]), ocr([cover]), atol=1e-5)


def test_languages_that_do_not_go_together() -> None:
    with pytest.raises(UserError, match=r"ja, ru"):
        create("ocr", preset="hub", languages=["ja", "ru"]).weights()


def test_detector_flops(plain: easyocr.Reader) -> None:
    """CRAFT's published layers, summed by hand: 72.9 GFLOP for a 320 x 320 canvas."""
    assert detector_flops(plain, 320, 320) == pytest.approx(72.9e9, rel=0.01)


def test_pictures_of_any_size(ocr: Ocr) -> None:
    wide = pictures.words("WIDE OPEN ROAD", height=30, size=(600, 90))
    tall = pictures.words("TALL", height=30, size=(100, 500))
    assert read(ocr, wide, tall) == ["WIDE OPEN ROAD", "TALL"]


def test_edit_distance_counts_single_letters() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    assert edit_distance("cover", "cover") == 0
