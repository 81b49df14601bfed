"""Counts over rows of scores: the same from pictures, from every kind of file, and by hand."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from coverfusion.experiments.cli import app
from coverfusion.experiments.commands.printed_scores import print_tally
from coverfusion.experiments.scoring.parts import schema_of
from coverfusion.experiments.scoring.tally import FEW, Tally, tally_file
from coverfusion.fusion.bundle import load_bundle
from tests.helpers.pictures import noise, save_folders, solid

ROWS = pd.DataFrame(
    {
        "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
        "cover_id": ["A", "B", "C", ""],
        "genre_1": ["NA", "=dub", "NA", None],
        "probability_1": [0.9, 0.5, 0.4, None],
        "abstain": [False, False, True, True],
        "genre_set": ["NA", "NA|=dub", "NA", None],
        "out_of_distribution": [False, True, None, None],
        "learnt_from": [False, True, None, None],
        "failed_blocks": ["", "ocr: out of time", "", ""],
        "error": ["", "", "", "no picture,\nsays the decoder"],
    }
)


def test_rows_are_counted_and_the_first_are_kept() -> None:
    tally = Tally()
    for _ in range(10):
        tally.add(ROWS)
    assert (tally.rows, tally.errors, tally.flagged) == (40, 10, 10)
    assert (tally.learnt, tally.in_part, tally.albums) == (10, 10, False)
    assert tally.abstained == 10  # a picture that cannot be read is an error alone
    assert tally.genres == {"NA": 20, "=dub": 10}
    assert tally.first["path"].tolist() == [*ROWS["path"]] * (FEW // 4)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_file_gives_the_same_counts(kind: str, tmp_path: Path) -> None:
    from coverfusion.data.csv_files import as_text

    out = tmp_path / f"scores.{kind}"
    if kind == "csv":
        as_text(ROWS).to_csv(out, index=False)
    elif kind == "parquet":
        ROWS.to_parquet(out, schema=schema_of(ROWS))
    else:
        out.write_text("".join(json.dumps(row) + "\n" for row in ROWS.astype(object).to_dict("records")))
        out.write_text(out.read_text().replace("NaN", "null"))
    tally = tally_file(out)
    assert (tally.rows, tally.errors, tally.flagged, tally.abstained) == (4, 1, 1, 1)
    assert (tally.learnt, tally.in_part, tally.albums) == (1, 1, False)
    assert tally.genres == {"NA": 2, "=dub": 1}


def test_few_pictures_are_listed_many_are_counted_and_no_file_is_made(
    served_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_folders(tmp_path / "new ones", {"one": [noise(1), solid("red")]})
    broken = tmp_path / "new ones" / "one" / "broken.jpg"
    broken.write_bytes(b"no picture")
    files = sorted(tmp_path.rglob("*"))
    few = CliRunner().invoke(app, ["score", str(served_bundle), "new ones"], env={"COLUMNS": "80"})
    assert few.exit_code == 0, few.output
    rows = {line.split()[0]: line for line in few.stdout.splitlines() if line.strip()}
    assert "no picture" in rows["broken.jpg"] or "not a picture" in rows["broken.jpg"]
    assert sum("%" in line for line in few.stdout.splitlines()) == 2
    assert f"coverfusion score {served_bundle} 'new ones' --out scores.csv" in few.stdout
    assert sorted(tmp_path.rglob("*")) == files

    save_folders(tmp_path / "many", {"one": [noise(seed) for seed in range(FEW + 1)]})
    many = CliRunner().invoke(app, ["score", str(served_bundle), "many", "--target-error", "0.4"])
    assert many.exit_code == 0, many.output
    assert f"{FEW + 1} pictures" in many.stdout
    assert "with an error: 0" in many.stdout
    assert f"{FEW + 1}/{FEW + 1}" in many.stdout  # the bar knows how many there are
    assert "--target-error 0.4 --out scores.csv" in many.stdout


def test_a_file_is_summed_up_too(
    served_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_folders(tmp_path / "new", {"one": [noise(1), solid("red")]})
    words = ["score", str(served_bundle), "new", "--out", "scores.csv"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    genres = pd.read_csv("scores.csv", keep_default_na=False)["genre_1"].value_counts()
    for genre, count in genres.items():
        assert f"{genre} {count} {50 * count:.1f} %" in " ".join(done.stdout.split())
    assert "Scores: scores.csv" in done.stdout
    again = CliRunner().invoke(app, [*words, "--resume"])
    assert "Finished already: scores.csv" in again.stdout


def test_pictures_that_the_model_has_learnt_from_are_named(
    served_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    covers = load_bundle(served_bundle).neighbours.covers
    learnt = [path for path in covers["path"] if Path(path).is_file()][:2]
    save_folders(tmp_path / "new", {"one": [noise(1)]})
    listed = CliRunner().invoke(app, ["score", str(served_bundle), "new", *learnt])
    assert listed.exit_code == 0, listed.output
    assert "learnt from 2 of these pictures" in " ".join(listed.stdout.split())
    filed = CliRunner().invoke(app, ["score", str(served_bundle), "new", *learnt, "--out", "scores.csv"])
    assert "learnt from 2 of these pictures" in " ".join(filed.stdout.split())
    new = CliRunner().invoke(app, ["score", str(served_bundle), "new"])
    assert "learnt" not in new.stdout


@pytest.mark.parametrize("option", ["--resume", "--track"])
def test_what_needs_a_file_is_refused_without_one(option: str, served_bundle: Path, tmp_path: Path) -> None:
    save_folders(tmp_path / "new", {"one": [noise(1)]})
    done = CliRunner().invoke(app, ["score", str(served_bundle), str(tmp_path / "new"), option])
    assert done.exit_code != 0
    assert option in str(done.exception)
    assert "--out" in str(done.exception)


@pytest.mark.parametrize(("rows", "said"), [(4, True), (3, False)])
def test_proportions_of_readable_pictures_are_said_to_be_so(
    rows: int, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()
    tally.add(ROWS.head(rows))  # the fourth cannot be read
    print_tally(tally, abstains=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "66.7 %" in told.replace("\u00a0", " ")  # two of three
    assert ("Proportions are of the pictures that could be read." in told) == said
