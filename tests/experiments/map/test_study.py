"""A map end to end: of a table folder with planted genres, and of a small run."""

import base64
import hashlib
import json
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from PIL import Image
from sklearn.metrics import adjusted_rand_score
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.data.sealed_files import read_sealed_array
from coverfusion.experiments.commands.map import map_command
from coverfusion.experiments.drawing import marks
from coverfusion.experiments.drawing.words import common_folder
from coverfusion.experiments.map import clusters
from coverfusion.experiments.map import study as mapping
from coverfusion.experiments.map.features import open_map_source, scale_blocks
from coverfusion.experiments.map.page import _marks_of_each, map_gist, read_scores, shorten
from coverfusion.experiments.map.study import make_map, write_map
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.training.train import train
from coverfusion.features.table import FeatureTable
from tests.helpers.pictures import encode, noise, save_folders, solid

MARKUP = "</script><b>x</b>"
GENRES = ("NA", MARKUP, "techno")
COUNT = 150
SEEDS = {"dub": range(20), "opera": range(20, 40)}


def _table(seed: int = 0) -> FeatureTable:
    """Three genres, cover n of genre n % 3, far apart in block cnn; block color is noise with gaps."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"cover-{n}" for n in range(COUNT)], name="cover_id")
    cnn = rng.normal(size=(COUNT, 80)).astype(np.float32)
    cnn[:, :60] += np.repeat(np.eye(3), 20, axis=1)[np.arange(COUNT) % 3] * 9
    color = rng.normal(size=(COUNT, 5)).astype(np.float32)
    color[::7, 2] = np.nan
    names = [f"embedding_{i:02d}" for i in range(80)]
    return FeatureTable(
        {"cnn": pd.DataFrame(cnn, ids, names), "color": pd.DataFrame(color, ids, list("abcde"))}
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table folder; one picture is broken, one is gone."""
    folder = tmp_path_factory.mktemp("map") / "table"
    table = _table()
    table.save(folder)
    pictures = folder.parent / "covers"
    pictures.mkdir()
    paths = [pictures / f"<i>{n}.jpg" for n in range(COUNT)]
    for n, path in enumerate(paths[:-1]):
        path.write_bytes(encode(solid((n, 0, 200), (30, 30))) if n else b"broken")
    genres = [GENRES[n % 3] for n in range(COUNT)]
    covers = {
        "cover_id": table.index,
        "path": list(map(str, paths)),
        "genre": genres,
        "group": np.arange(COUNT),
    }
    pd.DataFrame(covers).to_parquet(folder / "covers.parquet")
    return folder


@pytest.fixture(scope="module")
def made(source: Path) -> Path:
    """A map whose sample is smaller than the collection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "MAX_SAMPLED_COVERS", 90)
        return write_map(source, source.parent / "out", seed=1)


class Page(HTMLParser):
    """What a browser makes of the page: attributes that load something, scripts, headings."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.scripts: list[tuple[dict, str]] = []
        self.texts: list[str] = []
        self.handlers: list[str] = []
        self.meta: dict[str, str] = {}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.links += [values[name] for name in ("src", "href", "srcset", "action") if name in values]
        self.handlers += [name for name in values if name.startswith("on")]
        if tag == "script":
            self.scripts.append((values, ""))
        if "http-equiv" in values:
            self.meta[values["http-equiv"]] = values["content"]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            values, text = self.scripts.pop()
            self.scripts.append((values, text + data))
        else:
            self.texts.append(data)

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0][1])


@pytest.fixture(scope="module")
def page(made: Path) -> Page:
    return Page(made / "index.html")


def _numbers(packed: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed), "<u2")


# --- the folder ----------------------------------------------------------------------------------------


def test_the_folder_is_complete(made: Path) -> None:
    assert {path.name for path in made.glob("[!.]*")} == {
        "index.html",
        "projection.parquet",
        "separation.csv",
        "clusters.csv",
        "config.yaml",
        "environment.json",
        "umap.png",
        "tsne.png",
        "pca.png",
        "separation.png",
    }
    for picture in made.glob("*.png"):
        assert min(Image.open(picture).size) > 300
    config = yaml.safe_load((made / "config.yaml").read_text())
    assert config["seed"] == 1
    assert config["sample"] == 90
    assert config["blocks"] == ["cnn", "color"]


def test_every_cover_has_a_finite_place_and_clusters(made: Path) -> None:
    table = pd.read_parquet(made / "projection.parquet")
    assert table["cover_id"].tolist() == [f"cover-{n}" for n in range(COUNT)]
    assert table["sampled"].sum() == 90
    for method in ("umap", "tsne", "pca"):
        xy = table[[f"{method}_x", f"{method}_y"]].to_numpy()
        assert np.isfinite(xy).all()
        # planted genres are islands, those outside the sample too
        centres = np.stack([np.median(xy[n::3], axis=0) for n in range(3)])
        nearest = np.linalg.norm(xy[:, None] - centres, axis=2).argmin(axis=1)
        assert (nearest == np.arange(COUNT) % 3).mean() > 0.95, method
    assert adjusted_rand_score(table["genre"], table["k_means"]) > 0.95


def test_planted_genres_separate(made: Path) -> None:
    pairs, scores = read_scores(made)
    assert set(pairs["genre_a"]) | set(pairs["genre_b"]) == set(GENRES)
    assert (pairs["auc"] > 0.99).all()
    assert pairs["separates"].all()
    rand = scores[(scores["of"] == "k_means") & (scores["score"] == "rand")].iloc[0]
    assert rand["value"] > 0.9
    assert rand["covers"] == 90
    compact = scores[(scores["of"] == "genres") & (scores["genre"] == "NA")].iloc[0]
    assert 0 < compact["low"] <= compact["value"] <= compact["high"]


@pytest.fixture
def few_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick intervals, where a test does not look at them."""
    monkeypatch.setattr(clusters, "JACKKNIFE_HALVES", 4)


@pytest.mark.usefixtures("few_halves")
def test_no_genre_shapes_a_map(source: Path, tmp_path: Path) -> None:
    covers = pd.read_parquet(source / "covers.parquet")
    sample = np.arange(0, COUNT, 2)
    Z = scale_blocks(open_map_source(source), sample, np.arange(4)).scaled
    shuffled = covers.assign(genre=covers["genre"].sample(frac=1, random_state=0).to_numpy())
    first, second = (
        make_map(frame, Z, sample, ["tsne", "pca"], 0, tmp_path / name, lambda step: None)
        for name, frame in (("first", covers), ("second", shuffled))
    )
    for method in ("tsne", "pca"):
        np.testing.assert_array_equal(first.planes[method], second.planes[method])
    for name in ("k_means", "hdbscan"):
        np.testing.assert_array_equal(first.clusters[name], second.clusters[name])


@pytest.mark.usefixtures("few_halves")
def test_a_stopped_map_keeps_its_finished_projections(source: Path, tmp_path: Path) -> None:
    covers = pd.read_parquet(source / "covers.parquet")
    Z = scale_blocks(open_map_source(source), np.arange(COUNT), np.arange(4)).scaled

    def stop(name: str) -> None:
        if name == "tsne":
            raise KeyboardInterrupt

    rest = (np.arange(COUNT), ["pca", "tsne"], 0, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        make_map(covers, Z, *rest, stop)
    (kept,) = tmp_path.glob("*.npy")
    stamp = kept.stat().st_mtime_ns
    made = make_map(covers, Z, *rest, lambda name: None)
    assert kept.stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(made.planes["pca"], read_sealed_array(kept))
    with pytest.raises(KeyboardInterrupt):  # other features are another map
        make_map(covers, 2 * Z, *rest, stop)
    assert len(list(tmp_path.glob("pca-*.npy"))) == 2


def test_every_block_counts_the_same(source: Path) -> None:
    Z = scale_blocks(open_map_source(source), np.arange(COUNT), np.arange(4))
    widths = {"cnn": 64, "color": 6}  # color: five columns and one that says where the gap is
    assert Z.scaled.shape == (COUNT, sum(widths.values()))
    assert Z.scaled[:, :64].var(axis=0).sum() == pytest.approx(1, rel=1e-3)
    assert Z.scaled[:, 64:].var(axis=0).sum() == pytest.approx(1, rel=1e-3)
    assert Z.raw.shape == (4, 85)
    assert Z.columns[80] == "color.a"
    alone = scale_blocks(open_map_source(source, ["color"]), np.arange(COUNT), np.arange(4))
    np.testing.assert_array_equal(alone.scaled, Z.scaled[:, 64:])


# --- the page ------------------------------------------------------------------------------------------


def test_page_asks_for_nothing_from_outside(page: Page, made: Path) -> None:
    assert page.links
    assert all(link.startswith(("#", "data:")) for link in page.links)
    text = (made / "index.html").read_text()
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\(", text)
    assert (made / "index.html").stat().st_size < 10e6


def test_only_the_pages_own_script_may_run(page: Page) -> None:
    assert not page.handlers
    (kind, _), (plain, script) = page.scripts
    assert kind["type"] == "application/json"
    assert not plain
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.meta["Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_a_genres_row_of_clusters_says_of_how_many_covers(made: Path) -> None:
    text = (made / "index.html").read_text(encoding="utf-8")
    genres = pd.read_parquet(made / "projection.parquet")["genre"].value_counts()
    rows = re.findall(r'<th scope="row">(.*?) <small>(.*?)</small></th><td style="--depth', text)
    assert dict(rows) == {escape(name): f"{count} covers" for name, count in genres.items()}


def test_markup_in_genres_and_paths_stays_text(page: Page, made: Path) -> None:
    assert MARKUP in page.texts
    assert page.data["colourings"][0]["labels"] == sorted(GENRES)
    assert any("<i>" in path for path in page.data["paths"])
    assert "<i>" not in (made / "index.html").read_text()


def test_what_the_script_draws_are_the_covers(page: Page, made: Path) -> None:
    data = page.data
    table = pd.read_parquet(made / "projection.parquet")
    table["short"] = [Path(path).name for path in table["path"]]
    shown = table.set_index("short").loc[data["paths"]]
    assert len(shown) == COUNT
    for packed, method in zip(data["planes"], ("umap", "tsne", "pca"), strict=True):
        xy = _numbers(packed).reshape(-1, 2).astype(float)
        for axis, name in enumerate("xy"):
            correlation = np.corrcoef(xy[:, axis], shown[f"{method}_{name}"])[0, 1]
            assert correlation > 0.9999
        assert xy.max() == 65535
    genres, clusters, _ = data["colourings"]
    assert [genres["labels"][code] for code in _numbers(genres["codes"])] == shown["genre"].tolist()
    assert sum(genres["counts"]) == COUNT
    labels = [clusters["labels"][code] for code in _numbers(clusters["codes"])]
    assert labels == [f"cluster {number + 1}" for number in shown["k_means"]]
    gone = {data["paths"][position] for position in data["missing"]}
    assert gone == {"<i>0.jpg", f"<i>{COUNT - 1}.jpg"}
    assert data["pictured"] == COUNT
    assert len(data["sheets"]) == 2


def test_text_says_what_the_canvas_shows(page: Page) -> None:
    text = " ".join(" ".join(page.texts).split())
    assert "learnt from 90 covers" in text
    assert "tells all 3 pairs of genres apart" in text
    # under each table with small figures stands what these are
    assert text.count("95 % intervals over random halves of the groups") == 2
    assert text.count("Each row adds up to 100 % of the genre's covers") == len(
        [name for name in ("k-means", "HDBSCAN") if f"Where the covers of each genre are: {name}" in text]
    )
    assert "adjusted Rand index" in text
    assert text.count("cluster 1") > 10  # tables and the list of covers


def test_gist_says_how_many_pairs_separate_and_calls_none_the_hardest() -> None:
    row = {"low": 0.4, "high": 0.9, "covers_a": 9, "covers_b": 9, "p_holm": 0.5}
    pairs = pd.DataFrame(
        [
            row | {"genre_a": "dub", "genre_b": "opera", "auc": 0.81, "separates": True},
            row | {"genre_a": "dub", "genre_b": "techno", "auc": 0.52, "separates": False},
        ]
    )
    scores = pd.DataFrame(
        {
            "of": ["k_means"],
            "score": ["rand"],
            "genre": ["all"],
            "value": [-0.01],
            "low": [-0.02],
            "high": [-0.0004],
        }
    )
    separate, extremes, clusters = map_gist(pairs, scores)
    assert "1 of 2 pairs" in separate
    assert separate.endswith(": dub and opera.")
    low, high = extremes.split(" to 0.81")
    assert all(part in low for part in ("dub", "techno", "0.52 (0.40\u20130.90"))
    assert all(part in high for part in ("dub", "opera", "0.40\u20130.90"))
    none = map_gist(pairs.assign(separates=False), scores)[0]
    assert none.startswith("No two genres")
    assert "\u22120.010 for k-means (\u22120.020 to 0.000)" in clusters
    assert len(map_gist(pairs.iloc[:0], scores)) == 1
    nothing = pd.concat(
        [scores, scores.assign(of="hdbscan", score="clusters", value=0), scores.assign(of="hdbscan", value=0)]
    )
    said = map_gist(pairs, nothing)
    assert "HDBSCAN finds no cluster." in said
    assert not any("for HDBSCAN" in each for each in said)


def test_paths_are_shown_from_the_folder_that_holds_all() -> None:
    paths = ["/a/covers/dub.zip!x/1.jpg", "/a/covers/opera/2.jpg"]
    assert common_folder(paths) == "/a/covers"
    assert shorten(paths[1], "/a/covers") == "opera/2.jpg"
    assert common_folder(["/a/b.jpg", "c/d.jpg"]) == ""
    long = shorten("/a/covers/" + "x" * 200 + ".jpg", "/a/covers")
    assert len(long) == 91
    assert long.endswith("x.jpg")


def test_of_several_genres_each_has_marks_of_all_that_have_it() -> None:
    table = pd.DataFrame({"genre": ["dub", "dub|opera", "opera", "techno"]})
    made = _marks_of_each(table, table.iloc[::-1])
    assert [one["name"] for one in made] == ["dub", "opera", "techno"]
    assert made[1]["labels"] == ["with opera", "others"]
    assert made[1]["counts"] == [2, 2]
    assert _numbers(made[1]["codes"]).tolist() == [1, 0, 0, 1]


def test_forty_nine_marks_differ() -> None:
    every = {(marks.mark(n).colour, marks.mark(n).path) for n in range(49)}
    assert len(every) == 49
    first = [marks.mark(n) for n in range(7)]
    assert len({mark.colour for mark in first}) == len({mark.path for mark in first}) == 7


# --- sources and errors --------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_halves")
def test_a_run_is_mapped_from_its_own_folder(tmp_path: Path) -> None:
    noises = {genre: [noise(seed, (48, 48)) for seed in seeds] for genre, seeds in SEEDS.items()}
    noises["dub"] = [picture.point(lambda value: value // 3) for picture in noises["dub"]]
    save_folders(tmp_path / "covers", noises)
    config = make_config(
        "test",
        collection=tmp_path / "covers",
        out=tmp_path / "runs",
        store=tmp_path / "store",
        classifiers=["knn"],
        alone=[],
        blocks=["color"],
    )
    run = train(config)
    app = typer.Typer()
    app.command()(map_command)
    out = tmp_path / "map"
    done = CliRunner().invoke(app, [str(run), "--out", str(out), "-m", "pca"])
    assert done.exit_code == 0, done.output
    assert "dub, opera" in done.output, done.output
    said = " ".join(done.output.split())
    for words in ("silhouette: how compact", "0 by chance and 1 for the same partition", "random halves"):
        assert words in said
    table = pd.read_parquet(out / "projection.parquet")
    assert (
        len(table) == pd.read_parquet(run / "predictions.parquet")["cover_id"].nunique() * 5
        or len(table) > 30
    )
    assert not [column for column in table if column.startswith("tsne")]
    assert yaml.safe_load((out / "config.yaml").read_text())["blocks"] == ["color"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["tnse"]}, "Unknown projection 'tnse'. Did you mean 'tsne'?"),
        ({"blocks": ["colour"]}, "no block 'colour'. Did you mean 'color'?"),
    ],
)
def test_unknown_names_are_said(source: Path, options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        write_map(source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_mapped_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a finished run folder"):
        write_map(tmp_path)
    _table().save(tmp_path)
    with pytest.raises(UserError, match=r"no covers\.parquet"):
        write_map(tmp_path)
    ids = _table().index
    covers = pd.DataFrame({"cover_id": ids, "path": "x.jpg", "genre": "dub", "group": range(COUNT)})
    covers.to_parquet(tmp_path / "covers.parquet")
    with pytest.raises(UserError, match="150 covers and 1 genres"):
        write_map(tmp_path)
    covers["genre"] = np.where(np.arange(COUNT) % 2, "dub", "opera")
    covers[::-1].to_parquet(tmp_path / "covers.parquet")
    with pytest.raises(UserError, match="not of the same covers"):
        write_map(tmp_path, tmp_path / "out")
