import re

import numpy as np
import pandas as pd

from coverfusion.features.metadata import (
    CATEGORY,
    MOST_LETTERS,
    NUMBER,
    TEXT,
    long_texts,
    metadata_blocks,
    metadata_frame,
    no_numbers,
)

BLOCKS = metadata_blocks([("year", NUMBER), ("record label", CATEGORY), ("title", TEXT)])
VALUES = pd.DataFrame(
    {
        "year": ["1975", "", "c. 1975", "-1.5e3", "1e99", "19xx", "nan", "1_975"],
        "record label": ["Trojan", *[""] * 7],
        "title": ["", "Live", *[""] * 6],
    },
    index=list("abcdefgh"),
)


def test_each_column_is_a_block():
    assert list(BLOCKS) == ["metadata_year", "metadata_record_label", "metadata_title"]
    frame = metadata_frame(BLOCKS, VALUES)
    assert list(frame) == [
        "metadata_year.number",
        "metadata_record_label.category",
        "metadata_title.text_letters",
        "metadata_title.text_words",
    ]
    years = [1975, np.nan, np.nan, -1500, np.nan, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(frame["metadata_year.number"], np.array(years, np.float32))
    assert frame["metadata_record_label.category"].tolist() == ["Trojan", *[None] * 7]
    assert frame["metadata_title.text_words"].tolist() == [None, "Live", *[None] * 6]


def test_what_is_no_number_is_listed():
    found = no_numbers(BLOCKS, VALUES)
    assert found["value"].tolist() == ["c. 1975", "1e99", "19xx", "nan", "1_975"]
    assert found["cover_id"].tolist() == ["c", "e", "f", "g", "h"]


def test_a_column_that_is_not_there_is_missing():
    frame = metadata_frame(BLOCKS, pd.DataFrame(index=[0, 1]))
    assert frame.isna().all(axis=None)
    assert len(frame) == 2


def test_two_columns_make_two_blocks_in_any_order():
    names = ["a b", "a.b", "年", "国", "-", "_", "year"]
    blocks = metadata_blocks((name, NUMBER) for name in names)
    assert [made["column"] for made in blocks.values()] == names
    assert all(re.fullmatch("[A-Za-z0-9_-]+", block) for block in blocks)
    assert {"metadata_year", "metadata_-"} < set(blocks)
    assert metadata_blocks((name, NUMBER) for name in reversed(names)) == blocks
    assert list(metadata_blocks([("a.b", TEXT)])) == ["metadata_a_b"]
    assert list(metadata_blocks([("年", TEXT)])) != list(metadata_blocks([("国", TEXT)]))


def test_a_number_whose_squares_do_not_fit_is_none():
    values = pd.DataFrame({"year": ["1e15", "3e38", "-1e16"]})
    frame = metadata_frame(metadata_blocks([("year", NUMBER)]), values)
    np.testing.assert_array_equal(frame["metadata_year.number"], np.array([1e15, np.nan, np.nan], np.float32))


def test_a_long_text_is_cut_and_listed():
    blocks = metadata_blocks([("title", TEXT)])
    values = pd.DataFrame({"title": ["a" * MOST_LETTERS, "b" * MOST_LETTERS + "c", ""]})
    words = metadata_frame(blocks, values)["metadata_title.text_words"]
    assert words.tolist() == ["a" * MOST_LETTERS, "b" * MOST_LETTERS, None]
    assert long_texts(blocks, values)["cover_id"].tolist() == [1]
