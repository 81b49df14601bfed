"""Progress where nothing moves: in a log file."""

import re
import time
from collections.abc import Callable

import pytest
from rich.progress import Progress

from coverfusion.experiments.pipeline import progress


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was printed so far."""
    printed = []
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.05)

    def text() -> str:
        printed.append(capsys.readouterr().out)
        return "".join(printed)

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
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 60.0)
    with pytest.raises(ValueError, match="early"), progress.counted("fitting", 10):
        raise ValueError("early")
    assert "fitting" not in log()


def test_names_with_brackets_and_braces_are_shown_as_they_are(log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.console, "width", 120)
    names = ["[red]x[/nope]", "a[0]", "{genre}", ":cat:"]
    for name in names:
        with progress.counted(name, 2) as bar:
            bar.update(bar.task_ids[0], completed=2, now=f"[b]{name}")
            assert f"[b]{name}" in _drawn(bar)
    with progress.block_bars({"[/color]": 1}) as report:
        report("[/color]", 1, 0.5)
    lines = log()
    assert all(name in lines for name in names)
    assert "[/color]" in lines


def test_where_nobody_knows_how_many_the_count_and_the_time_are_shown(log) -> None:
    with progress.counted("scoring", None) as bar:
        bar.advance(bar.task_ids[0], 1063)
    assert re.search(r"scoring .*1,063\s+0:00:0\d", log())
    assert "?" not in log()
    assert "left" not in log()


def test_a_finished_bar_has_no_time_left(log) -> None:
    with progress.counted("fitting", 2) as bar:
        bar.advance(bar.task_ids[0], 1)
        assert "left" in _drawn(bar)
        bar.advance(bar.task_ids[0], 1)
        assert "left" not in _drawn(bar)


def _drawn(bar: Progress) -> str:
    with progress.console.capture() as caught:
        progress.console.print(bar.get_renderable())
    return caught.get()


def test_a_long_name_is_cut_and_not_the_count_or_the_time(log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.console, "width", 80)
    with progress.counted("fitting", 12_345) as bar:
        name = "logistic on cnn+color+objects+ocr+people+texture, fold-2"
        bar.update(bar.task_ids[0], completed=1_234, now=name)
        line = _drawn(bar).strip()
    assert "\n" not in line
    assert len(line) <= 80
    assert re.search(r"1234/12345 .*left +\u00b7 logistic on", line)
    assert "\u2026" in line


def test_the_line_that_stays_is_of_the_whole_work(log) -> None:
    with progress.counted("fitting", 2, alike=False) as bar:
        bar.update(bar.task_ids[0], completed=2, now="logistic on cnn, fold-2")
        progress.watched(bar, "finetune", 5, 5)
    assert re.fullmatch(r"fitting \S+ 2/2 0:00:0\d\s*", log())


def test_what_was_done_stays_where_it_failed(log) -> None:
    def fail() -> None:
        with progress.counted("fitting", 2) as bar:
            bar.update(bar.task_ids[0], completed=1, now="logistic on cnn")
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        fail()
    assert "logistic on cnn" in log()


def test_a_log_file_has_the_last_state_once(log) -> None:
    with progress.counted("fitting", 10) as bar:
        bar.advance(bar.task_ids[0], 10)
        time.sleep(0.3)  # several lines' time
    assert log().count("10/10") == 1
