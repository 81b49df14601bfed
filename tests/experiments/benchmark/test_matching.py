"""Which pictures of a task are here: by bytes, then by ids; and what is laid out for training."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from coverfusion.data.collection import read_collection
from coverfusion.experiments.benchmark.matching import match, task_ids_of_files, write_workplace
from coverfusion.experiments.benchmark.picture_ids import possible_ids
from coverfusion.experiments.benchmark.shown import status_words
from coverfusion.experiments.benchmark.task import Task, make_task
from tests.helpers.pictures import encode
from tests.helpers.tasks import save_posters


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return make_task(read_collection(save_posters(tmp_path_factory.mktemp("theirs") / "p")), "Posters", 4)


def _mine(folder: Path) -> Path:
    return save_posters(folder / "mine")


def test_all_are_here_byte_for_byte(task: Task, tmp_path: Path) -> None:
    found = match(task, read_collection(_mine(tmp_path), keep="all"))
    assert set(found["status"]) == {"here"}
    assert (found["file_id"] == found.index).all()
    assert status_words(task, found) == ["24 of 24 pictures of Posters are here, byte for byte."]


def test_other_bytes_are_found_by_name_and_gone_pictures_are_counted(task: Task, tmp_path: Path) -> None:
    files = sorted(_mine(tmp_path).rglob("*.*"))
    files[0].unlink()
    smaller = Image.open(files[1]).resize((80, 80))
    files[1].write_bytes(encode(smaller, "PNG"))
    found = match(task, read_collection(tmp_path / "mine", keep="all"))
    by_id = found.set_index(task.pictures["id"])
    names = [f"{file.parent.name}/{file.name}" for file in files]
    assert by_id["status"].value_counts().to_dict() == {"here": 22, "other bytes": 1, "gone": 1}
    assert by_id.loc[names[0], "status"] == "gone"
    assert by_id.loc[names[1], "path"].endswith(names[1])
    written = write_workplace(task, found, tmp_path / "laid")
    manifest = pd.read_csv(tmp_path / "laid" / "manifest.csv")
    assert len(manifest) == 23
    assert pd.read_csv(tmp_path / "laid" / "absent.csv")["id"].tolist() == [names[0]]
    one = manifest.set_index("id").loc[names[1]]
    assert one["cover_id"] != one["file_id"]
    assert one["fold"] == task.pictures.set_index("id").loc[names[1], "fold"]
    assert task_ids_of_files(tmp_path / "laid" / "manifest.csv")[one["file_id"]] == one["cover_id"]
    said = status_words(task, written)
    assert "1 here with other bytes, found by name." in said
    assert "1 not here." in said


def test_other_bytes_that_look_like_a_picture_of_another_fold_are_left_out(
    task: Task, tmp_path: Path
) -> None:
    mine = _mine(tmp_path)
    comedy = task.pictures[task.pictures["genre"] == "Comedy"].sort_values("fold")
    first, last = comedy["id"].iloc[0], comedy["id"].iloc[-1]
    assert comedy["fold"].iloc[0] != comedy["fold"].iloc[-1]
    # the source now gives the first picture under the last one's id, too
    (mine / last).write_bytes(encode(Image.open(mine / first), "JPEG", quality=92))
    found = write_workplace(task, match(task, read_collection(mine, keep="all")), tmp_path / "laid")
    assert found["status"].value_counts().to_dict() == {"here": 23, "alike": 1}
    splits = pd.read_parquet(tmp_path / "laid" / "splits.parquet")
    assert len(splits) == 23


def test_an_id_of_two_files_finds_neither(task: Task, tmp_path: Path) -> None:
    mine = _mine(tmp_path)
    file = next(mine.rglob("*.*"))
    twin = mine / file.parent.name / "more"
    twin.mkdir()
    for place, side in ((file, 80), (twin / file.name, 70)):
        place.write_bytes(encode(Image.open(file).resize((side, side)), "PNG"))
    found = match(task, read_collection(mine, keep="all"))
    assert found["status"].value_counts().to_dict() == {"here": 23, "gone": 1}


def test_back_covers_bear_no_release_id() -> None:
    assert possible_ids("covers/24/249504-front.jpg", "Rock", "discogs") == ("249504",)
    assert possible_ids("covers/24/249504-back.jpg", "Rock", "discogs") == ()
    assert possible_ids("Rock.zip!Rock/R-249504-1-2.jpg", "Rock", "discogs") == ("249504",)
    assert possible_ids("Rock.zip!Rock/a.jpg", "Rock") == ("a.jpg", "Rock/a.jpg")


@pytest.mark.parametrize("other_genre", [False, True])
def test_a_picture_that_is_here_byte_for_byte_stays_beside_its_impostor(
    task: Task, tmp_path: Path, other_genre: bool
) -> None:
    mine = _mine(tmp_path)
    by_fold = task.pictures.sort_values("fold")
    comedy = by_fold.loc[by_fold["genre"] == "Comedy", "id"]
    war = by_fold.loc[by_fold["genre"] == "War", "id"]
    true, victim = comedy.iloc[-1], (war if other_genre else comedy).iloc[0]  # a tie took the lower fold
    (mine / victim).write_bytes(encode(Image.open(mine / true), "JPEG", quality=80))
    found = write_workplace(task, match(task, read_collection(mine, keep="all")), tmp_path / "laid")
    assert found["status"].value_counts().to_dict() == {"here": 23, "alike": 1}
    assert pd.read_csv(tmp_path / "laid" / "absent.csv")["id"].tolist() == [victim]
    assert true in set(pd.read_csv(tmp_path / "laid" / "manifest.csv")["id"])
