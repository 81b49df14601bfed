from __future__ import annotations

import hashlib

import pandas as pd
import pytest

from coverfusion.data import facts_cache
from coverfusion.data.collection import COLLECTION_COLUMNS, read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.facts_cache import FactsCache
from coverfusion.data.parquet_bytes import read_parquet_bytes
from coverfusion.data.sealed_files import read_sealed, write_sealed
from coverfusion.experiments.genres.page import grouped_covers
from tests.helpers import pictures

FACE = pictures.face()
SMOOTH = [pictures.encode(pictures.noise(50, (8, 8)).resize((160, 160)), quality=q) for q in (95, 60)]
NOISES = [pictures.encode(pictures.noise(seed, (64, 64))) for seed in range(9)]


@pytest.fixture
def small(tmp_path):
    """Rock: 4 covers, one twice, one also in Pop; a portrait in Rock, saved again in Pop; a broken file; a
    picture that is saved twice in Rock."""
    again = pictures.encode(FACE.resize((200, 200)), quality=60)
    return pictures.save_folders(
        tmp_path / "small",
        {
            "Pop": [NOISES[3], NOISES[4], again, b"no cover"],
            "Rock": [NOISES[0], NOISES[0], NOISES[1], NOISES[3], FACE, *SMOOTH],
        },
    )


def _where(collection) -> list[str]:
    return ["/".join(path.rsplit("/", 2)[1:]) for path in collection.frame["path"]]


def test_each_cover_is_there_once_with_its_facts(small):
    collection = read_collection(small)
    frame = collection.frame
    assert list(frame.columns) == COLLECTION_COLUMNS
    assert _where(collection) == [
        "Pop/001.jpg",
        "Rock/000.jpg",
        "Rock/002.jpg",
        "Rock/005.jpg",
        "Rock/006.jpg",
    ]
    assert frame["cover_id"][0] == hashlib.sha256(NOISES[4]).hexdigest()
    assert frame.loc[3, ["genre", "width", "height", "format", "artist"]].tolist() == [
        "Rock",
        160,
        160,
        "JPEG",
        "",
    ]


def test_everything_left_out_is_counted_and_listed(small):
    collection = read_collection(small)
    assert collection.counts == {
        "files": 11,
        "rejected": 1,
        "other_genres": 0,
        "copies": 1,
        "merged": 0,
        "conflicting": 1,
        "conflicting_rows": 2,
        "left_out": 4,
        "near_groups": 2,
        "near_covers": 4,
        "near_kept": 2,
        "near_across": 0,
        "near_conflicting": 2,
    }
    assert collection.rejected[["genre", "reason"]].to_numpy().tolist() == [
        ["Pop", "not a picture, or in a format that cannot be read"]
    ]
    equal = "equal bytes under several genres: Pop, Rock"
    alike = "near duplicates under several genres: Pop, Rock"
    assert collection.conflicts[["genre", "kind", "reason"]].to_numpy().tolist() == [
        ["Pop", "same", equal],
        ["Rock", "same", equal],
        ["Pop", "near", alike],
        ["Rock", "near", alike],
    ]


def test_near_duplicates_share_a_group_and_others_do_not(small):
    group = read_collection(small).frame["group"]
    assert group[3] == group[4]
    assert group.nunique() == 4


@pytest.mark.parametrize(("keep", "kept"), [("drop", 2), ("first", 2), ("all", 4)])
def test_a_near_duplicate_counts_as_kept_beside_another_that_was_kept(small, keep, kept):
    """Of the two portraits one is kept by "first", and "all" keeps both; the two smooth ones always stay."""
    collection = read_collection(small, keep=keep)
    assert collection.counts["near_covers"] == 4
    assert collection.counts["near_kept"] == len(collection.near) == kept
    # a genre's page counts alike: a partner may be of another genre, and equal files are no near duplicates
    assert sum(grouped_covers(collection.frame, genre) for genre in ("Pop", "Rock")) == kept


@pytest.mark.parametrize(("keep", "shared"), [("drop", []), ("first", ["Pop"]), ("all", ["Pop", "Rock"])])
def test_conflicting_covers_are_kept_as_asked(small, keep, shared):
    """Near duplicates as equal files are."""
    frame = read_collection(small, keep=keep).frame
    both = frame[frame["cover_id"] == hashlib.sha256(NOISES[3]).hexdigest()]
    portraits = frame[[path.endswith(("Pop/002.jpg", "Rock/004.jpg")) for path in frame["path"]]]
    for rows in (both, portraits):
        assert rows["genre"].tolist() == shared
        assert rows["group"].nunique() <= 1


def test_a_near_duplicate_under_another_genre_makes_all_that_look_alike_conflicting(tmp_path):
    one, two = SMOOTH
    third = pictures.encode(pictures.noise(50, (8, 8)).resize((160, 160)), quality=80)
    root = pictures.save_folders(tmp_path / "c", {"Dub": [NOISES[0], one, two], "Opera": [NOISES[1], third]})
    collection = read_collection(root)
    assert _where(collection) == ["Dub/000.jpg", "Opera/000.jpg"]
    assert collection.conflicts["kind"].tolist() == ["near"] * 3
    assert _where(read_collection(root, keep="first")) == [
        "Dub/000.jpg",
        "Dub/001.jpg",
        "Dub/002.jpg",
        "Opera/000.jpg",
    ]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_every_kind_of_bad_file_is_listed_and_the_run_goes_on(tmp_path):
    bad = pictures.bad_files()
    root = pictures.save_folders(tmp_path / "covers", {"Rock": [NOISES[0]], "Pop": [NOISES[1]]})
    for kind in bad:
        (root / "Rock" / f"{kind.name}-{kind.file}").write_bytes(kind.data)
    collection = read_collection(root)
    assert len(collection.frame) == 2
    assert len(collection.rejected) == len(bad)
    for kind in bad:
        listed = collection.rejected[
            collection.rejected["path"].str.contains(f"/{kind.name}-{kind.file}", regex=False)
        ]
        assert listed["reason"].str.contains(f"(?i){kind.reason}", regex=True).tolist() == [True]


def test_artists_and_given_groups_join(tmp_path):
    root = pictures.save_folders(tmp_path, {"x": NOISES[:5]})
    known = [("A", "Nina", ""), ("B", "NINA", "1"), ("A", "", "1"), ("B", "", ""), ("A", "", "")]
    rows = [
        {"path": f"x/00{i}.jpg", "genre": genre, "artist": artist, "group": group}
        for i, (genre, artist, group) in enumerate(known)
    ]
    frame = read_collection(pictures.save_manifest(root / "covers.csv", rows)).frame
    assert pd.factorize(frame["group"])[0].tolist() == [0, 0, 0, 1, 2]
    assert frame["artist"].tolist() == ["Nina", "NINA", "", "", ""]


def test_the_fingerprint_follows_content_not_place(small, tmp_path):
    first = read_collection(small)
    small.rename(tmp_path / "moved")
    assert read_collection(tmp_path / "moved").fingerprint() == first.fingerprint()
    (tmp_path / "moved" / "Rock" / "002.jpg").unlink()
    assert read_collection(tmp_path / "moved").fingerprint() != first.fingerprint()


def test_a_second_reading_decodes_nothing(small, tmp_path, monkeypatch):
    cache = tmp_path / "store" / "facts"
    first = read_collection(small, facts_cache=cache)
    monkeypatch.setattr(facts_cache, "facts", lambda data: pytest.fail("decoded again"))
    second = read_collection(small, facts_cache=cache)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.counts == second.counts
    assert first.rejected.equals(second.rejected)


def test_a_damaged_cache_is_set_aside_and_made_anew(small, tmp_path):
    cache = tmp_path / "facts"
    first = read_collection(small, facts_cache=cache)
    whole = bytearray(cache.read_bytes())
    whole[len(whole) // 2] ^= 4
    cache.write_bytes(whole)
    with pytest.warns(UserWarning, match="damaged"):
        pd.testing.assert_frame_equal(read_collection(small, facts_cache=cache).frame, first.frame)
    assert len(FactsCache.load(cache).known) == 9


def test_a_cache_of_a_version_with_fewer_facts_is_made_anew(small, tmp_path):
    cache = tmp_path / "facts"
    first = read_collection(small, facts_cache=cache)
    kept = read_parquet_bytes(read_sealed(cache)).to_pandas()
    older = kept.drop(columns=["thumbnail"]).assign(version="1.1")
    write_sealed(cache, older.to_parquet(index=False))
    pd.testing.assert_frame_equal(read_collection(small, facts_cache=cache).frame, first.frame)
    assert len(FactsCache.load(cache).known) == 9


def test_progress_ends_at_the_number_of_files(small):
    seen = []
    read_collection(small, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (11, 11)


def test_chosen_genres(small, tmp_path):
    collection = read_collection(small, genres=["Rock"])
    assert set(collection.frame["genre"]) == {"Rock"}
    assert collection.counts["other_genres"] == 4
    with pytest.raises(UserError, match=r"no genre 'Rok'.*Did you mean 'Rock'"):
        read_collection(small, genres=["Rok", "Pop"])


def test_an_unknown_genre_in_a_manifest_is_named_with_its_row(tmp_path):
    pictures.save_folders(tmp_path, {"x": NOISES[:3]})
    rows = [{"path": f"x/00{i}.jpg", "genre": genre} for i, genre in enumerate(["Rock", "Pop", "Rokc"])]
    manifest = pictures.save_manifest(tmp_path / "covers.csv", rows)
    with pytest.raises(UserError, match=r"row 3: unknown genre 'Rokc'.*Did you mean 'Rock'"):
        read_collection(manifest, genres=["Rock", "Pop"])


def test_an_empty_collection(tmp_path):
    with pytest.raises(UserError, match="holds no covers"):
        read_collection(tmp_path)
    (tmp_path / "Rock").mkdir()
    with pytest.raises(UserError, match="holds no covers"):
        read_collection(tmp_path)


def test_a_collection_of_broken_files_alone_is_read_with_their_reasons(tmp_path):
    collection = read_collection(pictures.save_folders(tmp_path, {"Rock": [b"", b"x"]}))
    assert len(collection.frame) == 0
    assert len(collection.rejected) == 2


def test_an_unknown_way_to_keep(small):
    with pytest.raises(UserError, match=r"no way 'frist'.*Did you mean 'first'"):
        read_collection(small, keep="frist")
