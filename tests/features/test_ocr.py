"""Drawn words are read, placed and embedded; blank and broken pictures say what they are."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.ocr import READABLE, Ocr, text_of
from coverfusion.features.registry import Annotator, Extractor, create
from tests.helpers import pictures

ALWAYS = ["found", "failed", "words", "area_share", "lines"]


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr()


@pytest.fixture(scope="module")
def covers() -> list[Image.Image]:
    """Words large and small, light on dark, two lines, tilted, up the side; a blank; other sizes."""
    return [
        pictures.words("LOVE SONGS", height=38, position=(10, 20)),
        pictures.words("Summer\nNights", colour="yellow", background="navy", height=44),
        pictures.words("MIDNIGHT", height=36).rotate(20, fillcolor="white"),
        pictures.words("QUIET NIGHT", height=36).rotate(90),
        pictures.solid("darkgreen"),
        pictures.words("GREATEST HITS", height=30, size=(400, 200)),
    ]


@pytest.fixture(scope="module")
def rows(ocr: Ocr, covers: list[Image.Image]) -> np.ndarray:
    return ocr(covers)


def frame(ocr: Ocr, rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(ocr.columns))


def read(ocr: Ocr, images: Sequence[Image.Image]) -> list[str | None]:
    return [text_of(note) for note in ocr.annotate(images)[1]]


def test_reads_drawn_words_level_tilted_and_up_the_side(ocr: Ocr, covers: list[Image.Image]) -> None:
    expected = ["LOVE SONGS", "Summer\nNights", "MIDNIGHT", "QUIET NIGHT", "", "GREATEST HITS"]
    assert read(ocr, covers) == expected


@pytest.mark.parametrize("side", [150, 640, 1500])
def test_reads_the_same_at_every_size(ocr: Ocr, covers: list[Image.Image], side: int) -> None:
    resized = [cover.resize((side, side), Image.Resampling.LANCZOS) for cover in covers[:2]]
    assert read(ocr, resized) == ["LOVE SONGS", "Summer\nNights"]
    box = json.loads(ocr.annotate(resized[:1])[1][0])[0]["box"]
    assert np.array(box)[:, 1].mean() / side == pytest.approx((20 + 38 / 2) / 300, abs=0.05)


def test_reads_as_rapidocr_does(ocr: Ocr, covers: list[Image.Image]) -> None:
    plain = ocr.plain()
    expected = [plain(cover) for cover in covers[:2]]
    rows, notes = ocr.annotate(covers[:2])
    assert ocr.differences(expected, rows, notes).startswith("character error 0.00% of 23 letters; 0 of 2")


def test_pictures_of_any_shape(ocr: Ocr) -> None:
    wide = pictures.words("WIDE OPEN ROAD", height=30, size=(600, 90))
    tall = pictures.words("TALL", height=30, size=(100, 500))
    assert read(ocr, [wide, tall, Image.new("RGB", (1, 1)), Image.new("RGB", (640, 1))])[:2] == [
        "WIDE OPEN ROAD",
        "TALL",
    ]


def test_blank_picture_has_no_text(ocr: Ocr, rows: np.ndarray) -> None:
    blank = frame(ocr, rows).iloc[4]
    assert blank[ALWAYS].tolist() == [0, 0, 0, 0, 0]
    assert blank.drop(ALWAYS).isna().all()


def test_values_of_a_picture_with_text(ocr: Ocr, rows: np.ndarray) -> None:
    first = frame(ocr, rows).iloc[0]
    assert first[["found", "failed", "words", "lines"]].tolist() == [1, 0, 2, 1]
    assert first["center_y"] == pytest.approx((20 + 38 / 2) / 300, abs=0.04)
    assert first["confidence_mean"] > 0.5
    assert first[["capitals_share", "script_latin", "top_share"]].tolist() == [1, 1, 1]
    assert np.linalg.norm(first.filter(like="embedding_")) == pytest.approx(1, abs=1e-3)


def test_a_failing_picture_spoils_nothing(ocr: Ocr, covers: list[Image.Image], rows: np.ndarray) -> None:
    batch = [covers[0], Image.new("RGB", (0, 5)), Image.new("RGB", (1, 1)), covers[1]]
    table, notes = ocr.annotate(batch)
    counts = frame(ocr, table)
    assert counts["failed"].tolist() == [0, 1, 0, 0]
    assert counts.drop(columns="failed").iloc[1].isna().all()
    assert counts["found"][2] == 0
    assert notes[1:3] == ["null", "[]"]
    np.testing.assert_allclose(table[[0, 3]], rows[:2], atol=1e-4)


def test_batch_equals_one_by_one(ocr: Ocr, covers: list[Image.Image], rows: np.ndarray) -> None:
    one_by_one = np.concatenate([ocr([cover]) for cover in covers])
    np.testing.assert_allclose(rows, one_by_one, atol=1e-4)


def test_nothing_in_nothing_out(ocr: Ocr) -> None:
    assert ocr([]).shape == (0, len(ocr.columns))


def test_text_of_a_note() -> None:
    lines = [
        {"text": text, "confidence": sure, "box": []} for text, sure in [("A b", 0.9), ("c", 0.1), ("d", 1)]
    ]
    assert text_of(json.dumps(lines)) == "A b\nd"
    assert text_of("[]") == ""
    assert text_of("null") is None
    assert text_of(None) is None


def test_columns_are_described() -> None:
    block = create("ocr")
    assert isinstance(block, Extractor)
    assert isinstance(block, Annotator)
    assert set(block.describe()) == {*READABLE, "embedding_*", "letterforms_*"}
    assert list(block.columns)[: len(READABLE)] == list(READABLE)
    assert block.columns[len(READABLE) + 383 :][:2] == ["embedding_0383", "letterforms_0000"]
    assert block.columns[-1] == "letterforms_0575"
    assert Ocr(engine="easyocr").columns[-1] == "embedding_0383"


def test_fingerprint_follows_the_parameters() -> None:
    assert Ocr().fingerprint() == Ocr().fingerprint()
    assert Ocr().fingerprint() != Ocr(min_confidence=0.6).fingerprint()
    assert Ocr().fingerprint() != Ocr(engine="easyocr").fingerprint()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"engine": "rapidcr"}, "'rapidocr'"),
        ({"engine": "easyocr", "languages": ["de"]}, "preset 'hub'"),
        ({"languages": ["cyrillic"]}, "preset 'hub'"),
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
    block = create(
        "ocr", preset="hub", engine="easyocr", languages=["de", "en"], text_model="nobody/has-this"
    )
    weights = block.weights()
    assert [w.ready() for w in weights] == [False, False, False]
    assert weights[1].path == tmp_path / "model" / "latin_g2.pth"
    assert all(w.fetch for w in weights)
    with pytest.raises(UserError, match="weights fetch"):
        block([pictures.solid("red")])


def test_easyocr_has_a_folder_in_our_cache_and_makes_none_to_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("EASYOCR_MODULE_PATH", "MODULE_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    imports = sys.path.copy()
    path = create("ocr", preset="hub", engine="easyocr").weights()[0].path
    assert path == tmp_path / "cache" / "coverfusion" / "easyocr" / "model" / "craft_mlt_25k.pth"
    assert not list(tmp_path.iterdir())
    assert sys.path == imports
    used = tmp_path / "home" / ".EasyOCR" / "model"  # by another program, before
    used.mkdir(parents=True)
    assert create("ocr", preset="hub", engine="easyocr").weights()[0].path == used / path.name


def test_another_script_takes_its_own_recogniser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COVERFUSION_NETWORKS", str(tmp_path))
    recogniser = create("ocr", preset="hub", languages=["en", "cyrillic"]).weights()[2]
    assert recogniser.path == tmp_path / "cyrillic_PP-OCRv5_rec_mobile.onnx"
    assert recogniser.fetch
    with pytest.raises(UserError, match="together"):
        create("ocr", preset="hub", languages=["cyrillic", "korean"])
    with pytest.raises(UserError, match="Did you mean 'cyrillic'"):
        create("ocr", preset="hub", languages=["cyrilic"])


def test_a_sentence_model_of_ones_own(ocr: Ocr, covers: list[Image.Image], rows: np.ndarray) -> None:
    """The packaged MiniLM as a local folder: read by sentence-transformers."""
    block = Ocr(preset="hub", text_model=str(ocr.weights()[-1].path))
    np.testing.assert_allclose(block(covers[:2]), rows[:2], atol=1e-5)


def test_easyocr_reads_too(covers: list[Image.Image]) -> None:
    block = Ocr(engine="easyocr")
    assert read(block, [*covers[:2], covers[4], Image.new("RGB", (0, 5))]) == [
        "LOVE SONGS",
        "Summer\nNights",
        "",
        None,
    ]


@pytest.mark.parametrize("engine", ["rapidocr", "easyocr"])
def test_nothing_is_written_to_the_home_folder(tmp_path: Path, engine: str) -> None:
    networks = tmp_path / "networks"
    script = (
        "from coverfusion.features.ocr import Ocr; from PIL import Image;"
        f"Ocr(engine={engine!r}).annotate([Image.new('RGB', (64, 64))])"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "COVERFUSION_NETWORKS": str(networks), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert list(home.rglob("*")) == []
    assert done.stdout == ""
