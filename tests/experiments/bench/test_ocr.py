"""Errors of reading against hand-made texts; drawn covers are the same at every size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.bench.ocr import TRANSCRIPTS, Truth, bench_ocr, errors_of
from coverfusion.experiments.bench.ocr_drawn import draw_cover
from coverfusion.experiments.bench.ocr_errors import Errors, line_errors
from tests.helpers import pictures


def test_case_punctuation_and_order_do_not_count() -> None:
    errors, extra = line_errors(["Don't Stop!", "BLUE"], ["blue", "dont stop"])
    assert errors == [Errors(8, 0, 2, 0), Errors(4, 0, 1, 0)]
    assert extra == 0


def test_a_line_read_in_parts_and_joined_words() -> None:
    errors, extra = line_errors(["GREATEST HITS", "SIMPLY RED"], ["GREATEST", "HITS", "SIMPLYRED"])
    assert errors == [Errors(12, 0, 2, 0), Errors(9, 0, 2, 2)]
    assert extra == 0


def test_wrong_missing_and_invented_letters() -> None:
    errors, extra = line_errors(["night", "river"], ["nighl", "qqqq"])
    assert errors == [Errors(5, 1, 1, 1), Errors(5, 5, 1, 1)]
    assert extra == 4
    assert line_errors([], ["abc"]) == ([], 3)


def test_errors_by_kind_of_line() -> None:
    blank = pictures.solid("red")
    truths = [
        Truth("drawn", blank, [("night", "level"), ("river", "tilted")], True),
        Truth("drawn", blank, [("blue", "level")], False),
    ]
    every, level, tilted = errors_of(truths, ["nighl\nzzzz", "blue\nxxxx"])
    assert every["lines"] == "all"
    assert every["character_error"] == pytest.approx(6 / 14)
    assert every["cover_error"] == pytest.approx((6 / 10 + 0) / 2)
    assert every["extra"] == pytest.approx(4 / 10)  # of the complete cover alone
    assert every["missed"] == pytest.approx(1 / 3)
    assert level["character_error"] == pytest.approx(1 / 9)
    assert tilted["word_error"] == 1


def test_drawn_covers_have_the_same_words_at_the_same_places_at_every_size() -> None:
    small, large = draw_cover(6), draw_cover(6, side=600)
    assert small.lines == large.lines
    assert small.lines
    reduced = np.asarray(large.picture.resize((300, 300)), float)
    assert np.abs(reduced - np.asarray(small.picture)).mean() < 6
    assert draw_cover(7).lines != small.lines


def test_transcripts_name_covers_by_digest() -> None:
    transcripts = pd.read_csv(TRANSCRIPTS, keep_default_na=False)
    assert len(transcripts) == 60
    assert transcripts["cover_id"].str.fullmatch("[0-9a-f]{64}").all()
    assert transcripts["cover_id"].is_unique


def test_bench_reads_drawn_covers_and_looks_for_real_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collection = pictures.save_folders(tmp_path, {"Jazz": [pictures.words("JAZZ")]})
    frame = bench_ocr(collection, ["rapidocr"], drawn=3)
    assert "0 of 60 transcribed covers" in capsys.readouterr().out
    assert set(frame["covers"]) == {"drawn"}
    assert (frame["character_error"] < 0.5).all()
