"""A task is made from pictures alone: a remake is equal whatever files are called, a changed one refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.growing.discogs import Discogs
from coverfusion.data.growing.ids import read_ids
from coverfusion.experiments.benchmark.task import (
    PICTURES_FILE,
    TASK_FILE,
    Task,
    guessing,
    make_task,
    packaged_tasks,
    read_task,
    write_task,
)
from tests.helpers.pictures import encode, save_folders, save_manifest
from tests.helpers.tasks import COLOURS, poster, save_posters, written_task


@pytest.fixture(scope="module")
def posters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_posters(tmp_path_factory.mktemp("posters") / "posters")


@pytest.fixture(scope="module")
def task(posters: Path) -> Task:
    return make_task(read_collection(posters), "Posters", 4, of="posters")


def test_a_task_comes_back_as_it_was_written(task: Task, tmp_path: Path) -> None:
    again = read_task(write_task(task, tmp_path / "task"))
    pd.testing.assert_frame_equal(again.pictures, task.pictures, check_dtype=False)
    assert (again.name, again.of, again.metric, again.seed) == ("Posters", "posters", task.metric, 0)
    assert again.digest == task.digest
    facts = yaml.safe_load((tmp_path / "task" / TASK_FILE).read_text())
    assert facts["genres"] == dict.fromkeys(sorted(COLOURS), 8)
    assert facts["folds"] == 4
    assert not list((tmp_path / "task").rglob("*.jpg"))


def test_each_fold_has_its_part_of_each_genre(task: Task) -> None:
    counts = task.pictures.groupby(["fold", "genre"]).size()
    assert len(counts) == 4 * 3
    assert set(counts) == {2}


def test_the_same_pictures_by_other_names_and_in_another_order_make_the_same_task(
    posters: Path, task: Task, tmp_path: Path
) -> None:
    files = sorted(posters.rglob("*.*"))
    rows = []
    for number, file in enumerate(reversed(files)):
        moved = tmp_path / f"{number}{file.suffix}"
        moved.write_bytes(file.read_bytes())
        rows.append({"path": moved.name, "genre": file.parent.name})
    other = make_task(read_collection(save_manifest(tmp_path / "m.csv", rows)), "Renamed", 4)
    assert other.digest == task.digest
    same = ["genre", "group", "fold"]
    pd.testing.assert_frame_equal(other.pictures[same], task.pictures[same])
    assert set(other.pictures["id"]).isdisjoint(task.pictures["id"])


def test_near_duplicates_are_in_one_fold(tmp_path: Path) -> None:
    drawn = {genre: [poster(genre, n) for n in range(6)] for genre in COLOURS}
    twice = {
        genre: [encode(p, "PNG") for p in pictures] + [encode(p, "JPEG", quality=90) for p in pictures]
        for genre, pictures in drawn.items()
    }
    made = make_task(read_collection(save_folders(tmp_path / "twice", twice)), "Twice", 3)
    assert made.pictures.groupby("group").size().tolist() == [2] * 18
    assert (made.pictures.groupby("group")["fold"].nunique() == 1).all()


def test_ids_are_names_of_files_where_these_are_unique(posters: Path, task: Task, tmp_path: Path) -> None:
    assert "Comedy/000.jpg" in set(task.pictures["id"])
    rows = []
    for genre, number in [(genre, number) for genre in COLOURS for number in range(4)]:
        file = tmp_path / f"R-{len(rows) + 100}-{genre}.png"
        file.write_bytes(encode(poster(genre, number), "PNG"))
        rows.append({"path": file.name, "genre": genre})
    collection = read_collection(save_manifest(tmp_path / "m.csv", rows))
    assert "R-100-Comedy.png" in set(make_task(collection, "Names", 2).pictures["id"])
    by_release = make_task(collection, "Releases", 2, source="discogs")
    assert set(by_release.pictures["id"]) == {str(number) for number in range(100, 112)}
    assert by_release.digest == make_task(collection, "Names", 2).digest


def test_names_without_a_release_id_are_named(posters: Path) -> None:
    with pytest.raises(UserError, match=r"no release id in the name of 24 files, such as "):
        make_task(read_collection(posters), "Posters", 2, source="musicbrainz")


@pytest.mark.parametrize(
    ("folds", "few"), [(5, r"Horror \(3\)"), (7, r"Comedy \(6\), Horror \(3\), War \(6\)")]
)
def test_genres_with_fewer_pictures_than_folds_are_named(tmp_path: Path, folds: int, few: str) -> None:
    drawn = {"Comedy": [poster("Comedy", n) for n in range(6)], "War": [poster("War", n) for n in range(6)]}
    drawn["Horror"] = [poster("Horror", n) for n in range(3)]
    with pytest.raises(UserError, match=f"--folds {folds}: .* groups of pictures .* Too few in: {few}"):
        make_task(read_collection(save_folders(tmp_path / "few", drawn)), "Few", folds)


@pytest.mark.parametrize(("before", "after"), [(",Comedy,", ",War,"), (",0\n", ",1\n")])
def test_a_changed_task_is_refused(task: Task, before: str, after: str, tmp_path: Path) -> None:
    file = write_task(task, tmp_path / "task") / PICTURES_FILE
    changed = file.read_text().replace(before, after, 1)
    assert changed != file.read_text()
    file.write_text(changed)
    with pytest.raises(UserError, match="was changed since it was made"):
        read_task(tmp_path / "task")


def test_a_frozen_task_is_not_overwritten_by_another(posters: Path, task: Task, tmp_path: Path) -> None:
    folder = write_task(task, tmp_path / "task")
    before = (folder / PICTURES_FILE).read_bytes()
    write_task(task, folder)  # the same again
    with pytest.raises(UserError, match="holds another task"):
        write_task(make_task(read_collection(posters), "Posters", 2), folder)
    assert (folder / PICTURES_FILE).read_bytes() == before
    (folder / TASK_FILE).write_text("name: half")
    with pytest.raises(UserError, match="without a digest"):
        write_task(task, folder)


@pytest.mark.parametrize("metric", ["micro_f1", "ac"])
def test_systems_are_ranked_by_metrics_of_one_genre(metric: str, posters: Path) -> None:
    with pytest.raises(
        UserError, match=f"--metric {metric} .*Known: accuracy, balanced_accuracy, brier"
    ) as told:
        make_task(read_collection(posters), "Posters", 4, metric=metric)
    assert "hamming" not in str(told.value)


def test_what_decides_a_score_decides_the_digest() -> None:
    def digest(**other: object) -> str:
        given = {"genres": ["a", "a", "b", "b"], "folds": [0, 1, 0, 1], "groups": [1, 2, 3, 4]} | other
        return written_task(**given).digest  # type: ignore[arg-type]

    changed = [
        digest(),
        digest(genres=["a", "b", "a", "b"]),
        digest(folds=[1, 0, 0, 1]),
        digest(groups=[1, 2, 1, 4]),
        digest(metric="log_loss"),
    ]
    assert len(set(changed)) == 5
    assert digest(groups=[7, 1, 9, 3]) == digest()  # the same groups by other numbers


def test_guessing_by_hand() -> None:
    # fold 0: a, a, b; fold 1: a, b, b, b. The most frequent genre is b, by 4 to 3
    values = guessing(written_task(["a", "a", "b", "a", "b", "b", "b"], [0, 0, 0, 1, 1, 1, 1]))
    assert values["accuracy"] == pytest.approx(4 / 7)
    # outside of fold 0 b is 3 of 4, outside of fold 1 it is 1 of 3
    losses = [-np.log(1 / 4)] * 2 + [-np.log(3 / 4), -np.log(2 / 3)] + [-np.log(1 / 3)] * 3
    assert values["log_loss"] == pytest.approx(np.mean(losses))


def test_what_is_no_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no task at .*nowhere.*discogs-five"):
        read_task(tmp_path / "nowhere")
    (tmp_path / TASK_FILE).write_text("name: x\n")
    with pytest.raises(UserError, match="holds no task that can be read"):
        read_task(tmp_path)


def test_the_packaged_task_is_whole() -> None:
    assert "discogs-five" in packaged_tasks()
    task = read_task("discogs-five")
    assert len(task.pictures) == 3483
    assert task.folds == 5
    assert task.source == "discogs"
    assert task.pictures["id"].str.fullmatch(r"[1-9]\d*").all()
    assert (task.pictures.groupby("group")["fold"].nunique() == 1).all()
    wanted = read_ids(packaged_tasks()["discogs-five"] / PICTURES_FILE, Discogs())
    assert {(one.release_id, one.genre) for one in wanted} == set(
        zip(task.pictures["id"], task.pictures["genre"], strict=True)
    )
    facts = yaml.safe_load((packaged_tasks()["discogs-five"] / TASK_FILE).read_text())
    assert facts["guessing"]["accuracy"] == pytest.approx(guessing(task)["accuracy"], abs=1e-4)


def _named_by_release(folder: Path, names: dict[str, int]) -> Path:
    rows = []
    for genre in COLOURS:
        for name, number in names.items():
            file = folder / name.format(100 * (list(COLOURS).index(genre) + 1))
            file.write_bytes(encode(poster(genre, number), "PNG"))
            rows.append({"path": file.name, "genre": genre})
    return save_manifest(folder / "m.csv", rows)


def test_back_covers_are_left_out_where_ids_are_release_ids(tmp_path: Path) -> None:
    names = {"{}1-front.png": 1, "{}2-front.png": 2, "{}2-back.png": 3}
    collection = read_collection(_named_by_release(tmp_path, names))
    made = make_task(collection, "Fronts", 2, source="discogs")
    assert sorted(made.pictures["id"]) == ["1001", "1002", "2001", "2002", "3001", "3002"]
    assert len(make_task(collection, "Files", 2).pictures) == 9


def test_two_pictures_of_one_release_are_named(tmp_path: Path) -> None:
    collection = read_collection(_named_by_release(tmp_path, {"{}1.png": 1, "R-{}1-7.png": 2}))
    with pytest.raises(UserError, match="names of 6 files hold another one's id"):
        make_task(collection, "Twice", 2, source="discogs")


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        (TASK_FILE, "seed: 0", "seed: 1"),
        (TASK_FILE, "seed: 0", "seed: -1"),
        (TASK_FILE, "name: By hand", "name: Other"),
        (TASK_FILE, "ids: names of files", "ids: discogs"),
        (TASK_FILE, "accuracy: 0", "accuracy: 1"),
        (TASK_FILE, "  a: 4", "  a: 5"),
        (TASK_FILE, "folds: 2", "folds: 3"),
        (PICTURES_FILE, "00.jpg", "09.jpg"),
    ],
)
def test_a_change_that_decides_no_score_is_refused_too(
    tmp_path: Path, file: str, before: str, after: str
) -> None:
    place = write_task(written_task(["a", "b"] * 4, [0, 0, 0, 0, 1, 1, 1, 1]), tmp_path / "task") / file
    changed = place.read_text().replace(before, after, 1)
    assert changed != place.read_text()
    read_task(tmp_path / "task")
    place.write_text(changed)
    with pytest.raises(UserError, match=r"was changed since it was made|the seed -1"):
        read_task(tmp_path / "task")


def test_a_task_that_lost_the_second_digest_is_refused_and_an_old_one_is_read(
    tmp_path: Path,
) -> None:
    made = written_task(["a", "b"] * 4, [0, 0, 0, 0, 1, 1, 1, 1])
    place = write_task(made, tmp_path / "task") / TASK_FILE
    assert read_task(tmp_path / "task").checked
    lines = place.read_text().splitlines(keepends=True)
    without = "".join(line for line in lines if not line.startswith("digest of both"))
    place.write_text(without)
    with pytest.raises(UserError, match="lost its line 'digest of both files'"):
        read_task(tmp_path / "task")
    place.write_text(without.replace("format: 2", "format: 1"))
    old = read_task(tmp_path / "task")
    assert (old.digest, old.checked) == (made.digest, False)


def test_a_task_with_one_id_twice_is_refused(tmp_path: Path) -> None:
    made = written_task(["a", "b"] * 4, [0, 0, 0, 0, 1, 1, 1, 1])
    made.pictures["id"] = made.pictures["id"].replace("03.jpg", "02.jpg")
    write_task(made, tmp_path / "task")  # its digests are right
    with pytest.raises(UserError, match=r"two pictures have the id '02\.jpg'"):
        read_task(tmp_path / "task")


def test_pictures_of_one_genre_and_name_get_ids_of_their_own(tmp_path: Path) -> None:
    rows = []
    for genre, number in [(genre, number) for genre in COLOURS for number in range(4)]:
        file = tmp_path / f"shelf-{number}" / f"{genre}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(encode(poster(genre, number), "PNG"))
        rows.append({"path": f"{file.parent.name}/{file.name}", "genre": genre})
    made = make_task(read_collection(save_manifest(tmp_path / "m.csv", rows)), "Shelves", 2)
    assert made.pictures["id"].is_unique
    first = made.pictures.index[0]
    genre = made.pictures["genre"].iloc[0]
    assert made.pictures["id"].iloc[0] == f"{genre}/{genre}.png {first[:8]}"
    pd.testing.assert_frame_equal(read_task(write_task(made, tmp_path / "task")).pictures, made.pictures)


@pytest.mark.parametrize("folds", [[0, 0, -1, -1], [0, 0, 2, 2], [0, 0, 0, 0]])
def test_folds_that_cannot_be_are_refused_whatever_the_digest(tmp_path: Path, folds: list[int]) -> None:
    place = write_task(written_task(["a", "b"] * 2, [0, 0, 1, 1]), tmp_path / "task")
    other = written_task(["a", "b"] * 2, folds)
    other.pictures.reset_index()[["id", "cover_id", "genre", "group", "fold"]].to_csv(
        place / PICTURES_FILE, index=False
    )
    facts = yaml.safe_load((place / TASK_FILE).read_text()) | {"digest": other.digest}
    (place / TASK_FILE).write_text(yaml.safe_dump(facts))
    with pytest.raises(UserError, match="folds are not numbered"):
        read_task(place)
