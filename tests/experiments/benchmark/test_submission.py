"""A submission is checked row by row; what is written comes back, and fits no other task."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.benchmark.submission import (
    check_predictions,
    read_predictions,
    read_submission,
    write_submission,
)
from coverfusion.experiments.benchmark.submit import read_submissions, submission_files, submissions_from
from coverfusion.experiments.benchmark.task import Task, write_task
from coverfusion.experiments.cli import app
from tests.helpers.tasks import submitted, written_task

NOBODY = dict.fromkeys(("name", "authors", "trained on", "code", "notes"))


@pytest.fixture
def task() -> Task:
    return written_task(["NA", "=1+1", "NA", "=1+1", "b, c", "b, c"], [0, 0, 1, 1, 0, 1])


def _table(task: Task) -> pd.DataFrame:
    """Probabilities of 0.5, 0.3 and 0.2, the columns called by the genres."""
    ids = task.pictures.index.tolist()
    return pd.DataFrame({"cover_id": ids, "=1+1": 0.5, "NA": 0.3, "b, c": 0.2})


def test_a_table_by_genres_or_with_p_is_taken_in_any_order(task: Task) -> None:
    shuffled = _table(task).sample(frac=1, random_state=0)[["NA", "cover_id", "b, c", "=1+1"]]
    given, guessed = check_predictions(task, shuffled, "mine.csv")
    assert guessed == 0
    assert given.index.equals(task.pictures.index)
    assert given.to_numpy().tolist() == [[0.5, 0.3, 0.2]] * 6
    named = shuffled.rename(columns=lambda name: name if name == "cover_id" else f"p_{name}")
    pd.testing.assert_frame_equal(check_predictions(task, named, "mine.csv")[0], given)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="cover_id"), "no column 'cover_id'"),
        (lambda t: t.rename(columns={"NA": "Na"}), "'Na' is no genre of the task. Did you mean 'NA'"),
        (lambda t: t.drop(columns="NA"), "has no columns for the genre 'NA'"),
        (lambda t: t.assign(p_NA=0.1), "has 2 columns for the genre 'NA'"),
        (lambda t: pd.concat([t, t[2:3]]), r"row 7 .*comes a second time"),
        (lambda t: t.replace({"cover_id": {t["cover_id"][3]: "x"}}), r"row 4 \(cover_id x\) is no picture"),
        (lambda t: t.assign(NA=[0.3, np.nan, 0.3, 0.3, np.nan, 0.3]), r"row 2 .*no number. So it is with 1"),
        (lambda t: t.assign(NA=["0.3"] * 5 + ["half"]), r"row 6 .*missing or no number"),
        (lambda t: t.assign(NA=[0.3, 0.3, 0.3, -0.3, 0.3, 0.3]), r"row 4 .*below 0 or above 1"),
        (lambda t: t.assign(NA=[0.3, 0.3, 0.3, 0.3, 0.28, 0.3]), r"row 5 .*sum is 0.98, not 1"),
        (lambda t: t[:4], r"2 pictures of 6 without a prediction, such as 04.jpg, 05.jpg"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(task: Task, change: Any, said: str) -> None:
    with pytest.raises(UserError, match=f"mine.csv.*{said}"):
        check_predictions(task, change(_table(task)), "mine.csv")


def test_rounded_probabilities_are_taken_and_sum_to_one(task: Task) -> None:
    given, _ = check_predictions(task, _table(task).assign(NA=0.3004), "mine.csv")
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-12)


def test_missing_pictures_are_guessed_where_asked_for(task: Task) -> None:
    given, guessed = check_predictions(task, _table(task)[:4], "mine.csv", guess_missing=True)
    assert guessed == 2
    assert given.iloc[0].tolist() == [0.5, 0.3, 0.2]
    assert given.iloc[4].tolist() == pytest.approx([1 / 3] * 3)  # one of each lies outside of fold 0


def test_a_submission_with_guessed_pictures_comes_back(task: Task, tmp_path: Path) -> None:
    _table(task)[:3].to_csv(tmp_path / "mine.csv", index=False)
    [made] = submissions_from(task, tmp_path / "mine.csv", NOBODY | {"name": "short"}, guess_missing=True)
    again = read_submission(task, write_submission(task, made, tmp_path / "board"))
    assert again.guessed == 3
    pd.testing.assert_frame_equal(again.probabilities, made.probabilities, atol=1e-5)


def test_a_submission_takes_the_place_of_its_own_earlier_one_alone(task: Task, tmp_path: Path) -> None:
    columns = [0.5] * 6, [0.25] * 6, [0.25] * 6
    place = write_submission(task, submitted(task, "My system", *columns), tmp_path)
    before = place.read_bytes()
    assert write_submission(task, submitted(task, "My system", *columns), tmp_path) == place
    better = [0.6] * 6, [0.2] * 6, [0.2] * 6
    for name in ("My system", "My-system", "my SYSTEM"):
        with pytest.raises(UserError, match=r"holds another submission, My system\. `--replace`"):
            write_submission(task, submitted(task, name, *better), tmp_path)
    assert place.read_bytes() == before
    for name in ("My system", "my SYSTEM"):
        put = write_submission(task, submitted(task, name, *better), tmp_path, replace_=True)
        assert submission_files([tmp_path]) == [put]
        assert read_submission(task, put).name == name
        assert read_submission(task, put).probabilities.iloc[:, 0].tolist() == [0.6] * 6


def test_a_submission_comes_back_as_it_was_written(task: Task, tmp_path: Path) -> None:
    made = replace(
        submitted(task, "My: system, #1", [0.5] * 6, [0.25] * 6, [0.25] * 6),
        authors="Å. Name",
        trained_on="also\nother data",
        code="https://example.org/x#y",
        guessed=2,
    )
    place = write_submission(task, made, tmp_path)
    assert place.name == "My-system-1.csv"
    again = read_submission(task, place)
    pd.testing.assert_frame_equal(again.probabilities, made.probabilities)
    assert (again.name, again.authors, again.code, again.guessed) == (
        "My: system, #1",
        "Å. Name",
        "https://example.org/x#y",
        2,
    )
    assert again.trained_on == "also other data"
    assert submission_files([tmp_path]) == [place]


def test_a_submission_for_another_task_is_refused(task: Task, tmp_path: Path) -> None:
    place = write_submission(task, submitted(task, "a", [1] * 6, [0] * 6, [0] * 6), tmp_path)
    other = replace(task, pictures=task.pictures.assign(fold=[1, 1, 0, 0, 0, 1]))
    with pytest.raises(UserError, match="is for another task"):
        read_submission(other, place)
    with pytest.raises(UserError, match="is for another task"):
        submissions_from(other, place, NOBODY)


def test_a_table_that_nobody_submitted_is_no_submission(task: Task, tmp_path: Path) -> None:
    _table(task).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(UserError, match="does not say whose it is"):
        read_submission(task, tmp_path / "mine.csv")
    with pytest.raises(UserError, match="--name is missing"):
        submissions_from(task, tmp_path / "mine.csv", NOBODY)
    [made] = submissions_from(task, tmp_path / "mine.csv", NOBODY | {"name": "mine"})
    assert made.probabilities.to_numpy().tolist() == [[0.5, 0.3, 0.2]] * 6
    assert made.trained_on == "not said"


def test_a_file_that_is_no_submission_is_named_and_the_others_stay(task: Task, tmp_path: Path) -> None:
    place = write_submission(task, submitted(task, "a", [1] * 6, [0] * 6, [0] * 6), tmp_path)
    wrong = tmp_path / "short.csv"
    wrong.write_text(place.read_text().replace("cover_id,", "index,"))
    entered, [reason] = read_submissions(task, submission_files([tmp_path]))
    assert [one.name for one in entered] == ["a"]
    assert reason.startswith(f"{wrong} has no column 'cover_id'")
    with pytest.raises(UserError, match="has no column 'cover_id'"):
        read_submissions(task, [wrong])


def test_parquet_with_the_ids_as_its_index_is_read(task: Task, tmp_path: Path) -> None:
    _table(task).set_index("cover_id").to_parquet(tmp_path / "mine.parquet")
    facts, frame = read_predictions(tmp_path / "mine.parquet")
    assert facts == {}
    assert check_predictions(task, frame, "mine")[1] == 0


def test_other_files_are_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ends in \.csv or \.parquet"):
        read_predictions(tmp_path / "mine.xls")
    with pytest.raises(UserError, match="cannot be read"):
        read_predictions(tmp_path / "mine.csv")
    with pytest.raises(UserError, match="holds no submission"):
        submission_files([tmp_path])
    with pytest.raises(UserError, match="no submission at"):
        submission_files([tmp_path / "x.csv"])


@pytest.mark.parametrize("said", ["many", ".inf", "-5", "7", "2.5", "true", "[1]"])
def test_a_count_of_guessed_pictures_that_cannot_be_is_named_with_its_file(
    task: Task, tmp_path: Path, said: str
) -> None:
    place = write_submission(task, submitted(task, "a", [1] * 6, [0] * 6, [0] * 6), tmp_path)
    place.write_text(place.read_text().replace("# guessed: 0", f"# guessed: {said}"))
    with pytest.raises(UserError, match=r"a\.csv, line '# guessed: .*from 0 to 6"):
        read_submission(task, place)
    with pytest.raises(UserError, match=r"a\.csv, line '# guessed: "):
        submissions_from(task, place, NOBODY | {"name": "b"})


@pytest.mark.parametrize("name", ["", " ", "\n", "guessing", " guessing "])
def test_a_name_that_no_leaderboard_takes_is_refused_at_once(task: Task, tmp_path: Path, name: str) -> None:
    _table(task).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(UserError, match="name"):
        submissions_from(task, tmp_path / "mine.csv", NOBODY | {"name": name})


def test_a_name_is_compared_as_it_is_written_down(task: Task, tmp_path: Path) -> None:
    _table(task).to_csv(tmp_path / "mine.csv", index=False)
    places = set()
    for name in ("é  b", "e\u0301 b\n"):
        [made] = submissions_from(task, tmp_path / "mine.csv", NOBODY | {"name": name})
        assert made.name == "é b"
        places.add(write_submission(task, made, tmp_path / "board"))
    assert submission_files([tmp_path / "board"]) == list(places)


def test_a_long_name_in_any_letters_makes_a_file(task: Task, tmp_path: Path) -> None:
    made = submitted(task, "年" * 300, [1] * 6, [0] * 6, [0] * 6)
    assert read_submission(task, write_submission(task, made, tmp_path)).name == "年" * 300


def test_cover_ids_that_are_bytes_are_refused(task: Task, tmp_path: Path) -> None:
    table = _table(task)
    table["cover_id"] = [b"\xff" + one.encode() for one in table["cover_id"]]
    table.to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(UserError, match=r"mine\.parquet, row 1 .*has bytes for a cover_id"):
        submissions_from(task, tmp_path / "mine.parquet", NOBODY | {"name": "a"})


def test_a_copied_submission_is_left_out_and_the_others_ranked(task: Task, tmp_path: Path) -> None:
    columns = [0.5] * 6, [0.25] * 6, [0.25] * 6
    place = write_submission(task, submitted(task, "one", *columns), tmp_path)
    other = write_submission(task, submitted(task, "two", *columns), tmp_path)
    copy = tmp_path / "zcopy.csv"
    copy.write_bytes(place.read_bytes())
    entered, (reason,) = read_submissions(task, [place, other, copy])
    assert [one.name for one in entered] == ["one", "two"]
    assert f"{copy}: " in reason
    assert str(place) in reason


def test_lines_above_a_table_are_texts_and_a_broken_one_is_named(task: Task, tmp_path: Path) -> None:
    place = tmp_path / "mine.csv"
    table = _table(task).to_csv(index=False)
    place.write_text(f"# name: 007\n# task: 0000\n{table}")
    assert read_predictions(place)[0] == {"name": "007", "task": "0000"}
    with pytest.raises(UserError, match=f"for another task: 0000, and .* is {task.digest}"):
        read_submission(task, place)
    place.write_text(f"# name: a\n# notes: [x\n# code: y\n{table}")
    with pytest.raises(UserError, match=r"mine\.csv, line [23]: lines above the table are") as raised:
        read_predictions(place)
    assert "\n" not in str(raised.value)


def test_submitting_again_says_that_it_was_there_and_a_refusal_says_no_score(
    task: Task, tmp_path: Path
) -> None:
    write_task(task, tmp_path / "task")
    _table(task).to_csv(tmp_path / "mine.csv", index=False)
    words = ["benchmark", "submit", str(tmp_path / "task"), str(tmp_path / "mine.csv"), "--name", "mine"]
    words += ["--out", str(tmp_path / "board")]
    first, again = (CliRunner().invoke(app, words).output for _ in range(2))
    assert "already" not in first
    assert "already" in again
    assert "accuracy" in first
    _table(task).assign(**{"=1+1": 0.6, "NA": 0.2}).to_csv(tmp_path / "mine.csv", index=False)
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code != 0
    assert "accuracy" not in refused.output
