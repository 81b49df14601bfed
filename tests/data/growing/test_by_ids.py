"""Growing a collection from release ids: what comes, what does not, and whom the token is sent to."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.growing.by_ids import MAX_UNANSWERED, grow_by_ids
from coverfusion.data.growing.discogs import Discogs
from coverfusion.data.growing.http import Client
from coverfusion.data.growing.ids import WantedRelease
from coverfusion.data.growing.musicbrainz import MusicBrainz, _release
from tests.helpers import music_services
from tests.helpers.discogs_service import TOKEN, DiscogsService, discogs
from tests.helpers.growing import CONTACT, lock, picture, run, table, wanted, with_releases
from tests.helpers.music_services import details, mbid, served


@pytest.fixture
def service() -> Iterator[DiscogsService]:
    with discogs(with_releases(*range(1, 7), backs=(2,))) as running:
        yield running


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
def test_what_is_no_release_is_listed_and_asked_for_again_with_retry(body, tmp_path, service):
    before = service.releases[2]
    if body == "nonsense":
        service.trouble[2] = [body]
    else:
        service.releases[2] = body
        service.pictures.pop(2)
    assert run(tmp_path, service, wanted(2, 1)).unanswered == 0  # the first reply does not end the run
    listed = table(tmp_path, "rejected.csv")[["id", "status", "reason"]].to_numpy().tolist()
    assert listed == [["2", "bad", "what came is no release"]]
    assert lock(tmp_path) == [("1", "front", "ok"), ("2", "front", "bad")]
    service.releases[2], service.pictures[2] = before, [picture(2)]
    service.asked.clear()
    run(tmp_path, service, wanted(2, 1))
    assert service.paths() == []
    run(tmp_path, service, wanted(2, 1), retry=True)
    assert service.paths() == ["/releases/2", "/R-2-0.jpeg"]
    assert lock(tmp_path) == [("1", "front", "ok"), ("2", "front", "ok")]


def test_replies_that_are_no_releases_end_the_run_after_some_in_a_row(tmp_path):
    service = with_releases(*range(1, 20))
    service.trouble |= {n: ["nonsense"] for n in range(1, 20)}
    with discogs(service), pytest.raises(UserError, match=rf"for {MAX_UNANSWERED} releases in a row"):
        run(tmp_path, service, wanted(*range(1, 20)))
    assert len(table(tmp_path, "rejected.csv")) == MAX_UNANSWERED


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


def test_names_that_a_release_lacks_leave_their_cells_empty(tmp_path, service):
    service.releases[1] |= {
        "artists": [{"name": None, "id": 5, "join": "&"}, {"name": "B"}],
        "labels": [{"name": None}, {"id": 1}, {"name": "L"}],
        "genres": [None, "Rock"],
    }
    grown = run(tmp_path, service, wanted(1))
    row = table(tmp_path, "manifest.csv").iloc[0]
    assert (row["artist"].strip(), row["label"], row["genres"]) == ("& B", "L", "Rock")
    assert grown.lock is not None


def test_a_credit_of_musicbrainz_without_an_artist_has_no_id():
    entry = {
        "id": mbid(1),
        "artist-credit": [{"name": "A", "artist": None}, {"name": "B", "artist": {"id": "b"}}],
    }
    assert _release(entry).artist_ids == ("b",)
