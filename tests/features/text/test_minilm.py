"""MiniLM by OpenVINO gives what sentence-transformers gives."""

import numpy as np

from coverfusion.features.text import sentences
from coverfusion.features.text.minilm import MiniLM

TEXTS = ["LOVE SONGS", "a", "", "  Summer nights ", "the quick brown fox " * 60, "Bj\u00f6rk 愛 Ночь"]


def test_equals_sentence_transformers_for_texts_of_any_length() -> None:
    weights = sentences.sentence_weights("packaged", "")
    assert weights.path
    ours = MiniLM(weights.path, weights.digest())(TEXTS)
    np.testing.assert_allclose(ours, sentences.by_library(weights.path)(TEXTS), atol=1e-5)
