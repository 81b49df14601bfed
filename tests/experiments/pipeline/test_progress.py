"""Progress where nothing moves: in a log file."""

import re
import time

import pytest
from rich.console import Console

from coverfusion.experiments.pipeline import progress


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path):
    file = (tmp_path / "log").open("w+")
    monkeypatch.setattr(progress, "console", Console(file=file, width=80))
    monkeypatch.setattr(progress, "EVERY", 0.05)

    def text() -> str:
        file.seek(0)
        return file.read()

    return text


def test_a_log_file_gets_lines_while_the_work_runs(log) -> None:
    with progress.counted("fitting", 10) as bar:
        bar.advance(bar.task_ids[0], 3)
        deadline = time.monotonic() + 20
        while "3/10" not in log() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "3/10" in log()
        bar.advance(bar.task_ids[0], 7)
    assert "10/10" in log()


def test_a_bar_that_never_moved_is_not_left_above_an_error(log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 60.0)
    with pytest.raises(ValueError, match="early"), progress.counted("fitting", 10):
        raise ValueError("early")
    assert "fitting" not in log()


def test_where_nobody_knows_how_many_the_count_and_the_time_are_shown(log) -> None:
    with progress.counted("scoring", None) as bar:
        bar.advance(bar.task_ids[0], 1063)
    assert re.search(r"scoring .*1,063\s+0:00:0\d", log())
    assert "?" not in log()
    assert "left" not in log()
