import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.features.metadata import CATEGORY, NUMBER, TEXT, metadata_blocks, metadata_frame, no_numbers

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


def test_two_columns_make_two_blocks():
    with pytest.raises(UserError, match=r"'a b' and 'a\.b'"):
        metadata_blocks([("a b", NUMBER), ("a.b", NUMBER)])
