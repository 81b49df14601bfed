"""Which sets of blocks an ablation fits."""

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.ablation.designs import (
    check_designs,
    families_of,
    fitted_sets,
    greedy_path,
    halves,
    set_words,
)
from coverfusion.experiments.pipeline.block_sets import columns_of, families
from coverfusion.features.table import FeatureTable

BLOCKS = {"ocr": ["found", "words", "embedding_0", "embedding_1"], "color": ["hue_mean", "hue_spread"]}


def test_families_are_named_by_their_first_word() -> None:
    assert families(BLOCKS["ocr"]) == {
        "rest": ["found", "words"],
        "embedding": ["embedding_0", "embedding_1"],
    }
    assert columns_of("ocr:rest", BLOCKS) == ["ocr.found", "ocr.words"]
    assert columns_of("color", BLOCKS) == ["color.hue_mean", "color.hue_spread"]


def test_the_families_of_a_block_with_text_are_columns_that_classifiers_see() -> None:
    numbered = [f"{name}_{k}" for name in ("embedding", "letterforms") for k in range(2)]
    names = ["found", "height_mean", "height_max", *numbered]
    numbers = pd.DataFrame(np.zeros((2, 7), np.float32), columns=names)
    table = FeatureTable({"ocr": numbers}, texts={"ocr": pd.Series(["some words", None], dtype=object)})
    blocks = table.learnable_columns()
    units = families_of(blocks)["ocr"]
    assert units == [
        "ocr:layout",
        "ocr:typography",
        "ocr:embedding",
        "ocr:letterforms",
        "ocr:letters",
        "ocr:words",
    ]
    assert columns_of("ocr:layout", blocks) == ["ocr.found", "ocr.height_max"]
    assert columns_of("ocr:typography", blocks) == ["ocr.height_mean"]
    assert sorted(column for unit in units for column in columns_of(unit, blocks)) == sorted(
        table.learnable()
    )


def test_each_set_is_fitted_once_and_all_blocks_first() -> None:
    every = ("ocr", "color")
    assert fitted_sets(["alone", "without"], BLOCKS) == [every, ("ocr",), ("color",)]
    assert fitted_sets(["subsets"], BLOCKS) == [every, ("ocr",), ("color",)]
    assert fitted_sets(["families"], BLOCKS)[1:] == [
        ("ocr:rest",),
        ("ocr:embedding",),
        ("ocr:embedding", "color"),
        ("ocr:rest", "color"),
    ]


def test_greedy_adds_what_helps_most() -> None:
    worth = {"a": 1, "b": 3, "c": 2}
    asked: list[int] = []

    def score(candidates: list[tuple[str, ...]]) -> list[float]:
        asked.append(len(candidates))
        return [sum(worth[name] for name in units) for units in candidates]

    assert greedy_path("abc", score) == [("b",), ("b", "c"), ("a", "b", "c")]
    assert asked == [3, 2, 1]


def test_an_unknown_design_is_refused() -> None:
    with pytest.raises(UserError, match=r"--design subset: say alone.*subsets"):
        check_designs(["subset"])


def test_sides_are_left_out_with_metadata_kept() -> None:
    names = ["color", "ocr", "back_color", "back_ocr", "metadata_year"]
    assert halves("sides", names) == {
        "backs left out": ("color", "ocr", "metadata_year"),
        "fronts left out": ("back_color", "back_ocr", "metadata_year"),
    }
    assert halves("sides", ["color", "metadata_year"]) == {}
    assert halves("metadata", names)["pictures alone"] == tuple(names[:4])
    assert halves("metadata", names[:4]) == {}


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ("color+ocr+back_color+back_ocr+metadata_year", "all 5 blocks"),
        ("color+ocr+back_color+back_ocr", "pictures alone"),
        ("color+ocr+metadata_year", "backs left out"),
        ("back_color+back_ocr+metadata_year", "fronts left out"),
        ("ocr+back_color+back_ocr+metadata_year", "all but color"),
        ("color+back_ocr", "color+back_ocr"),
        ("metadata_year", "metadata_year (metadata alone)"),
        ("color", "color"),
        ("ocr:words+color", "ocr:words+color"),
    ],
)
def test_a_set_of_blocks_has_a_short_name(units: str, words: str) -> None:
    assert set_words(units, ["color", "ocr", "back_color", "back_ocr", "metadata_year"]) == words


def test_one_block_that_is_all_of_pictures_says_so() -> None:
    every = ["color", "metadata_genre", "metadata_year"]
    assert set_words("color", every) == "color (pictures alone)"
    assert set_words("metadata_year", every) == "metadata_year"
    assert set_words("metadata_genre+metadata_year", every) == "metadata alone"
