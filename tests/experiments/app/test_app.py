"""What lies behind the pages of the web app."""

import json
import re
import socket
import threading
import time
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from streamlit import file_util

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import decode
from coverfusion.data.sample.draw import GENRE_HABITS
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.app import example
from coverfusion.experiments.app.background import Task, run_command
from coverfusion.experiments.app.covers_in import left_over
from coverfusion.experiments.app.example import draw_example, drawn_uploads, train_example
from coverfusion.experiments.app.loaded_model import ONE_AT_A_TIME, LoadedModel
from coverfusion.experiments.app.reasons import NO_WORDS, NOTHING_READABLE, UNSURE_WORDS, nothing_words
from coverfusion.experiments.app.runs import (
    finished_runs,
    run_note,
)
from coverfusion.experiments.app.score_page import heading_of, noticed_of
from coverfusion.experiments.app.score_table import is_flagged, narrow_table, short_names, table_of_scores
from coverfusion.experiments.app.scored_covers import as_file, marked, score_uploads
from coverfusion.experiments.app.scoring_jobs import ScoringJob, job_of, start_scoring
from coverfusion.experiments.app.server import first_page, script_words
from coverfusion.experiments.app.uploads import MAX_PICTURES, on_disk
from coverfusion.experiments.commands.app import app_command
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets
from tests.helpers.app_covers import GENRES, app_cover, scored_of
from tests.helpers.pictures import (
    bad_files,
    encode,
    noise,
    solid,
    zip_bytes,
)

# --- uploads -------------------------------------------------------------------------------------------


def test_uploads_of_any_name_lie_in_a_folder_of_their_own_for_a_while() -> None:
    zipped = zip_bytes({"a/b.jpg": encode(solid("red", (8, 8))), "c.jpg": b"no picture"})
    names = ["../../outside.jpg", "a\\b.jpg", "", "..", "x" * 400 + ".jpg", "same.jpg", "same.jpg", "all.zip"]
    contents = [name.encode() for name in names[:-1]] + [zipped]
    with on_disk(list(zip(names, contents, strict=True))) as (found, left_out):
        assert left_out == 0
        shown = [name for name, _ in found]
        assert shown[:2] == ["outside.jpg", "b.jpg"]
        assert shown[4].endswith("xxx.jpg")
        assert len(shown[4]) <= 200
        assert shown[5:] == ["same.jpg", "same.jpg", "all.zip!a/b.jpg", "all.zip!c.jpg"]
        assert [read_bytes(path) for _, path in found[:7]] == contents[:7]
        roots = {Path(path.partition("!")[0]).parents[1] for _, path in found}
        assert len(roots) == 1
        assert roots.pop().is_dir()
    assert not Path(found[0][1]).exists()


def test_no_more_than_the_limit_is_listed() -> None:
    zipped = zip_bytes({f"{number}.jpg": b"" for number in range(MAX_PICTURES + 50)})
    with on_disk([("many.zip", zipped)]) as (found, left_out):
        assert (len(found), left_out) == (MAX_PICTURES, 50)


def test_every_kind_of_bad_file_is_a_row_with_its_reason(model: LoadedModel) -> None:
    bad = bad_files()
    good = app_cover("dub", 99)
    uploads = [("good.png", encode(good, "PNG")), *((one.file, one.data) for one in bad)]
    totals: list[int] = []
    steps = list(score_uploads(model, uploads, counted=totals.append))
    scored = steps[-1]
    frame = scored.frame
    assert scored.left_out == 0
    assert len(frame) == len(bad) + 1
    assert totals == [len(frame)]
    done = [len(part.frame) for part in steps]
    assert done == sorted(set(done))
    assert scored.good == [0]
    assert frame["error"][0] == ""
    assert frame["genre_1"][0] == "dub"
    for one, row in zip(bad, frame[1:].itertuples(), strict=True):
        assert str(row.path).partition("!")[0] == one.file
        assert re.search(one.reason, str(row.error), re.IGNORECASE), one.name
        assert pd.isna(row.genre_1)
    assert [picture is None for picture in scored.pictures] == [False] + [True] * len(bad)
    assert scored.thumbnails[0]
    assert not any(scored.thumbnails[1:])


def test_downloads_hold_every_score(model: LoadedModel, tmp_path: Path) -> None:
    uploads = [("a,\u201cb\u201d.png", encode(app_cover("opera", 99), "PNG")), ("bad.jpg", b"")]
    frame = scored_of(model, uploads).frame
    chances = frame.filter(regex=r"^probability_\d+$")
    assert chances.shape[1] == len(GENRES)
    assert chances.iloc[0].sum() == pytest.approx(1)
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": lambda p: pd.read_json(p, lines=True)}
    for kind, read in readers.items():
        file = tmp_path / f"scores.{kind}"
        file.write_bytes(as_file(frame, kind))
        again = read(file)
        assert list(again.columns) == list(frame.columns)
        assert again["path"].tolist() == frame["path"].tolist()
        assert again["probability_1"][0] == pytest.approx(frame["probability_1"][0])


def test_the_table_leaves_out_what_says_nothing(model: LoadedModel) -> None:
    good = ("good.png", encode(app_cover("dub", 5), "PNG"))
    scored = scored_of(model, [("bad.png", b""), good])
    table = table_of_scores(scored, scored.good, len(GENRES))
    assert {"warning", "failed_blocks"}.isdisjoint(table.columns)
    assert table["path"].tolist() == ["good.png"]  # what cannot be read is named above the table
    assert table["probability_2"].tolist() == pytest.approx([100 * scored.frame["probability_2"][1]])
    assert str(table["cover"].iloc[0]).startswith("data:image/jpeg;base64,")


def test_a_set_of_all_genres_is_undecided(model: LoadedModel) -> None:
    scored = scored_of(model, [("a.png", encode(app_cover("dub", 5), "PNG"))])
    two = list(GENRES)[:2]
    sets = {"|".join(GENRES): "Undecided", "|".join(two): ", ".join(two)}
    for genre_set, words in sets.items():
        scored.frame["genre_set"] = genre_set
        assert table_of_scores(scored, [0], len(GENRES))["genre_set"].tolist() == [words]


def test_a_cover_that_was_learnt_from_has_a_warning_and_no_set(model: LoadedModel, run: Path) -> None:
    assert model.bundle.neighbours is not None
    learnt = set(model.bundle.neighbours.covers["cover_id"])
    files = [file.read_bytes() for file in sorted((run.parents[1] / "covers").glob("*/*"))]
    old = next(file for file in files if sha256(file).hexdigest() in learnt)
    again = encode(decode(old), "JPEG")  # the same picture in another file
    uploads = [("old.jpg", old), ("again.jpg", again), ("new.png", encode(noise(7), "PNG"))]
    scored = scored_of(model, uploads)
    table = table_of_scores(scored, [0, 1, 2], len(GENRES))
    saved = [json.loads(line) for line in as_file(marked(scored.frame), "jsonl").decode().splitlines()]
    assert [row["learnt_from"] for row in saved] == [True, True, False]
    assert [bool(row["genre_set"]) for row in saved] == [False, False, True]
    assert [bool(held) for held in table["genre_set"]] == [False, False, True]
    assert table["warning"].str.contains("learnt from").tolist() == [True, True, False]
    assert is_flagged(scored.frame.loc[0].to_dict())
    assert noticed_of(scored.frame)[-1].startswith("The model has learnt from 2 of 3")


def test_names_of_files_are_no_html_on_a_phone(model: LoadedModel) -> None:
    scored = scored_of(model, [("<b>a.png", encode(app_cover("dub", 5), "PNG"))])
    assert "&lt;b&gt;a.png" in narrow_table(table_of_scores(scored, [0], len(GENRES)))


def test_files_are_named_without_their_folders_where_that_tells_them_apart() -> None:
    paths = ["a.zip!Rock/1.jpg", "a.zip!Pop/1.jpg", "b.zip!Rock/2.jpg", "3.jpg"]
    assert short_names(paths, [0, 2, 3]) == ["a.zip!Rock/1.jpg", "2.jpg", "3.jpg"]


def test_what_is_not_answered_is_said(model: LoadedModel) -> None:
    uploads = [(f"{n}.png", encode(app_cover(genre, n), "PNG")) for genre in GENRES for n in range(50, 53)]
    targets = Targets(coverage=0.5)
    scored = scored_of(model, [*uploads, ("bad.png", b"")], targets)
    table, frame = table_of_scores(scored, scored.good, len(GENRES)), scored.frame.loc[scored.good]
    assert len(table) == len(uploads)
    silent = frame["abstain"].astype(bool)
    assert 0 < silent.sum() < len(uploads)
    assert table["warning"].str.contains("abstained").tolist() == silent.tolist()
    unlike = frame["out_of_distribution"].fillna(False).astype(bool)
    assert table["warning"].str.contains("out of distribution").tolist() == unlike.tolist()
    assert list(table.columns[:4]) == ["cover", "genre_1", "probability_1", "warning"]
    phone = narrow_table(table)
    assert phone.count("<tr>") == len(uploads) + 1
    assert phone.count("abstained") == silent.sum()
    assert noticed_of(scored.frame)[0].startswith(f"No prediction for {silent.sum()} of {len(uploads)}")
    assert heading_of(scored.frame) == f"{len(uploads)} covers scored, 1 file could not be read"


# --- scoring in the background -----------------------------------------------------------------------------


def test_what_was_scored_waits_under_its_key(model: LoadedModel) -> None:
    uploads = [(f"{n}.png", encode(app_cover("dub", n), "PNG")) for n in range(70, 73)]
    key = start_scoring(model, uploads, NO_TARGETS)
    job = _ended(key)
    assert (job.count, job.total, job.error) == (3, 3, None)
    assert start_scoring(model, uploads, NO_TARGETS) == key
    assert job_of(key) is job  # it is not done twice
    assert start_scoring(model, uploads, Targets(coverage=0.5)) != key
    assert start_scoring(model, uploads[:2], NO_TARGETS) != key
    assert job_of("unknown") is job_of(None) is None


def test_a_stopped_job_keeps_what_it_has(model: LoadedModel) -> None:
    picture = encode(app_cover("dub", 80), "PNG")
    job = ScoringJob(model, NO_TARGETS)
    job.stop()
    job.run([(f"{n}.png", picture) for n in range(40)])
    assert job.done
    assert 0 < job.count < 40
    assert job.total == 40
    assert job.words == f"Stopping \u2026 {job.count} of 40 so far"
    (said,) = left_over(job)
    assert said.startswith(f"Stopped: {job.count} of 40 pictures are scored.")


def test_a_job_says_how_many_pictures_wait_before_the_first_is_scored(
    model: LoadedModel,
) -> None:
    job = ScoringJob(model, NO_TARGETS)
    assert job.words.startswith("Reading the first (")
    said: list[str] = []
    thread = threading.Thread(target=job.run, args=([("a.png", encode(app_cover("dub", 80), "PNG"))],))
    with ONE_AT_A_TIME:  # the model works for somebody else
        thread.start()
        while not job.total:
            time.sleep(0.01)
        said.append(job.words)
    thread.join()
    assert said[0].startswith("Reading the first of 1 (")
    assert job.count == 1


def test_pictures_that_are_left_out_are_counted(model: LoadedModel) -> None:
    picture = encode(app_cover("dub", 80), "PNG")
    job = ScoringJob(model, NO_TARGETS, drawn=True)
    job.run([("a.zip", zip_bytes({f"{number}.png": picture for number in range(MAX_PICTURES + 1)}))])
    assert job.count == MAX_PICTURES
    drawn, out = left_over(job)
    assert "drawn by a program" in drawn
    assert "1 picture of your files is left out" in out
    assert f"coverfusion score {model.folder}" in out


def test_a_cover_without_words_is_said_to_have_none() -> None:
    read = {"words": [], "features": [], "contributions": {"blocks": {"ocr": 0.1}, "words": {}}}
    assert nothing_words(read) == NO_WORDS
    sure, unsure = ({"text": "love", "confidence": confidence} for confidence in (0.9, 0.1))
    assert nothing_words({**read, "words": [unsure]}) == UNSURE_WORDS
    assert nothing_words({**read, "words": [unsure, sure]}) == NOTHING_READABLE
    assert nothing_words({**read, "contributions": {"blocks": {"cnn": 0.1}, "words": {}}}) == NOTHING_READABLE


def _ended(key: str) -> ScoringJob:
    job = job_of(key)
    assert job is not None
    for _ in range(600):
        if job.done:
            return job
        time.sleep(0.1)
    raise TimeoutError(job.words)


def test_steps_stop_at_the_first_that_fails() -> None:
    done: list[str] = []
    task = Task(
        [("one", lambda: done.append("one")), ("two", lambda: 1 / 0), ("three", lambda: done.append("3"))]
    )
    task.run()
    assert task.done
    assert done == ["one"]
    assert task.at == 1
    assert task.error == "division by zero"
    assert task.words.startswith("Step 2 of 3: two")


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        run_command(("report", tmp_path / "nowhere"))


def test_the_app_is_started_with_its_targets() -> None:
    bundle, runs, targets = script_words(None, Path("runs"), Targets(error=0.1))
    assert (bundle, runs) == ("", "runs")
    assert Targets(**json.loads(targets)) == Targets(error=0.1)


# --- drawn covers ------------------------------------------------------------------------------------------


def test_drawn_covers_can_be_scored(model: LoadedModel) -> None:
    uploads = drawn_uploads()
    assert len(uploads) == len({content for _, content in uploads}) == 12
    frame = scored_of(model, uploads[:2]).frame
    assert frame["error"].tolist() == ["", ""]
    names = " ".join(name for name, _ in uploads)
    assert not any(genre in names for genre in GENRE_HABITS)  # which the model may not know


def test_an_example_is_a_run_that_the_app_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example, "TRAINING_COVERS_A_GENRE", 6)
    draw_example(tmp_path)
    made = train_example(tmp_path)
    assert finished_runs(tmp_path) == [made]
    assert read_run(made).facts["covers"] == 36
    assert "drawn" in run_note(made)


# --- the server -------------------------------------------------------------------------------------------


def test_the_first_page_says_something_before_any_script_runs() -> None:
    shell = (Path(file_util.get_static_dir()) / "index.html").read_text()
    page = first_page(shell)
    body = page[page.index("<body>") :]
    assert "<title>coverfusion</title>" in page
    assert body.index('<div id="root"></div>') < body.index("The app is opening")
    assert page.count("<script") == shell.count("<script")


# --- the command ---------------------------------------------------------------------------------------


def test_what_is_wrong_is_said_before_the_server_starts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist"):
        app_command(tmp_path / "nowhere", tmp_path, "127.0.0.1", 0)
    with pytest.raises(UserError, match="nowhere does not exist"):
        app_command(None, tmp_path / "nowhere", "127.0.0.1", 0)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is not a folder"):
        app_command(None, tmp_path / "file", "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UserError, match="already in use"):
        app_command(None, tmp_path, "127.0.0.1", other.getsockname()[1])


def test_scores_do_not_depend_on_the_pictures_beside(model: LoadedModel) -> None:
    picture = encode(app_cover("dub", 7), "PNG")
    alone = scored_of(model, [("a.png", picture)]).frame
    many = [(f"{n}.png", encode(noise(n, (40, 40)), "PNG")) for n in range(9)] + [("a.png", picture)]
    beside = scored_of(model, many).frame
    assert beside["path"].iloc[-1] == "a.png"
    assert beside["probability_1"].iloc[-1] == pytest.approx(alone["probability_1"][0], abs=1e-6)
