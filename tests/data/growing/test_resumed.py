"""Growing from ids that is interrupted, resumed and compared: the same ids, the same bytes."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

import pytest

import coverfusion as cf
from coverfusion.data.errors import UserError
from coverfusion.data.growing.by_ids import grow_by_ids
from coverfusion.data.growing.files import read_lines
from coverfusion.data.growing.grow import grow
from coverfusion.data.growing.http import Client
from coverfusion.data.growing.ids import WantedRelease
from coverfusion.data.growing.musicbrainz import MusicBrainz
from coverfusion.data.splits import folds
from tests.helpers.discogs_service import DiscogsService, discogs
from tests.helpers.growing import CONTACT, bytes_of, lock, picture, run, table, wanted, with_releases
from tests.helpers.music_services import mbid


@pytest.fixture
def service() -> Iterator[DiscogsService]:
    with discogs(with_releases(*range(1, 7), backs=(2,))) as running:
        yield running


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_twice_it_gives_the_same_bytes_the_same_collection_and_the_same_folds(seed, tmp_path):
    ids = [
        WantedRelease(str(n), "Given" if n % 5 == 0 else "")
        for n in random.Random(seed).sample(range(1, 41), 40)
    ]
    service = with_releases(*range(1, 41), backs=tuple(range(1, 41, 3)))
    del service.releases[7]
    with discogs(service):
        run(tmp_path / "whole", service, ids, back=True)
        asked_once = sorted(service.paths())
        service.asked.clear()
        for _ in range(2):
            at = len(service.asked) + random.Random(seed).randint(10, 25)
            # forked, as a fresh process would import for seconds
            again = partial(run, tmp_path / "killed", service, ids, back=True, interval=0.01)
            running = get_context("fork").Process(target=again)
            running.start()
            deadline = time.monotonic() + 60
            while len(service.asked) < at and time.monotonic() < deadline:
                time.sleep(0.001)
            running.kill()
            running.join()
            assert running.exitcode == -signal.SIGKILL
            time.sleep(0.05)
        assert len(service.asked) < len(asked_once)
        run(tmp_path / "killed", service, ids, back=True)
    twice = len(service.asked) - len(asked_once)
    assert set(service.paths()) == set(asked_once)
    assert 0 <= twice <= 2 * 3  # what was under way at a kill: a release with its two pictures
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")
    first, second = (cf.read_collection(tmp_path / name / "manifest.csv") for name in ("whole", "killed"))
    assert first.fingerprint() == second.fingerprint()
    assert folds(first.frame, 3, 1, 0).equals(folds(second.frame, 3, 1, 0))


def test_a_kept_picture_that_is_lost_or_altered_is_fetched_again(tmp_path, service):
    run(tmp_path, service, wanted(1, 2, 3))
    before = bytes_of(tmp_path)
    paths = list(table(tmp_path, "manifest.csv")["path"])
    (tmp_path / paths[0]).unlink()
    (tmp_path / paths[1]).write_bytes(picture(99))
    journal = tmp_path / "journal.jsonl"
    journal.write_text(journal.read_text()[:-20])  # the last line ends in the middle
    service.asked.clear()
    grown = run(tmp_path, service, wanted(1, 2, 3))
    assert [path for path in service.paths() if "rel" in path] == [
        "/releases/1",
        "/releases/2",
        "/releases/3",
    ]
    assert grown.differences.empty
    assert bytes_of(tmp_path) == before


def test_anothers_lock_says_exactly_what_differs(tmp_path, service):
    theirs = tmp_path / "theirs"
    del service.pictures[5]
    run(theirs, service, wanted(1, 2, 3, 4, 5))
    del service.releases[1]
    service.pictures |= {2: [picture(99)], 5: [picture(5)]}
    grown = run(tmp_path / "mine", service, wanted(6, 5, 3, 2, 1), lock=theirs / "grow.lock.csv")
    found = grown.differences
    assert list(zip(found["id"], found["difference"], strict=True)) == [
        ("1", "gone"),
        ("2", "changed"),
        ("4", "not here"),
        ("5", "came"),
        ("6", "not in the lock"),
    ]
    assert table(tmp_path / "mine", "differences.csv")["id"].tolist() == ["1", "2", "4", "5", "6"]
    same = run(tmp_path / "mine", service, wanted(6, 5, 3, 2, 1), lock=tmp_path / "mine" / "grow.lock.csv")
    assert same.differences.empty
    assert not (tmp_path / "mine" / "differences.csv").exists()


def test_a_lock_in_the_folder_is_compared_with_and_kept(tmp_path, service):
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    run(theirs, service, wanted(1, 2))
    mine.mkdir()
    locked = (theirs / "grow.lock.csv").read_bytes()
    (mine / "grow.lock.csv").write_bytes(locked)
    service.pictures[2] = [picture(99)]
    for _ in range(2):  # the second run fetches nothing and says the same
        grown = run(mine, service, wanted(1, 2, 3))
        assert grown.differences[["id", "difference"]].to_numpy().tolist() == [["2", "changed"]]
        assert (mine / "grow.lock.csv").read_bytes() == locked
    (mine / "grow.lock.csv").unlink()
    assert run(mine, service, wanted(1, 2, 3)).differences.empty
    run(mine, service, wanted(1, 2, 3, 4))  # further ids are no difference
    assert [row[0] for row in lock(mine)] == ["1", "2", "3", "4"]


def test_backs_may_come_later_and_stay_in_the_lock(tmp_path, service):
    run(tmp_path, service, wanted(1, 2))
    service.asked.clear()
    run(tmp_path, service, wanted(1, 2), back=True)
    assert service.paths() == ["/releases/1", "/releases/2", "/R-2-1.jpeg"]  # no front again
    locked = lock(tmp_path)
    assert locked == [("1", "front", "ok"), ("1", "back", "none"), ("2", "front", "ok"), ("2", "back", "ok")]
    run(tmp_path, service, wanted(1, 2))
    assert lock(tmp_path) == locked
    assert list(table(tmp_path, "manifest.csv")["side"]) == ["front", "front"]


def test_the_order_of_the_ids_is_that_of_the_manifest_alone(tmp_path, service):
    run(tmp_path / "a", service, wanted(1, 2, 3))
    run(tmp_path / "b", service, wanted(3, 1, 2))
    locks = [(tmp_path / name / "grow.lock.csv").read_bytes() for name in "ab"]
    assert locks[0] == locks[1]
    assert list(table(tmp_path / "b", "manifest.csv")["release"]) == ["3", "1", "2"]


def test_a_folder_of_another_kind_is_refused_untouched(tmp_path, service):
    run(tmp_path, service, wanted(1))
    before = bytes_of(tmp_path)
    source = MusicBrainz(address=service.address)
    with pytest.raises(UserError, match="holds releases of discogs"):
        grow_by_ids(tmp_path, [WantedRelease(mbid(1))], source, Client(CONTACT))
    with pytest.raises(UserError, match="was grown by --ids"):
        grow(tmp_path, ["jazz"], Client(CONTACT))
    assert bytes_of(tmp_path) == before
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "journal.jsonl").write_text(json.dumps({"genre": "jazz", "release": {}}) + "\n")
    with pytest.raises(UserError, match="--genre"):
        run(tmp_path / "tags", service, wanted(1))


def test_what_is_no_lock_is_refused_before_anything_is_asked(tmp_path, service):
    (tmp_path / "ids.csv").write_text("id\n1\n")
    for name in ("ids.csv", "nowhere.csv"):
        with pytest.raises(UserError, match=rf"lock: .*{name}"):
            run(tmp_path / "out", service, wanted(1), lock=tmp_path / name)
    assert service.asked == []
    assert not (tmp_path / "out").exists()


def test_half_a_letter_at_the_end_is_left_out_and_a_binary_journal_refused(tmp_path):
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes('{"name": "é"}\n{"name": "é'.encode()[:-1])
    assert read_lines(journal, dict) == [{"name": "é"}]
    journal.write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match=r"journal\.jsonl is damaged"):
        read_lines(journal, dict)
