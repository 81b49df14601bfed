"""Scores of many pictures: outputs that are refused, rows that are empty, targets and the warning."""

import codecs
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.data.sources import list_pictures
from coverfusion.experiments.cli import app
from coverfusion.experiments.commands.score import score_command
from coverfusion.experiments.scoring.score import count_failed, score
from coverfusion.features.failure_limit import FailureLimit
from tests.helpers.serving import JPEG


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
        with pytest.raises(UserError, match="Another run is writing") as raised:
            score(served_bundle, iter(covers), out, resume=True)
        refused.append(raised.value)

    assert score(served_bundle, iter(covers), out, progress=meanwhile) == (2, 1)
    assert len(refused) == 1
    assert len(pd.read_csv(out)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".s.csv.run.json", "a.jpg", "b.jpg", "s.csv"]


def test_failed_blocks_are_counted_of_the_pictures_that_could_be_read() -> None:
    limit = FailureLimit(0.2)
    scored = pd.DataFrame(
        {"error": ["no picture"] * 20 + [""] * 20, "failed_blocks": [""] * 36 + ["ocr: X"] * 4}
    )
    count_failed(limit, scored)
    limit.check()
    count_failed(limit, scored[-1:])
    with pytest.raises(UserError, match=r"A block failed on 5 of 21 covers, more than 20%: ocr: X \(5\)"):
        limit.check()


def test_no_pictures_give_a_file_without_rows(served_bundle: Path, tmp_path: Path) -> None:
    kinds = {"csv": pd.read_csv, "parquet": pd.read_parquet}
    for kind, read in kinds.items():
        assert score(served_bundle, iter([]), tmp_path / f"s.{kind}") == (0, 0)
        frame = read(tmp_path / f"s.{kind}")
        assert len(frame) == 0
        assert {"path", "genre_1", "error"} < set(frame)
    assert score(served_bundle, iter([]), tmp_path / "s.jsonl") == (0, 0)
    assert (tmp_path / "s.jsonl").read_bytes() == b""


def test_an_argument_that_is_not_there_ends_the_command_a_line_that_is_not_is_a_row(
    served_bundle: Path, covers: list[str], tmp_path: Path
) -> None:
    out = str(tmp_path / "s.csv")
    done = CliRunner().invoke(app, ["score", str(served_bundle), covers[0], "nowhere", "--out", out])
    assert isinstance(done.exception, UserError)
    assert "nowhere: there is no such" in str(done.exception)
    assert not Path(out).exists()
    lines = f"  {covers[0]} \r\n\nnowhere\n"
    done = CliRunner().invoke(app, ["score", str(served_bundle), "-", "--out", out], input=lines)
    assert done.exit_code == 0
    assert "2 pictures" in done.output
    assert "with an error: 1" in done.output
    assert pd.read_csv(out)["path"].tolist() == [covers[0], "nowhere"]
    (tmp_path / "empty").mkdir()
    words = ["score", str(served_bundle), str(tmp_path / "empty"), "--out", str(tmp_path / "e.csv")]
    assert "There are no pictures" in CliRunner().invoke(app, words).output


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_what_was_not_looked_for_is_empty(
    kind: str, served_bundle: Path, covers: list[str], tmp_path: Path
) -> None:
    out = tmp_path / f"s.{kind}"  # of a bundle with too few covers to know them
    score(served_bundle, iter(covers), out)
    if kind == "jsonl":
        assert [json.loads(line)["out_of_distribution"] for line in out.read_text().splitlines()] == [
            None,
            None,
        ]
    else:
        frame = pd.read_csv(out) if kind == "csv" else pd.read_parquet(out)
        assert frame["out_of_distribution"].isna().all()
        assert frame["abstain"].tolist() == [False, True]
    if kind == "parquet":
        assert pq.read_schema(out).field("out_of_distribution").type == "bool"


def test_a_stopped_run_says_how_to_go_on_and_a_finished_one_that_it_is(
    served_bundle: Path,
    covers: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped() -> Iterator[str]:
        yield covers[0] + "\n"
        raise KeyboardInterrupt

    out = str(tmp_path / "s.csv")
    monkeypatch.setattr("sys.stdin", stopped())
    with pytest.raises(typer.Exit) as ended:
        score_command(served_bundle, ["-"], out)
    assert ended.value.exit_code == 130
    assert "Stopped. Go on with --resume." in capsys.readouterr().out
    score_command(served_bundle, covers, out, resume=True)
    assert "with an error: 1" in capsys.readouterr().out
    before = Path(out).read_bytes()
    score_command(served_bundle, covers, out, resume=True)
    assert "Finished already: " in capsys.readouterr().out
    assert Path(out).read_bytes() == before


def test_a_list_as_any_disk_and_program_writes_it(
    served_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, root = tmp_path / "a.jpg", os.fsencode(tmp_path)
    for name in (b"/a.jpg", b"/caf\xe9.jpg", b"/blank.jpg "):
        with open(root + name, "wb") as file:  # noqa: PTH123
            file.write(JPEG)
    lines = [
        codecs.BOM_UTF8 + os.fsencode(good) + b"\r",
        root + b"/caf\xe9.jpg",
        root + b"/gone\xff.jpg",
        root + b"/blank.jpg ",
        b"/" + b"x" * 5000,
        root + b"/a\0b.jpg",
        b"  " + os.fsencode(good),
    ]
    listed = io.TextIOWrapper(io.BytesIO(b"\n".join(lines)), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", listed)
    score_command(served_bundle, ["-"], str(tmp_path / "s.CSV"))
    frame = pd.read_csv(tmp_path / "s.CSV", keep_default_na=False)
    assert [bool(error) for error in frame["error"]] == [False, False, True, False, True, True, False]
    assert frame["path"][0] == frame["path"][6] == str(good)
    assert frame["path"][1] == f"{tmp_path}/caf\\xe9.jpg"


def test_a_folder_is_scored_into_itself(served_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    out = tmp_path / "scores.csv"
    assert score(served_bundle, list_pictures([str(tmp_path)]), out) == (1, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".scores.csv.run.json", "a.jpg", "scores.csv"]
    assert score(served_bundle, list_pictures([str(tmp_path)]), out, resume=True) == (1, 0)


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_manifest_is_a_row_a_path_whatever_else_it_holds(
    name: str, served_bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.jpg").write_bytes(JPEG)
    (tmp_path / "p" / "inner.csv").write_text("path\na.jpg\n")  # is no list where nobody named it
    table = pd.DataFrame({"Path": ["p/a.jpg", "p/gone.jpg", "p", "p/inner.csv", "p\\a.jpg"]})
    if name.endswith(".csv"):
        table.assign(genre="").to_csv(tmp_path / name, index=False)
    else:
        table.assign(genre=[["Rock"]] * 5).to_parquet(tmp_path / name)
    score_command(served_bundle, [str(tmp_path / name)], str(tmp_path / "s.csv"))
    scores = pd.read_csv(tmp_path / "s.csv", keep_default_na=False)
    picture = f"{tmp_path}/p/a.jpg"
    assert scores["path"].tolist() == [
        picture,
        *(f"{tmp_path}/p{end}" for end in ("/gone.jpg", "", "/inner.csv")),
        picture,
    ]
    assert [bool(error) for error in scores["error"]] == [False, True, True, True, False]
    (tmp_path / "other.csv").write_text("file\na.jpg\n")
    with pytest.raises(UserError, match="has no column 'path'; a manifest needs 'path'"):
        score_command(served_bundle, [str(tmp_path / "other.csv")], str(tmp_path / "o.csv"))
    assert not (tmp_path / "o.csv").exists()


def test_a_finished_file_is_resumed_for_the_same_pictures_and_model_alone(
    served_bundle: Path, covers: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    first = score(served_bundle, iter(covers), out)
    before = out.read_bytes()
    assert score(served_bundle, iter(covers), out, resume=True) == first
    for others in (covers[:1], [*covers, covers[0]], covers[::-1]):
        with pytest.raises(UserError, match=r"s.csv was made of other pictures. Name another --out"):
            score(served_bundle, iter(others), out, resume=True)
    with pytest.raises(UserError, match="another top_k"):
        score(served_bundle, iter(covers), out, top_k=1, resume=True)
    assert out.read_bytes() == before
    (tmp_path / "mine.csv").write_text("path\n")
    with pytest.raises(UserError, match="no note of what it was made of"):
        score(served_bundle, iter(covers), tmp_path / "mine.csv", resume=True)
