"""What a model saw, in words."""

import pytest

from coverfusion.experiments.pipeline.run_folder import ScoredModel


@pytest.mark.parametrize(
    ("blocks", "kind", "words"),
    [
        (("cnn", "ocr", "people"), "fused", "all 3 blocks"),
        (("cnn",), "fused", "cnn, the only block"),
        (("cnn",), "alone", "cnn alone"),
        (("pixels",), "fused", "the pictures themselves"),
        (("ocr:letters", "ocr:words"), "fused", "the words of ocr"),
    ],
)
def test_what_a_model_saw(blocks: tuple[str, ...], kind: str, words: str) -> None:
    assert ScoredModel("any", blocks, False, kind, 0.0, {}, {}, {}).on == words
