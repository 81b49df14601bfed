"""Typical words of a few covers whose texts are laid down by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from coverfusion.experiments.genres.words import (
    log_odds,
    texts_of,
    typical_words,
    words_on_covers,
)


def _note(*boxes: tuple[str, float, float]) -> str:
    """Boxes of (text, confidence, height in pixels)."""
    return json.dumps(
        [
            {"text": text, "confidence": sure, "box": [[0, 10], [50, 10], [50, 10 + high], [0, 10 + high]]}
            for text, sure, high in boxes
        ]
    )


def _words(texts: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Words and covers: genre -> one text a cover, every cover its own group."""
    rows = [(f"{genre}{k}", genre, text) for genre, own in texts.items() for k, text in enumerate(own)]
    covers = pd.DataFrame(rows, columns=["cover_id", "genre", "text"]).assign(group=range(len(rows)))
    notes = covers.set_index("cover_id")["text"].map(lambda text: _note((text, 0.9, 10)))
    return words_on_covers(notes), covers


def test_words_are_read_from_sure_boxes_and_the_largest_is_kept() -> None:
    notes = pd.Series(
        {
            "a": _note(("The HITS", 0.9, 20), ("the", 0.8, 40), ("smudge", 0.1, 99)),
            "b": _note(("rock'n'roll \u201999 Zürich x", 0.9, 10)),
            "c": "[]",
            "d": _note(("SIMPLYRED", 0.9, 10)),
        }
    )
    words = words_on_covers(notes)
    assert set(zip(words["cover_id"], words["word"], strict=True)) == {
        ("a", "the"),
        ("a", "hits"),
        ("b", "rock'n'roll"),
        ("b", "zürich"),
        ("d", "simply"),
        ("d", "red"),
    }
    the = words[words["word"] == "the"].iloc[0]
    assert the["height"] == 40
    assert the["box"][2] == [50, 50]
    assert texts_of(words)["a"] == "the hits"


def test_log_odds_by_hand() -> None:
    words = ["cash", "love"]
    found = log_odds(pd.Series([3.0, 1.0], words), pd.Series([0.0, 4.0], words), prior=8.0)
    # all counts: cash 3, love 5 of 8; the prior of 8 adds just these
    own = np.log((3 + 3) / (4 + 8 - 6))
    others = np.log((0 + 3) / (4 + 8 - 3))
    assert found.loc["cash", "log_odds"] == pytest.approx(own - others)
    assert found.loc["cash", "z"] == pytest.approx((own - others) / np.sqrt(1 / 6 + 1 / 3))
    assert found.loc["love", "log_odds"] == pytest.approx(-(own - others))  # two words: one odds the other's


def test_a_stronger_prior_pulls_to_zero() -> None:
    own, others = pd.Series([6.0, 10.0], ["x", "y"]), pd.Series([1.0, 30.0], ["x", "y"])
    weak, strong = (log_odds(own, others, prior)["log_odds"]["x"] for prior in (1.0, 100.0))
    assert weak > strong > 0


def test_typical_words_are_those_of_the_genre() -> None:
    words, covers = _words(
        {
            "country": ["nashville hits"] * 12 + ["love"] * 5,
            "techno": ["berlin hits"] * 12 + ["love"] * 5,
        }
    )
    found = typical_words(words, covers, "country", 5)
    assert [word.word for word in found] == ["nashville"]
    assert found[0].covers == 12
    assert found[0].others == 0
    # z of 4 words on 3 covers or more, two-sided, the least of them times 4, times two genres
    assert found[0].p == pytest.approx(2 * 4 * 2 * norm.sf(found[0].z))
    assert found[0].p < 0.05
    assert found[0].log_odds > 0
    assert set(found[0].cover_ids) == {f"country{k}" for k in range(12)}


def test_words_dealt_out_at_random_are_typical_of_no_genre() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(30):
        texts = [
            " ".join(rng.choice([f"{one}{two}" for one in "abcdefgh" for two in "xyz"], 3)) for _ in range(60)
        ]
        words, covers = _words({"rock": texts[:30], "pop": texts[30:]})
        found += bool(typical_words(words, covers, "rock", 5) or typical_words(words, covers, "pop", 5))
    assert found <= 3  # 5 % of 30 reports, and some luck


def test_a_repeated_word_and_copies_count_once() -> None:
    words, covers = _words({"a": ["again again again"] + ["tune"] * 9, "b": ["other"] * 10})
    assert all(word.word != "again" for word in typical_words(words, covers, "a", 9))
    copied = covers.assign(group=covers["group"].where(covers["genre"] != "a", 0))
    assert typical_words(words, copied, "a", 9) == []  # nine copies of one cover are one cover


def test_without_words_there_are_none() -> None:
    words, covers = _words({"a": [""], "b": [""]})
    assert typical_words(words, covers, "a", 5) == []
    assert texts_of(words) == {}
