"""Growing a collection from release ids: the same ids, the same bytes, whatever happened on the way."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import coverfusion as cf
from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.growing.by_ids import MAX_UNANSWERED, Grown, grow_by_ids
from coverfusion.data.growing.discogs import Discogs
from coverfusion.data.growing.grow import Services, grow
from coverfusion.data.growing.http import Client
from coverfusion.data.growing.ids import WantedRelease
from coverfusion.data.growing.musicbrainz import MusicBrainz
from coverfusion.data.splits import folds
from coverfusion.experiments.cli import app
from tests.helpers import music_services
from tests.helpers.discogs_service import TOKEN, DiscogsService, discogs, discogs_release
from tests.helpers.music_services import details, mbid, served
from tests.helpers.pictures import encode, noise

CONTACT = "someone@example.org"
TABLES = ("manifest.csv", "rejected.csv", "grow.lock.csv")


def picture(number: int) -> bytes:
    return encode(noise(number, (40, 40)))


def with_releases(*numbers: int, backs: tuple[int, ...] = ()) -> DiscogsService:
    """Releases with a picture each, some with a second one."""
    return DiscogsService(
        releases={n: discogs_release(n, ("Rock", "Pop") if n % 2 else ("Jazz",)) for n in numbers},
        pictures={n: [picture(n)] + [picture(1000 + n)] * (n in backs) for n in numbers},
    )


@pytest.fixture
def service() -> Iterator[DiscogsService]:
    with discogs(with_releases(*range(1, 7), backs=(2,))) as running:
        yield running


def wanted(*ids: int) -> list[WantedRelease]:
    return [WantedRelease(str(n)) for n in ids]


def run(
    folder: Path, service: DiscogsService, ids: list[WantedRelease], token: str = TOKEN, **options
) -> Grown:
    source = Discogs(token, service.address)
    manners = source.manners() | {"interval": options.pop("interval", 0.0)}
    client = Client(CONTACT, tries=2, back_off=0.0, timeout=(1.0, 0.3), https_only=False, **manners)
    return grow_by_ids(folder, ids, source, client, **options)


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def lock(folder: Path) -> list[tuple[str, str, str]]:
    rows = table(folder, "grow.lock.csv")
    return list(zip(rows["id"], rows["side"], rows["status"], strict=True))


def bytes_of(folder: Path) -> dict[str, bytes]:
    covers = {
        str(p.relative_to(folder)): p.read_bytes() for p in (folder / "covers").rglob("*") if p.is_file()
    }
    return covers | {name: (folder / name).read_bytes() for name in TABLES}


# --- what comes ----------------------------------------------------------------------------------------


def test_a_release_becomes_a_row_with_its_data(tmp_path, service):
    grown = run(tmp_path, service, wanted(3, 2), back=True)
    rows = table(tmp_path, "manifest.csv")
    assert list(zip(rows["release"], rows["side"], strict=True)) == [
        ("3", "front"),
        ("2", "front"),
        ("2", "back"),
    ]
    row = rows.iloc[0]
    assert (row["genre"], row["genres"], row["artist"], row["title"]) == (
        "Rock",
        "Rock|Pop",
        "Artist 3",
        "Album 3",
    )
    assert (row["year"], row["country"], row["label"]) == ("1991", "UK", "Label")
    assert "not free to pass on" in row["licence"]
    assert (tmp_path / row["path"]).read_bytes() == picture(3)
    assert (tmp_path / rows["path"][2]).read_bytes() == picture(1002)
    assert rows["group"][1] == rows["group"][2] != rows["group"][0]
    assert lock(tmp_path) == [
        ("2", "front", "ok"),
        ("2", "back", "ok"),
        ("3", "front", "ok"),
        ("3", "back", "none"),
    ]
    assert grown.counts.set_index("side")["ok"].to_dict() == {"front": 2, "back": 1}
    assert table(tmp_path, "rejected.csv")[["id", "side", "status"]].to_numpy().tolist() == [
        ["3", "back", "none"]
    ]
    collection = read_collection(grown.manifest)
    assert sorted(collection.frame["genre"]) == ["Jazz", "Jazz", "Rock"]


def test_a_given_genre_is_kept_and_two_genres_are_two_rows_of_one_picture(tmp_path, service):
    ids = [WantedRelease("1", "Metal"), WantedRelease("2"), WantedRelease("1", "Folk")]
    run(tmp_path, service, ids)
    rows = table(tmp_path, "manifest.csv")
    assert list(rows["genre"]) == ["Metal", "Jazz", "Folk"]
    assert list(rows["genres"]) == ["Rock|Pop", "Jazz", "Rock|Pop"]
    assert rows["path"][0] == rows["path"][2]
    assert service.paths().count("/releases/1") == 1
    assert len(lock(tmp_path)) == 2
    assert read_collection(tmp_path / "manifest.csv").counts["conflicting_rows"] == 2


def test_artists_and_masters_stay_together(tmp_path):
    service = with_releases(1, 2, 3, 4, 5, 6)
    service.releases[1]["artists"] = service.releases[2]["artists"]
    service.releases[3]["master_id"] = service.releases[4]["master_id"] = 77
    various = [{"name": "Various", "anv": "", "join": "", "id": 194}]
    service.releases[5]["artists"] = service.releases[6]["artists"] = various
    with discogs(service):
        run(tmp_path, service, wanted(1, 2, 3, 4, 5, 6))
    group = table(tmp_path, "manifest.csv")["group"]
    assert group[0] == group[1]
    assert group[2] == group[3]
    assert group.nunique() == 4


def test_musicbrainz_gives_the_same_columns_and_follows_a_merge(tmp_path):
    known = {mbid(1): details(1, {"rock": 2, "art rock": 5, "noise": 0}, ("front", "back"))}
    known[mbid(2)] = details(2, {"jazz": 1}, ())
    service = music_services.Services(known=known, merged={mbid(9): mbid(1)})
    service.pictures = {(1, "front"): picture(1), (1, "back"): picture(2)}
    with served(service):
        source = MusicBrainz("250", service.address, service.address)
        client = Client(CONTACT, 0.0, 2, 0.0, (1.0, 0.3), https_only=False)
        ids = [WantedRelease(mbid(9)), WantedRelease(mbid(2))]
        grow_by_ids(tmp_path, ids, source, client, back=True)
    rows = table(tmp_path, "manifest.csv")
    assert list(rows["release"]) == [mbid(1)] * 2
    assert list(rows["asked_for"]) == [mbid(9)] * 2
    assert list(rows["side"]) == ["front", "back"]
    row = rows.iloc[0]
    assert (row["genre"], row["genres"], row["label"], row["country"]) == (
        "art rock",
        "art rock|rock",
        "Label",
        "US",
    )
    assert (row["year"], row["artist"]) == ("1959", "Artist 1")
    assert service.covers_asked() == [(1, "front"), (1, "back")]  # it knows that the other has none
    assert {(i, status) for i, _, status in lock(tmp_path)} == {(mbid(9), "ok"), (mbid(2), "none")}


# --- what does not come --------------------------------------------------------------------------------


def test_what_cannot_be_had_is_listed_with_its_reason(tmp_path, service):
    del service.releases[1], service.pictures[2]
    service.pictures[3] = [picture(3)[:700]]
    service.trouble[4, "picture"] = [404]
    service.releases[5]["genres"] = []
    run(tmp_path, service, wanted(1, 2, 3, 4, 5, 6))
    rows = table(tmp_path, "rejected.csv")
    assert list(zip(rows["id"], rows["status"], rows["reason"], strict=True)) == [
        ("1", "gone", "no such release (404)"),
        ("2", "none", "Discogs has no front of it"),
        ("3", "bad", "truncated picture: the file ends too early"),
        ("4", "gone", "no such cover (404)"),
        ("5", "ok", "no genre, neither given nor at Discogs"),
    ]
    assert list(table(tmp_path, "manifest.csv")["release"]) == ["6"]
    service.asked.clear()
    run(tmp_path, service, wanted(1, 2, 3, 4, 5, 6))
    assert service.asked == []
    service.pictures[3] = [picture(3)]
    run(tmp_path, service, wanted(1, 2, 3, 4, 5, 6), retry=True)
    assert [path for path in service.paths() if path.startswith("/rel")] == [
        f"/releases/{n}" for n in (1, 2, 3, 4)
    ]
    assert list(table(tmp_path, "manifest.csv")["release"]) == ["3", "4", "6"]


@pytest.mark.parametrize("what", [429, 503, "retry-after 0", "hang", "cut"])
def test_trouble_that_stays_is_asked_for_in_the_next_run(what, tmp_path, service):
    service.trouble[2] = [what] * 2
    service.trouble[3, "picture"] = [what] * 2
    grown = run(tmp_path, service, wanted(1, 2, 3, 4))
    assert (grown.unanswered, grown.lock) == (2, None)
    assert list(table(tmp_path, "manifest.csv")["release"]) == ["1", "4"]
    service.asked.clear()
    assert run(tmp_path, service, wanted(1, 2, 3, 4)).unanswered == 0
    assert service.paths() == ["/releases/2", "/R-2-0.jpeg", "/releases/3", "/R-3-0.jpeg"]
    assert lock(tmp_path) == [(str(n), "front", "ok") for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("what", [429, 503, "retry-after 0", "hang", "cut"])
def test_trouble_that_passes_is_waited_out(what, tmp_path, service):
    service.trouble[2] = [what]
    service.trouble[2, "picture"] = [what]
    assert run(tmp_path, service, wanted(2)).unanswered == 0
    assert service.paths() == ["/releases/2"] * 2 + ["/R-2-0.jpeg"] * 2


@pytest.mark.parametrize("body", ["nonsense", {"id": 2, "artists": "?"}, []])
def test_what_is_no_release_is_asked_for_again(body, tmp_path, service):
    before = service.releases[2]
    if body == "nonsense":
        service.trouble[2] = [body]
    else:
        service.releases[2] = body
        service.pictures.pop(2)
    run(tmp_path, service, wanted(1, 2))
    assert table(tmp_path, "rejected.csv")["reason"].tolist() == ["what came is no release"]
    service.releases[2], service.pictures[2] = before, [picture(2)]
    assert run(tmp_path, service, wanted(1, 2)).unanswered == 0


def test_a_dead_service_ends_the_run_and_keeps_what_there_is(tmp_path):
    service = with_releases(*range(1, 20))
    service.trouble |= {n: [503] * 2 for n in range(3, 20)}
    with discogs(service):
        with pytest.raises(UserError, match=rf"for {MAX_UNANSWERED} releases in a row.*503 .*same command"):
            run(tmp_path, service, wanted(*range(1, 20)))
        assert list(table(tmp_path, "manifest.csv")["release"]) == ["1", "2"]
        assert not (tmp_path / "grow.lock.csv").exists()
        service.trouble.clear()
        run(tmp_path, service, wanted(*range(1, 20)))
    assert len(table(tmp_path, "manifest.csv")) == 19


def test_without_a_network_the_first_request_says_so(tmp_path):
    service = DiscogsService(address="http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"Discogs does not reply: no connection.*network"):
        run(tmp_path, service, wanted(1, 2))


# --- the token and the pace ----------------------------------------------------------------------------


def test_the_token_goes_to_discogs_alone_and_is_written_nowhere(tmp_path, service, capfd):
    run(tmp_path, service, wanted(1, 2))
    assert {sent for kind, _, sent in service.asked if kind == "api"} == {f"Discogs token={TOKEN}"}
    assert {sent for kind, _, sent in service.asked if kind == "images"} == {None}
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and TOKEN.encode() in p.read_bytes()]
    assert TOKEN not in repr(Discogs(TOKEN))
    assert TOKEN not in repr(Client(CONTACT, **Discogs(TOKEN).manners()))
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_redirect_carries_no_token_to_another_host(service):
    with discogs(DiscogsService()) as other:
        service.trouble[1] = [f"to {other.images}/R-1-0.jpeg"]
        other.pictures[1] = [picture(1)]
        source = Discogs(TOKEN, service.address)
        client = Client(CONTACT, https_only=False, **source.manners() | {"interval": 0.0})
        assert client.get(f"{service.address}/releases/1") == picture(1)
        assert [sent for *_, sent in service.asked] == [f"Discogs token={TOKEN}"]
        assert [sent for *_, sent in other.asked] == [None]


@pytest.mark.parametrize("token", ["abc\r\ndef", "abc def", "ümlaut"])
def test_a_token_that_cannot_be_is_refused_without_showing_it(token):
    with pytest.raises(UserError, match="DISCOGS_TOKEN") as refused:
        Discogs(token)
    assert token not in str(refused.value)


def test_a_refused_token_and_none_are_said(tmp_path, service):
    with pytest.raises(UserError, match=r"401 Unauthorized.*token") as refused:
        run(tmp_path / "wrong", service, wanted(1), token="wrong")
    assert "wrong" not in str(refused.value)
    with pytest.raises(UserError, match=r"settings/developers.*DISCOGS_TOKEN"):
        run(tmp_path / "none", service, wanted(1), token="")


def test_the_pace_is_that_of_the_headers(service):
    assert Discogs(TOKEN).manners()["interval"] == 1.0
    assert Discogs().manners()["interval"] == pytest.approx(2.4)
    assert "Authorization" not in str(Discogs().manners())
    source = Discogs(TOKEN, service.address)
    client = Client(CONTACT, https_only=False, **source.manners() | {"interval": 0.0})

    def seconds(**headers: str) -> float:
        service.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        client.get(f"{service.address}/releases/1")
        began = time.monotonic()
        client.get(f"{service.address}/releases/2")
        return time.monotonic() - began

    assert seconds() < 0.15
    assert 0.2 < seconds(X_Discogs_Ratelimit="300", X_Discogs_Ratelimit_Remaining="40") < 0.38
    assert seconds(X_Discogs_Ratelimit="300", X_Discogs_Ratelimit_Remaining="0") > 0.39


# --- interrupted, resumed, compared --------------------------------------------------------------------


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


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def asked_here(service: DiscogsService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public services' addresses and manners are replaced, nothing else."""
    monkeypatch.setattr("coverfusion.data.growing.grow.Services", lambda: Services(discogs=service.address))
    monkeypatch.setattr(
        "coverfusion.data.growing.discogs.REQUESTS_PER_MINUTE", {"with a token": 10**6, "without": 1}
    )
    monkeypatch.setattr("coverfusion.data.growing.http.Client", partial(Client, tries=1, https_only=False))
    monkeypatch.setenv("COVERFUSION_CONTACT", CONTACT)
    monkeypatch.setenv("DISCOGS_TOKEN", TOKEN)


def test_the_command_rebuilds_a_set_from_its_file_names(asked_here, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("Rock/\nRock/R-1-1490322801-7353-jpeg.jpg\nPop/R-2-1183517792-jpeg.jpg\n")
    words = ["grow", "--source", "discogs", "--ids", "names.txt", "--out", "grown"]
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert done.output.startswith("2 releases of names.txt from Discogs")
    assert "Next, to train on it: coverfusion train grown/manifest.csv" in done.output
    assert TOKEN not in done.output
    assert list(table(Path("grown"), "manifest.csv")["genre"]) == ["Rock", "Pop"]

    service.pictures[2] = [picture(99)]
    words[-1] = "again"
    done = CliRunner().invoke(app, [*words, "--lock", "grown/grow.lock.csv"])
    assert isinstance(done.exception, UserError)
    assert "1 pictures differ from grown/grow.lock.csv: 2 front changed" in str(done.exception)

    service.trouble[1] = [503]
    words[-1] = "third"
    done = CliRunner().invoke(app, [*words, "--retry"])
    assert "does not reply" in str(done.exception)
    Path("names.txt").write_text("2\n1\n")
    service.trouble[1] = [503]
    done = CliRunner().invoke(app, words)
    assert "1 pictures got no reply" in str(done.exception)
    assert CliRunner().invoke(app, words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "either --genre"),
        ("-g jazz --ids ids.txt", "either --genre"),
        ("-g jazz --source discogs", "--source discogs goes with --ids"),
        ("-g jazz --lock a.csv", "--lock goes with --ids"),
        ("--ids ids.txt --limit 3", "--limit goes with --genre"),
        ("--ids ids.txt --source dicsogs", "Did you mean 'discogs'"),
        ("--ids ids.txt --source discogs --size 250", "one size"),
        ("--ids ids.txt --size 300", "there is no '300'"),
        ("--ids nowhere.txt --source discogs", "nowhere.txt cannot be read"),
        ("--ids ids.txt", "ids.txt: no release id of MusicBrainz in line 1 ('1')"),
    ],
)
def test_a_refused_call_says_why_and_leaves_nothing(words, reason, asked_here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("1\n")
    done = CliRunner().invoke(app, ["grow", "--out", "made", *words.split()])
    assert isinstance(done.exception, UserError), done.output
    assert reason in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["ids.txt"]
