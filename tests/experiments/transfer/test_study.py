"""A planted shift is found: in the other collection colours stand for other genres, grain does not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.cli import app
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.config import Config, make_config
from coverfusion.experiments.transfer.findings import transfer_findings
from coverfusion.experiments.transfer.genre_map import partners, read_genre_map
from coverfusion.experiments.transfer.joined import in_both
from coverfusion.experiments.transfer.plan import block_sets
from coverfusion.experiments.transfer.study import transfer
from coverfusion.experiments.transfer.tables import difference_of_independent
from tests.helpers.pictures import encode, noise, save_manifest, solid

TINTS = {"dub": (60, 130, 60), "opera": (140, 60, 60), "techno": (60, 60, 140)}
GRAIN = {"dub": 0.9, "opera": 0.7, "techno": 0.5}
OTHERS = {"dub": "opera", "opera": "techno", "techno": "dub"}
EACH = 24


def _save(folder: Path, shifted: bool, first_seed: int) -> list[dict[str, str]]:
    folder.mkdir()
    rows = []
    for genre, grain in GRAIN.items():
        tint = TINTS[OTHERS[genre] if shifted else genre]
        for number in range(EACH):
            seed = first_seed + 100 * list(GRAIN).index(genre) + number
            shift = np.random.default_rng(seed).integers(-20, 21, 3)
            colour = tuple(int(v) for v in np.array(tint) + shift)
            path = folder / f"{genre}-{number}.png"
            picture = PIL.Image.blend(noise(seed, (48, 48)), solid(colour, (48, 48)), grain)
            path.write_bytes(encode(picture, "PNG"))
            rows.append({"path": str(path), "genre": genre})
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifests: `here.csv`; `there.csv` with other names of genres, one more, and covers of `here`."""
    root = tmp_path_factory.mktemp("transfer")
    here, there = _save(root / "a", False, 0), _save(root / "b", True, 1000)
    for row in there:
        row["genre"] = {"dub": "Dub reggae"}.get(row["genre"], row["genre"])
    extra = [{"path": row["path"], "genre": "polka"} for row in _save(root / "c", False, 2000)[:5]]
    copied = [here[0] | {"genre": "Dub reggae"}, here[EACH] | {"genre": "techno"}]  # the second one conflicts
    (root / "map.csv").write_text("from,to\nDub reggae,dub\n")
    save_manifest(root / "here.csv", here)
    save_manifest(root / "there.csv", [*there, *extra, *copied])
    return root


def _config(folder: Path, name: str, **more: object) -> Config:
    values: dict = {"blocks": ["color", "texture"], "classifiers": {"logistic": {}}, "out": folder / "runs"}
    return make_config("test", collection=folder / name, store=folder / "store", **values | more)


@pytest.fixture(scope="module")
def study(folder: Path) -> Path:
    words = [
        "transfer",
        folder / "here.csv",
        folder / "there.csv",
        "--genres",
        folder / "map.csv",
        "-c",
        "logistic",
    ]
    words += [
        "-b",
        "color",
        "-b",
        "texture",
        "--folds",
        3,
        "--store",
        folder / "store",
        "--out",
        folder / "runs",
    ]
    done = CliRunner().invoke(app, [*map(str, words), "--workers", "1"])
    assert done.exit_code == 0, done.output
    return next((folder / "runs").glob("transfer-here-there-*"))


def test_the_block_that_shifted_loses_and_the_other_does_not(study: Path) -> None:
    scores = pd.read_csv(study / "scores.csv")
    alone = scores[scores["set"] == "alone"].set_index("block")
    assert alone.loc["color", "accuracy_within"] > 0.9
    assert alone.loc["color", "accuracy_transfer"] < 0.5  # grain shows in colours too
    assert alone.loc["color", "lost_low"] > 0.4
    assert alone.loc["texture", "accuracy_transfer"] > 0.9
    assert alone.loc["texture", "lost_low"] < 0.05
    for row in scores.itertuples():
        assert row.lost == pytest.approx(row.accuracy_within - row.accuracy_transfer)
    assert scores.loc[scores["classifier"] == "largest genre", "accuracy_transfer"].item() == pytest.approx(
        1 / 3
    )


def test_what_blocks_bring_is_tested_on_the_other_collection(study: Path) -> None:
    scores = pd.read_csv(study / "scores.csv").set_index(["set", "block"])["accuracy_transfer"]
    blocks = pd.read_csv(study / "blocks.csv").set_index("block")
    every = scores["all blocks"].iloc[0]
    for block, row in blocks.iterrows():
        assert row["brings_transfer"] == pytest.approx(every - scores["without", block])
        assert row["brings_transfer_low"] <= row["brings_transfer"] <= row["brings_transfer_high"]
        assert row["p_holm"] >= row["p"]
    assert blocks.loc["color", "brings_transfer"] < 0
    assert blocks.loc["texture", "p"] < 0.01


def test_what_lies_in_both_is_left_out_and_counted(study: Path) -> None:
    left_out = pd.read_csv(study / "left_out.csv").set_index("what")["covers"]
    assert left_out.filter(like="no partner (polka)").item() == 5
    assert left_out.filter(like="byte for byte").item() == 1
    assert left_out.filter(like="share a picture").item() == 1
    scores = pd.read_csv(study / "scores.csv")
    assert set(scores["covers_transfer"]) == {3 * EACH}
    assert set(scores["covers_within"]) == {3 * EACH}
    assert "Left out: 5 covers of there" in (study / "findings.txt").read_text()


def test_the_folder_says_how_it_was_made(study: Path, folder: Path) -> None:
    asked = json.loads((study / "study.json").read_text())
    assert asked["genres"] == {"Dub reggae": "dub"}
    for name in ("config.yaml", "environment.json", "collection.json", "covers.csv", "splits.parquet"):
        assert (study / name).is_file()
    page = (study / "index.html").read_text()
    assert "<small>alone color</small>" in page
    stamp = (study / "index.html").stat().st_mtime_ns
    config = _config(folder, "here.csv", folds=3)
    assert transfer(config, folder / "there.csv", folder / "map.csv", workers=1) == study
    assert (study / "index.html").stat().st_mtime_ns == stamp


def test_without_folds_one_model_is_tested_on_both(folder: Path) -> None:
    path = transfer(_config(folder, "here.csv"), folder / "there.csv", folder / "map.csv", workers=1)
    splits = pd.read_parquet(path / "splits.parquet")
    scores = pd.read_csv(path / "scores.csv")
    assert set(scores["covers_within"]) == {(splits["split"] == "test").sum()}
    assert set(scores["covers_transfer"]) == {3 * EACH}


def test_each_source_of_a_manifest_is_left_out_once(folder: Path) -> None:
    rows = pd.read_csv(folder / "here.csv").assign(source=["x", "y", "z"] * EACH)
    there = (
        pd.read_csv(folder / "there.csv").head(3 * EACH).replace({"Dub reggae": "dub"}).assign(source="far")
    )
    pd.concat([rows, there]).to_csv(folder / "sources.csv", index=False)
    path = transfer(_config(folder, "sources.csv", folds=3), workers=1)
    scores = pd.read_csv(path / "scores.csv")
    alone = scores[(scores["set"] == "alone") & (scores["block"] == "color")].set_index("test")
    assert list(alone.index) == ["far", "x", "y", "z"]
    assert alone["covers_transfer"].tolist() == [3 * EACH, EACH, EACH, EACH]
    assert alone.loc["far", "accuracy_transfer"] < 0.6 < alone.loc["x", "accuracy_within"]
    assert alone.loc["far", "lost_low"] > 0


def test_what_cannot_be_compared_is_refused(folder: Path) -> None:
    config = _config(folder, "here.csv")
    with pytest.raises(UserError, match="no column 'source'"):
        transfer(config)
    with pytest.raises(UserError, match="Name the second one"):
        transfer(config, genres=folder / "map.csv")
    with pytest.raises(UserError, match="Name a second one"):
        transfer(_config(folder, "a", folds=2).model_copy(update={"collection": _genre_folder(folder)}))


def test_a_collection_and_its_copy_are_refused(folder: Path) -> None:
    (folder / "again.csv").write_bytes((folder / "here.csv").read_bytes())
    with pytest.raises(
        UserError, match=r"All covers of the collection to test on, again, are copies of training covers"
    ):
        transfer(_config(folder, "here.csv"), folder / "again.csv")


def _genre_folder(folder: Path) -> Path:
    for genre in ("dub", "opera"):
        (folder / "genres" / genre).mkdir(parents=True)
        (folder / "genres" / genre / "a.png").write_bytes((folder / "a" / f"{genre}-0.png").read_bytes())
    return folder / "genres"


def test_genres_are_mapped_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_text("from,to\nRap,Hip Hop\nHipHop,Hip Hop\n")
    names = read_genre_map(file, ["Rap", "Pop", "HipHop"])
    assert partners(["Rap", "Pop", "Jazz"], ["HipHop", "Pop"], names) == ["Hip Hop", "Pop"]
    with pytest.raises(UserError, match="Did you mean 'Rap'"):
        read_genre_map(file, ["Rap", "Hip"]) if file.write_text("from,to\nrap,Pop\n") else None
    with pytest.raises(UserError, match="1 genre in common"):
        partners(["Rap", "Pop"], ["Jazz", "Pop"], {})
    for content, message in {
        "from\nRap\n": "no column 'to'",
        "from,to\nRap,\n": "empty",
        "from,to\nRap,a\nRap,b\n": "twice",
    }.items():
        file.write_text(content)
        with pytest.raises(UserError, match=message):
            read_genre_map(file, ["Rap"])


def test_by_hand() -> None:
    covers = pd.DataFrame({"group": [1, 1, 2, 3, 3]})
    assert in_both(covers, np.array([True, False, False, True, True])).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
    found = difference_of_independent(Interval(0.8, 0.7, 0.9), Interval(0.5, 0.1, 0.8))
    low, high = 0.3 - np.hypot(0.1, 0.3), 0.3 + np.hypot(0.1, 0.4)
    np.testing.assert_allclose([found.value, found.low, found.high], [0.3, low, high])
    assert list(block_sets("logistic", ["a", "b"]).values()) == [
        [("all blocks", "")],
        [("alone", "a"), ("without", "b")],
        [("alone", "b"), ("without", "a")],
    ]


def _scores(lost: list[float], reach: float) -> pd.DataFrame:
    """Of a model on two blocks and on each alone, which lose so much, give or take."""
    rows = [
        {
            "test": "there",
            "classifier": "svc",
            "set": kind,
            "block": block,
            "blocks": block or "color+texture",
            "accuracy_within": 0.6,
            "accuracy_transfer": 0.6 - gone,
            "lost": gone,
            "lost_low": gone - reach,
            "lost_high": gone + reach,
        }
        for (kind, block), gone in zip(
            (("all", ""), ("alone", "color"), ("alone", "texture")), lost, strict=True
        )
    ]
    return pd.DataFrame(rows)


def test_nothing_is_called_lost_whose_interval_holds_nothing() -> None:
    lost = [0.05, 0.02, 0.08]
    unsure, sure = (
        " ".join(transfer_findings(["here", "there"], _scores(lost, reach), pd.DataFrame(), {}))
        for reach in (0.1, 0.01)
    )
    assert "To close the gap" not in unsure
    assert "svc changes by color \u22122.0 points (\u221212.0 to +8.0)" in unsure
    assert "To close the gap" in sure
    assert "svc loses least on color \u22122.0 points (\u22123.0 to \u22121.0)" in sure
    assert "svc on all blocks: accuracy 60.0\u00a0% within" in sure
