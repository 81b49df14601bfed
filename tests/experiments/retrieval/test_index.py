"""An index folder of a table with planted genres: what is in it, that it resumes, and that damage is seen."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.drawing.thumbnails import thumbnail
from coverfusion.experiments.retrieval import index
from coverfusion.experiments.retrieval.index import load_facts, load_index, write_index_folder
from coverfusion.experiments.retrieval.source import COVERS_A_PIECE, note_extractors, open_index_source
from coverfusion.experiments.scoring.score import same_extractors
from coverfusion.features.registry import create
from coverfusion.features.table import FeatureTable
from tests.helpers.pictures import encode, solid

GENRES = ("dub", "opera", "techno")
COUNT = 1203
NOTHING, BROKEN = 5, 6  # a cover without any feature, one whose file is broken


def _blocks(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Covers far apart by genre in block color; block texture is noise with gaps."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"cover-{n}" for n in range(count)], name="cover_id")
    color = rng.normal(size=(count, len(create("color").columns))).astype(np.float32)
    color += np.repeat(np.eye(3), len(color.T) // 3, axis=1)[np.arange(count) % 3] * 6
    texture = rng.normal(size=(count, len(create("texture").columns))).astype(np.float32)
    texture[::7, 2] = np.nan
    color[NOTHING] = texture[NOTHING] = np.nan
    names = [list(create(name).columns) for name in ("color", "texture")]
    return pd.DataFrame(color, ids, names[0]), pd.DataFrame(texture, ids, names[1])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "table"
    color, texture = _blocks(COUNT)
    FeatureTable({"color": color, "texture": texture}).save(folder)
    note_extractors(folder, [create("color"), create("texture")])
    (folder / "covers").mkdir()
    paths = [folder / "covers" / f"{n}.jpg" for n in range(COUNT)]
    small = [encode(solid((n, 0, 200), (24, 24))) for n in range(256)]
    for n, path in enumerate(paths):
        path.write_bytes(small[n % 256] if n != BROKEN else b"broken")
    covers = {"cover_id": color.index, "path": list(map(str, paths)), "genre": np.resize(GENRES, COUNT)}
    pd.DataFrame(covers | {"group": np.arange(COUNT)}).to_parquet(folder / "covers.parquet")
    return folder


@pytest.fixture(scope="module")
def made(table: Path) -> Path:
    return write_index_folder(table, table.parent / "made")


def test_small_collections_are_searched_exactly_and_the_folder_says_so(made: Path) -> None:
    facts = load_facts(made)
    assert (facts["kind"], facts["recall_at_10"]) == ("flat", 1)
    assert (facts["covers"], facts["left_out"]) == (COUNT - 1, 1)
    assert list(facts["blocks"]) == ["color", "texture"]
    assert facts["extractors"]["color"]["fingerprint"] == create("color").fingerprint()
    assert set(facts["files"]) == {"index.faiss", "state.skops", "covers.parquet", "environment.json"}
    assert facts["files"]["index.faiss"]["bytes"] == (made / "index.faiss").stat().st_size
    assert sorted(p.name for p in made.glob("[!.]*")) == sorted([*facts["files"], "index.json"])


def test_a_cover_finds_itself_then_its_genre(made: Path) -> None:
    neighbours = load_index(made).neighbours
    color, texture = _blocks(COUNT)
    X = pd.concat([color.add_prefix("color."), texture.add_prefix("texture.")], axis=1)
    found = neighbours.query(X.iloc[[0, 700, COUNT - 1]], 4)
    assert [frame["cover_id"][0] for frame in found] == ["cover-0", "cover-700", f"cover-{COUNT - 1}"]
    for frame, n in zip(found, (0, 700, COUNT - 1), strict=True):
        assert set(frame["genre"]) == {GENRES[n % 3]}
        assert frame["distance"][0] < 1e-3


def test_thumbnails_belong_to_their_covers(made: Path, table: Path) -> None:
    neighbours = load_index(made).neighbours
    shades = [neighbours.thumbnails([f"cover-{n}"])[0] for n in (0, 1, 255)]
    assert shades == [thumbnail((table / "covers" / f"{n}.jpg").read_bytes()) for n in (0, 1, 255)]
    assert neighbours.thumbnails([f"cover-{BROKEN}"]) == [None]


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_approximate_kinds_on_one_block(kind: str, table: Path, tmp_path: Path) -> None:
    folder = write_index_folder(table, tmp_path / kind, ["color"], kind)
    facts = load_facts(folder)
    assert facts["kind"] == kind
    assert list(facts["blocks"]) == ["color"]
    assert facts["recall_at_10"] > 0.8
    assert facts["recall_queries"] == 60  # half of a tenth
    loaded = load_index(folder)
    assert loaded.neighbours.columns[0].startswith("color.")
    X = _blocks(COUNT)[0].add_prefix("color.")
    opera = loaded.neighbours.query(X.iloc[:1], 7, genres=["opera"])[0]
    assert opera["genre"].tolist() == ["opera"] * 7


def test_the_same_seed_gives_the_same_index(made: Path, table: Path, tmp_path: Path) -> None:
    again = write_index_folder(table, tmp_path / "again")
    assert (again / "index.faiss").read_bytes() == (made / "index.faiss").read_bytes()


def test_a_stopped_run_keeps_its_thumbnails(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "THUMBNAILS_A_PART", 500)
    read: list[str] = []

    def stopping(path: str) -> bytes | None:
        read.append(path)
        if len(read) > 600:
            raise KeyboardInterrupt
        return b"jpeg"

    monkeypatch.setattr(index, "_thumbnail", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_index_folder(table, tmp_path / "i")
    assert not (tmp_path / "i").exists()
    count = len(read)
    read.clear()
    monkeypatch.setattr(index, "_thumbnail", lambda path: read.append(path) or b"jpeg")
    folder = write_index_folder(table, tmp_path / "i")
    assert count > 600
    assert len(read) == COUNT - 1 - 500
    assert load_index(folder).neighbours.thumbnails(["cover-0"]) == [b"jpeg"]
    assert not (tmp_path / "i.partial").exists()


def test_pieces_are_the_table_in_order(tmp_path: Path) -> None:
    count = COVERS_A_PIECE + 10
    color, texture = _blocks(count)
    FeatureTable({"color": color, "texture": texture}).save(tmp_path)
    note_extractors(tmp_path, [create("color"), create("texture")])
    covers = {"cover_id": color.index, "path": "x", "genre": "dub", "group": np.arange(count)}
    pd.DataFrame(covers).to_parquet(tmp_path / "covers.parquet")
    source = open_index_source(tmp_path, ["texture", "color"])
    pieces = list(source.chunks())
    assert [len(piece) for piece in pieces] == [COVERS_A_PIECE, 10]
    np.testing.assert_array_equal(np.concatenate(pieces), np.concatenate([texture, color], axis=1))
    assert source.names[0].startswith("texture.")


def test_damage_is_seen(made: Path, table: Path, tmp_path: Path) -> None:
    for name in ("index.faiss", "state.skops", "covers.parquet"):
        copy = tmp_path / name
        shutil.copytree(made, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            load_index(copy)


def test_what_is_wrong_is_said(table: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a finished run folder"):
        write_index_folder(tmp_path)
    with pytest.raises(UserError, match=r"no block 'colour'\. Did you mean 'color'"):
        write_index_folder(table, tmp_path / "i", ["colour"])
    with pytest.raises(UserError, match=r"--kind hsnw: no such kind of index\. Did you mean 'hnsw'"):
        write_index_folder(table, tmp_path / "i", kind="hsnw")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    with pytest.raises(UserError, match="holds something that is not an index"):
        write_index_folder(table, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"


def test_a_new_index_replaces_the_old_one_and_nothing_else(made: Path, table: Path, tmp_path: Path) -> None:
    mine = tmp_path / "i"
    shutil.copytree(made, mine)
    (mine / "retrieval.csv").write_text("of the old index")
    (mine / "letter.txt").write_text("keep me")
    with pytest.raises(UserError, match=r"not an index \(letter\.txt\)"):
        write_index_folder(table, mine, ["color"])
    assert load_index(mine).facts["covers"] == COUNT - 1
    (mine / "letter.txt").unlink()
    write_index_folder(table, mine, ["color"])
    assert list(load_facts(mine)["blocks"]) == ["color"]
    assert not (mine / "retrieval.csv").exists()


@pytest.mark.parametrize("text", ["{}", "[]", "my list", '{"files": {"letter.txt": 1}}'])
def test_an_index_json_of_something_else_is_not_wiped(text: str, table: Path, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(text)
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(UserError, match=r"not an index \(index\.json, letter\.txt\)"):
        write_index_folder(table, tmp_path)
    assert (tmp_path / "index.json").read_text() == text
    assert (tmp_path / "letter.txt").exists()


def test_work_in_progress_of_someone_else_is_not_wiped(table: Path, tmp_path: Path) -> None:
    (tmp_path / "i.partial").mkdir()
    (tmp_path / "i.partial" / "letter.txt").write_text("keep me")
    with pytest.raises(UserError, match="holds something else"):
        write_index_folder(table, tmp_path / "i")
    assert (tmp_path / "i.partial" / "letter.txt").exists()


def test_tables_that_do_not_say_how_they_were_made_are_refused(table: Path, tmp_path: Path) -> None:
    copy = tmp_path / "table"
    shutil.copytree(table, copy, ignore=shutil.ignore_patterns("*.jpg"))
    covers = pd.read_parquet(copy / "covers.parquet")
    covers[::-1].to_parquet(copy / "covers.parquet")
    with pytest.raises(UserError, match="not of the same covers"):
        write_index_folder(copy, tmp_path / "i")
    (copy / "extractors.json").unlink()
    with pytest.raises(UserError, match=r"no extractors\.json"):
        write_index_folder(copy, tmp_path / "i")


def test_an_index_of_another_version_or_with_other_extractors_is_refused(made: Path, tmp_path: Path) -> None:
    facts = load_facts(made)
    (tmp_path / "index.json").write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(UserError, match="index format 99"):
        load_index(tmp_path)
    changed = facts["extractors"]["color"] | {"fingerprint": "color-0"}
    with pytest.raises(UserError, match="expected color-0"):
        same_extractors({"color": changed})


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../outside": {"bytes": 1, "sha256": "0"}}},
        {"files": []},
        {"blocks": {"../outside": []}},
        {"extractors": {"color": {"fingerprint": "x"}}},
        {"format": "1"},
        None,
    ],
)
def test_an_index_of_another_shape_is_refused_in_words(
    made: Path, tmp_path: Path, change: dict[str, object] | None
) -> None:
    folder = shutil.copytree(made, tmp_path / "index")
    (tmp_path / "outside").write_text("private")
    facts = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(change and facts | change))
    with pytest.raises(UserError, match=r"index\.json|outside is missing"):
        load_index(folder)


def test_an_index_of_links_is_refused(made: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "index")
    (folder / "index.faiss").unlink()
    (folder / "index.faiss").symlink_to(made / "index.faiss")
    with pytest.raises(UserError, match="no plain file"):
        load_index(folder)
