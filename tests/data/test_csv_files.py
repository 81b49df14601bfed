"""Text from outside in tables that people open in spreadsheets."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.csv_files import FORMULA_SIGNS, as_text, as_was, read_csv, write_csv


@pytest.mark.parametrize("text", ["=1+1", "+x", "-core", "@x", "\t=1", "\n=1", "'=1"])
def test_text_is_no_formula(text: str, tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"path": [text, "a.jpg", None], text: 1}), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["path", "'" + text, "a.jpg", ""]
    assert rows[0][1] == "'" + text
    back = read_csv(tmp_path / "x.csv", keep_default_na=False)
    assert back["path"].tolist() == [text, "a.jpg", ""]
    assert list(back) == ["path", text]


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"change": [-1.5, 2.0], "text": ["-0.25", "+3"], "yes": [True, False], "n": [-1, 2]})
    write_csv(frame, tmp_path / "x.csv")
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines == ["change,text,yes,n", "-1.5,-0.25,True,-1", "2.0,+3,False,2"]
    assert list(frame) == list(as_text(frame))


def test_a_carriage_return_begins_no_row(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"path": ["a\r=1+1", "\r=1"]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == b'path\n"a\n=1+1"\n"\'\n=1"\n'


@given(st.lists(st.text(alphabet="'=+-@\t1a"), max_size=5))
def test_what_is_read_is_what_was_written(texts: list[str]) -> None:
    frame = pd.DataFrame({"genre": pd.Series(texts, dtype=object)})
    written = as_text(frame)
    assert as_was(written)["genre"].tolist() == texts
    for text in written["genre"]:
        assert not text.startswith(FORMULA_SIGNS) or float(text) is not None
