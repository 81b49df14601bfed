"""What a result says to a tracker, and how it is told from others."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.tracking.results import read_result, result_digest

ROWS = pd.DataFrame(
    {
        "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
        "cover_id": ["1", "2", "3", ""],
        "genre_1": ["Pop", "Dub", "Pop", None],
        "probability_1": [0.5, 0.7, 0.9, float("nan")],
        "failed_blocks": ["", "ocr: broken", "", ""],
        "error": ["", "", "", "no such file"],
    }
)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_counts_of_a_score_file(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"scores.{ending}"
    write = {
        "csv": lambda: ROWS.to_csv(path, index=False),
        "parquet": lambda: ROWS.to_parquet(path),
        "jsonl": lambda: ROWS.to_json(path, orient="records", lines=True),
    }
    write[ending]()
    result = read_result(path)
    assert result.kind == "scores"
    assert result.files == [path]
    assert {metric.name: metric.value for metric in result.metrics} == {
        "rows": 4,
        "errors": 1,
        "with_failed_blocks": 1,
        "confidence_mean": pytest.approx(0.7),
        "covers/Dub": 1,
        "covers/Pop": 2,
    }


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is nothing that can be tracked"):
        read_result(tmp_path)
    with pytest.raises(UserError, match="is nothing that can be tracked"):
        read_result(tmp_path / "nowhere")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"other\.csv is no file of `coverfusion score`"):
        read_result(tmp_path / "other.csv")


def test_a_digest_tells_of_any_change(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_text("1")
    first = result_digest(tmp_path)
    assert result_digest(tmp_path) == first
    (tmp_path / "inner" / "a").rename(tmp_path / "a")
    moved = result_digest(tmp_path)
    (tmp_path / "a").write_text("2")
    assert len({first, moved, result_digest(tmp_path)}) == 3
