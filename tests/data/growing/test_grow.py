"""Growing a collection from services that time out, refuse, break off and send broken pictures."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.growing.grow import MAX_UNANSWERED, Services, counts, grow
from coverfusion.data.growing.http import Client, NoAnswerError
from coverfusion.data.splits import split
from coverfusion.experiments.cli import app
from tests.helpers import music_services
from tests.helpers.music_services import mbid, release, served
from tests.helpers.pictures import encode, noise

CONTACT = "someone@example.org"


def picture(number: int) -> bytes:
    return encode(noise(number, (40, 40)))


def jazz(*numbers: int) -> music_services.Services:
    """A service with these releases under the tag jazz, each an album of its own with a front."""
    return music_services.Services(
        releases={"jazz": [release(number) for number in numbers]},
        pictures={(number, "front"): picture(number) for number in numbers},
    )


@pytest.fixture
def service() -> Iterator[music_services.Services]:
    with served(jazz(*range(6))) as services:
        yield services


def client(interval: float = 0.0, tries: int = 3, back_off: float = 0.0, timeout: float = 0.3) -> Client:
    return Client(CONTACT, interval, tries, back_off, (1.0, timeout), https_only=False)


def run(folder: Path, service: music_services.Services, *genres: str, asks: Client | None = None, **options):
    there = Services(service.address, service.address)
    return grow(folder, genres or ("jazz",), asks or client(), services=there, **options)


def rejected(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "rejected.csv", keep_default_na=False)


def reason(folder: Path) -> str:
    (only,) = rejected(folder)["reason"]
    return only


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "covers").rglob("*") if path.is_file())


# --- what is kept --------------------------------------------------------------------------------------


def test_covers_lie_beside_a_manifest_that_says_where_they_are_from(tmp_path, service):
    service.releases["jazz"][0] = release(0, artists=("Miles Davis", "Gil Evans"))
    manifest = run(tmp_path, service, limit=2)
    rows = pd.read_csv(manifest)
    assert list(rows["title"]) == ['Album, no. 0 "live"', 'Album, no. 1 "live"']
    row = rows.iloc[0]
    assert (row["genre"], row["artist"], row["date"]) == ("jazz", "Miles Davis & Gil Evans", "1959-08-17")
    assert (row["release"], row["release_group_id"]) == (mbid(0), mbid(0, "release-group"))
    assert (row["side"], row["size"]) == ("front", 500)
    assert (row["year"], row["country"], row["label"]) == (1959, "US", "Label")
    assert row["url"] == f"{service.address}/release/{mbid(0)}/front-500"
    assert "not free to pass on" in row["licence"]
    assert (tmp_path / row["path"]).read_bytes() == picture(0)
    assert files(tmp_path) == sorted(rows["path"])
    agent = f"coverfusion/{version('coverfusion')} ( {CONTACT} )"
    assert [asked.agent for asked in service.asked] == [agent] * 3


def test_the_manifest_is_a_collection_and_no_artist_crosses_its_split(tmp_path):
    # 0-1 share Ann, 1-2 share Bob, 3-4 nothing but "Various Artists", the other twenty nobody
    artists_of = {
        0: ("Ann",),
        1: ("Ann", "Bob"),
        2: ("Bob",),
        3: ("Various Artists",),
        4: ("Various Artists",),
    }
    service = jazz(*range(25))
    service.releases["jazz"] = [release(n, artists=artists_of.get(n, ())) for n in range(25)]
    service.pictures |= {(n, "back"): picture(100 + n) for n in range(0, 25, 2)}
    with served(service):
        collection = read_collection(run(tmp_path, service, back=True))
    assert collection.counts["files"] == 25 + 13
    assert collection.counts["rejected"] == 0
    frame = collection.frame.assign(release=[Path(path).name[:36] for path in collection.frame["path"]])
    group = (
        frame.groupby("release")["group"].agg(set).map(lambda found: found.pop() if len(found) == 1 else -1)
    )
    assert (group >= 0).all()  # front and back together
    assert group[mbid(0)] == group[mbid(1)] == group[mbid(2)]
    assert group.nunique() == 23
    parts = split(collection.frame, seed=0)
    assert len({parts[cover] for cover in frame.loc[frame["group"] == group[mbid(0)], "cover_id"]}) == 1


@pytest.mark.parametrize(("size", "ending"), [("250", "-250"), ("1200", "-1200"), ("original", "")])
def test_sizes(size, ending, tmp_path, service):
    run(tmp_path, service, limit=1, size=size)
    assert service.asked[-1].path == f"/release/{mbid(0)}/front{ending}"
    with pytest.raises(UserError, match=f"--size {size}"):
        run(tmp_path, service, limit=2, size="500")


def test_backs_come_with_their_fronts_and_may_come_later(tmp_path, service):
    service.pictures[1, "back"] = picture(101)
    run(tmp_path, service, limit=3)
    service.asked.clear()
    rows = pd.read_csv(run(tmp_path, service, limit=3, back=True))
    assert service.covers_asked() == [(0, "back"), (1, "back"), (2, "back")]
    assert list(rows["side"]) == ["front"] * 3 + ["back"]
    assert rows["path"].iloc[-1].endswith("-back.jpg")
    assert list(rejected(tmp_path)["reason"]) == ["no such cover (404)"] * 2


def test_no_picture_comes_twice(tmp_path):
    service = jazz(0, 1, 2, 3)
    service.releases["jazz"][1] = release(1, album=0)  # another edition
    service.pictures[2, "front"] = picture(0)  # the same bytes
    service.releases["rock"] = [release(0), release(5, album=3), release(4)]
    service.pictures[4, "front"] = picture(4)
    with served(service):
        rows = pd.read_csv(run(tmp_path, service, "jazz", "rock"))
    assert service.covers_asked() == [(0, "front"), (2, "front"), (3, "front"), (4, "front")]
    assert list(rows["genre"]) == ["jazz", "jazz", "rock"]
    assert list(rejected(tmp_path)["reason"]) == [
        f"the same picture as covers/{mbid(0)[:2]}/{mbid(0)}-front.jpg",
        "its album is in the collection already, as jazz",
        "its album is in the collection already, as jazz",
    ]
    assert counts(tmp_path).to_numpy().tolist() == [["jazz", 2, 0, 1, 0], ["rock", 1, 0, 2, 0]]


def test_another_edition_stands_in_where_the_first_has_no_cover(tmp_path):
    service = jazz(1)
    service.releases["jazz"].insert(0, release(0, album=1))
    with served(service):
        rows = pd.read_csv(run(tmp_path, service))
    assert list(rows["release"]) == [mbid(1)]
    assert reason(tmp_path) == "no such cover (404)"


def test_pages_of_a_hundred_until_there_is_no_more_or_enough(tmp_path):
    service = jazz(0, 204)
    service.releases["jazz"] = [release(n, album=0) for n in range(204)] + [release(204)]
    with served(service):
        run(tmp_path, service, limit=1)
        assert len(service.searches()) == 1
        service.asked.clear()
        run(tmp_path, service, limit=1)
        assert service.asked == []  # it has enough
        assert len(pd.read_csv(run(tmp_path, service, limit=5))) == 2
    assert [path.rsplit("offset=", 1)[1].split("&")[0] for path in service.searches()] == ["0", "100", "200"]
    assert service.covers_asked() == [(204, "front")]


def test_a_tag_is_quoted_and_one_that_nobody_uses_is_said(tmp_path, service):
    with pytest.raises(UserError, match=r"no release with the tag 'r\\b \"x\"'"):
        run(tmp_path, service, r"r\b " + '"x"')
    assert "query=tag%3A%22r%5C%5Cb+%5C%22x%5C%22%22" in service.searches()[0]


# --- what is rejected ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (picture(0)[:700], "truncated picture: the file ends too early"),
        (b"%PDF-1.7 a scanned booklet", "not a picture, or in a format that cannot be read"),
        (b"", "empty file (0 bytes)"),
        (encode(noise(0, (300, 300)), "PNG"), "too large: more than 0.01907 MiB"),
    ],
)
def test_a_bad_picture_is_listed_and_not_asked_for_again(data, expected, tmp_path, service):
    service.pictures[0, "front"] = data
    run(tmp_path, service, limit=2, max_bytes=20_000)
    assert reason(tmp_path) == expected
    assert len(files(tmp_path)) == 2
    service.asked.clear()
    service.pictures[0, "front"] = picture(0)
    run(tmp_path, service, limit=3, max_bytes=20_000)
    assert service.covers_asked() == [(3, "front")]
    run(tmp_path, service, limit=4, max_bytes=20_000, retry=True)
    assert service.covers_asked()[1:] == [(0, "front")]
    assert len(rejected(tmp_path)) == 0


def test_the_ending_is_that_of_the_bytes(tmp_path, service):
    service.pictures[0, "front"] = encode(noise(0, (40, 40)), "PNG")
    assert pd.read_csv(run(tmp_path, service, limit=1))["path"][0].endswith("-front.png")


@pytest.mark.parametrize(
    ("what", "reason_text"), [(403, "403 Forbidden"), ("loop", "307 more than 5 redirects")]
)
def test_what_the_archive_refuses_is_listed(what, reason_text, tmp_path, service):
    service.trouble[0, "front"] = [what] * 5
    run(tmp_path, service, limit=1)
    assert reason(tmp_path) == reason_text


# --- what passes by itself -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what", [503, 429, 500, 502, 504, "retry-after 0", "retry-after soon", "hang", "cut"]
)
def test_trouble_that_passes_is_waited_out(what, tmp_path, service):
    service.trouble[0, "front"] = [what, what]
    service.trouble["search"] = [what]
    run(tmp_path, service, limit=1)
    assert len(rejected(tmp_path)) == 0
    assert len(service.searches()) == 2
    assert service.covers_asked() == [(0, "front")] * 3


@pytest.mark.parametrize(
    ("what", "reason_text"),
    [(503, "503 Service Unavailable"), ("hang", "time-out"), ("cut", "the connection broke in the middle")],
)
def test_trouble_that_stays_is_asked_for_in_the_next_run(what, reason_text, tmp_path, service):
    service.trouble[0, "front"] = [what] * 2
    run(tmp_path, service, limit=2, asks=client(tries=2))
    assert reason(tmp_path) == f"{reason_text} (2 tries)"
    assert counts(tmp_path)["asked_again"].sum() == 1
    service.asked.clear()
    run(tmp_path, service, limit=3)
    assert service.covers_asked() == [(0, "front")]
    assert len(rejected(tmp_path)) == 0


def test_a_dead_archive_ends_the_run_and_keeps_what_there_is(tmp_path):
    service = jazz(*range(10))
    service.trouble |= {(n, "front"): [503] * 2 for n in range(1, 10)}
    with served(service):
        with pytest.raises(UserError, match=rf"did not reply for {MAX_UNANSWERED} covers in a row.*503"):
            run(tmp_path, service, asks=client(tries=2))
        assert len(pd.read_csv(tmp_path / "manifest.csv")) == 1
        assert len(pd.read_csv(run(tmp_path, service, limit=10))) == 10


@pytest.mark.parametrize(
    ("what", "reason_text"),
    [([503] * 3, r"503 .*\(3 tries\)"), ([403], "403 Forbidden"), (["nonsense"], "no list of releases")],
)
def test_a_search_that_fails_is_said(what, reason_text, tmp_path, service):
    service.trouble["search"] = what
    with pytest.raises(UserError, match=f"MusicBrainz's search failed: .*{reason_text}.*later"):
        run(tmp_path, service)
    assert (tmp_path / "manifest.csv").exists()


# --- manners -------------------------------------------------------------------------------------------


def test_requests_keep_their_distance_and_tries_back_off(tmp_path, service):
    service.trouble[0, "front"] = [503, "retry-after 0", 503]
    run(tmp_path, service, limit=3, asks=client(interval=0.1, tries=4, back_off=0.2))
    times = [asked.time for asked in service.asked]
    gaps = [after - before for before, after in pairwise(times)]
    assert len(gaps) == 6
    # an arrival may be late on a busy machine, which shortens the gap behind it; none may be early
    planned = np.cumsum([0.1, 0.2, 0.1, 0.8, 0.1, 0.1])
    assert (np.array(times[1:]) - times[0] > planned - 0.01).all()
    assert min(gaps) > 0.05
    # search, then four tries: waits of back_off, Retry-After (the interval holds), 4 x back_off
    assert gaps[1] > 0.19
    assert gaps[2] < 0.19
    assert gaps[3] > 0.79


def test_retry_after_is_heeded(service):
    service.trouble["search"] = ["retry-after 1"]
    began = time.monotonic()
    query = {"query": 'tag:"jazz"', "limit": "1", "offset": "0", "fmt": "json"}
    client(back_off=30).get(f"{service.address}/ws/2/release", query)
    assert 0.95 < time.monotonic() - began < 5


def test_plain_http_is_never_spoken(service):
    asks = Client(CONTACT, 0.0, 1, 0.0, (1.0, 1.0))
    with pytest.raises(NoAnswerError):
        asks.get(f"{service.address}/ws/2/release")
    assert service.asked == []
    assert Services().musicbrainz == "https://musicbrainz.org"
    assert Services().cover_art == "https://coverartarchive.org"
    assert Client(CONTACT).interval == 1.0


@pytest.mark.parametrize("contact", ["", "  ", "me", "me@home", "https://", "a@b.org\r\nX: y", "a b@c.org"])
def test_without_a_contact_nothing_is_asked(contact):
    with pytest.raises(UserError, match=r"(?s)contact: .*--contact you@example\.org.*COVERFUSION_CONTACT"):
        Client(contact)


def test_a_web_page_is_a_contact_too():
    assert Client("https://example.org/covers").contact == "https://example.org/covers"


@pytest.mark.parametrize(
    ("genres", "options", "reason_text"),
    [
        ((), {}, "genre"),
        (("jazz", " "), {}, "genre"),
        (("jazz",), {"limit": 0}, "limit"),
        (("jazz",), {"size": "300"}, "size: there is no '300'.*250, 500, 1200, original"),
    ],
)
def test_what_cannot_be_is_said(genres, options, reason_text, tmp_path):
    with pytest.raises(UserError, match=reason_text):
        grow(tmp_path, genres, client(), **options)


# --- going on ------------------------------------------------------------------------------------------


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    with served(jazz(*range(60))) as service:
        asks = client(interval=0.02)
        # forked, as a fresh process would import for seconds
        running = get_context("fork").Process(target=run, args=(tmp_path, service), kwargs={"asks": asks})
        running.start()
        deadline = time.monotonic() + 60
        while len(service.downloads) < 8 and time.monotonic() < deadline:
            time.sleep(0.005)
        running.kill()
        running.join()
        time.sleep(0.05)
        before = service.covers_asked()
        assert running.exitcode == -9
        assert 8 <= len(before) < 60
        service.asked.clear()
        rows = pd.read_csv(run(tmp_path, service))
    again = set(before) & set(service.covers_asked())
    assert len(again) <= 1  # the one that was under way
    assert sorted(rows["release"]) == sorted(mbid(n) for n in range(60))
    assert files(tmp_path) == sorted(rows["path"])


def test_halves_do_not_count(tmp_path, service):
    rows = pd.read_csv(run(tmp_path, service, limit=3))
    partial = tmp_path / f"covers/{mbid(3)[:2]}/.{mbid(3)}-front.jpg.partial"
    partial.parent.mkdir(exist_ok=True)
    partial.write_bytes(picture(3)[:100])
    (tmp_path / rows["path"][0]).unlink()
    journal = tmp_path / "journal.jsonl"
    journal.write_text(journal.read_text()[:-20])  # the third line ends in the middle
    service.asked.clear()
    assert len(pd.read_csv(run(tmp_path, service, limit=3))) == 3
    assert service.covers_asked() == [(0, "front"), (2, "front")]
    assert not partial.exists()
    assert [json.loads(line)["release"]["release_id"] for line in journal.read_text().splitlines()] == [
        mbid(1),
        mbid(0),
        mbid(2),
    ]


def test_a_damaged_journal_is_named(tmp_path, service):
    run(tmp_path, service, limit=2)
    journal = tmp_path / "journal.jsonl"
    journal.write_text("{}\n" + journal.read_text())
    with pytest.raises(UserError, match=r"journal\.jsonl is damaged"):
        run(tmp_path, service)


# --- the command ---------------------------------------------------------------------------------------


def test_the_command_shows_what_it_got(tmp_path, service, monkeypatch):
    # the public services' addresses and manners are replaced, nothing else
    monkeypatch.setattr(
        "coverfusion.data.growing.grow.Services", lambda: Services(service.address, service.address)
    )
    monkeypatch.setattr(
        "coverfusion.data.growing.http.Client", partial(Client, interval=0.0, https_only=False)
    )
    monkeypatch.setenv("COVERFUSION_CONTACT", CONTACT)
    words = ["grow", "-g", "jazz", "--limit", "4", "--back", "--out", str(tmp_path / "grown")]
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert re.search(r"genre\s+albums\s+backs", done.output)
    assert re.search(r"jazz\s+4\s+\d", done.output)
    assert "manifest.csv" in done.output
    assert len(pd.read_csv(tmp_path / "grown" / "manifest.csv")) == 4
    monkeypatch.delenv("COVERFUSION_CONTACT")
    assert isinstance(CliRunner().invoke(app, words).exception, UserError)
