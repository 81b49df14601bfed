"""Outputs that can be written, and that cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.outputs import check_file, check_folder, check_writable, one_writer


def test_a_place_that_can_be_written_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("kept")
    for place in ("old.csv", "new.csv", "a/b/new.csv", "."):
        check_writable(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert (tmp_path / "old.csv").read_text() == "kept"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("")
    with pytest.raises(UserError, match=r"--out .*x\.csv: nothing can be written in .*s\.csv \(Not a dir"):
        check_writable(tmp_path / "s.csv" / "x.csv")
    with pytest.raises(UserError, match=r"--store /proc/x/y: nothing can be written in /proc \("):
        check_writable(Path("/proc/x/y"), "--store")


def test_a_folder_that_not_all_libraries_can_write_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not in UTF-8"):
        check_folder(os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))


def test_no_input_is_overwritten(tmp_path: Path) -> None:
    picture = tmp_path / "cover.png"
    picture.write_bytes(b"mine")
    (tmp_path / "link.png").symlink_to(picture)
    for name in ("cover.png", "link.png", "../" + tmp_path.name + "/cover.png"):
        with pytest.raises(UserError, match="this is the picture itself"):
            check_file(tmp_path / name, (".png",), [str(picture)])
    check_file(tmp_path / "other.PNG", (".png",), [str(picture)])


def test_a_wrong_name_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must end in \.png or \.csv\."):
        check_file(tmp_path / "a.jpg", (".png", ".csv"))
    with pytest.raises(UserError, match="there is no folder"):
        check_file(tmp_path / "nowhere" / "a.png", (".png",))
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(UserError, match="this is a folder"):
        check_file(tmp_path / "dir.png", (".png",))


HOLDER = """
import sys, time
from pathlib import Path
from coverfusion.experiments.pipeline.outputs import one_writer
with one_writer(Path(sys.argv[1], "lock"), Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(0.5)
    Path(sys.argv[1], "made").touch()
"""


def test_who_comes_second_says_that_it_waits_and_finds_what_the_first_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with one_writer(tmp_path / "lock", tmp_path):
            assert (tmp_path / "made").exists()
    assert "waits" in capsys.readouterr().out
    with one_writer(tmp_path / "lock", tmp_path):
        assert capsys.readouterr().out == ""


def test_a_folder_with_a_control_character_is_a_folder_like_others(tmp_path: Path) -> None:
    check_folder(tmp_path / "a\tb")
