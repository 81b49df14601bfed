"""Scores of many pictures: outputs that are refused, rows that are empty, targets and the warning."""

from pathlib import Path

import pandas as pd
import pytest

from data.errors import UserError
from experiments.score import score
from tests.experiments.serving import JPEG


@pytest.fixture
def covers(tmp_path: Path) -> list[str]:
    """A cover, and a file that is none."""
    (tmp_path / "a.jpg").write_bytes(JPEG)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    return [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]


def test_a_place_that_cannot_be_written_is_refused_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("")
    for out in (Path("/proc/x.csv"), tmp_path / "s.csv" / "x.csv"):
        with pytest.raises(UserError, match="nothing can be written"):
            score(tmp_path / "no bundle", iter([]), out)


def test_two_runs_never_write_one_file(served_bundle: Path, covers: list[str], tmp_path: Path) -> None:
    out, refused = tmp_path / "s.csv", []

    def meanwhile(_: int) -> None:
        with pytest.raises(UserError, match="Another run is writing") as said:
            score(served_bundle, iter(covers), out, resume=True)
        refused.append(said.value)

    assert score(served_bundle, iter(covers), out, progress=meanwhile) == (2, 1)
    assert len(refused) == 1 and len(pd.read_csv(out)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg", "s.csv"]
