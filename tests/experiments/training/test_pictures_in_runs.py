"""Classifiers that learn from pictures, through everything that opens a run, a bundle or a collection."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL.Image import Image, fromarray

from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.commands.extract import extract_command
from coverfusion.experiments.curve.study import learning_curve
from coverfusion.experiments.explanation.blocks import contributions_to, with_cells
from coverfusion.experiments.explanation.explain import explain
from coverfusion.experiments.genres.report import write_genre_report
from coverfusion.experiments.pipeline.config import Config, make_config
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.scoring.score import bundle_extractors, score
from coverfusion.experiments.training.gist import run_gist
from coverfusion.experiments.training.train import train
from coverfusion.features.sides import table_of
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.pictures import COLUMN
from tests.helpers.pictures import save_folders
from tests.helpers.tiny import BACKBONE, tiny_weights

GENRES = {"dub": (30, 120, 40), "techno": (40, 40, 160)}
COVERS = 22


def _cover(genre: str, number: int) -> Image:
    """Coarse noise, tinted: no two are near duplicates."""
    rng = np.random.default_rng([number, len(genre)])
    coarse = np.clip(np.array(GENRES[genre]) + rng.integers(-90, 90, (8, 8, 3)), 0, 255)
    return fromarray(coarse.astype(np.uint8)).resize((64, 64))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("pictures")
    save_folders(folder / "covers", {genre: [_cover(genre, n) for n in range(COVERS)] for genre in GENRES})
    small = {"backbone": BACKBONE, "checkpoint": tiny_weights(folder), "image_size": 32, "head_epochs": 0}
    learns = {"epochs": 6, "learning_rate": 1e-2, "frozen_stages": 0}
    return make_config(
        "test",
        collection=folder / "covers",
        out=folder / "runs",
        store=folder / "store",
        alone=["logistic"],
        classifiers={"joint": small | learns, "finetune": small | {"epochs": 1, "learning_rate": 1e-9}},
        blocks=["color", "texture"],
    )


@pytest.fixture(scope="module")
def run(config: Config) -> Path:
    return train(config)


def test_a_run_says_what_each_classifier_could_see(run: Path) -> None:
    found = {(model.classifier, *model.blocks): (model.kind, model.on) for model in read_run(run).models}
    assert found == {
        ("joint", "color", "texture", "pixels"): ("fused", "all 3 blocks"),
        ("finetune", "pixels"): ("fused", "the pictures themselves"),
        ("logistic", "color"): ("alone", "color alone"),
        ("logistic", "texture"): ("alone", "texture alone"),
    }
    assert read_run(run).chosen.classifier == "joint"  # the other network may not learn


def test_the_card_names_the_weights_that_the_network_started_from(run: Path, config: Config) -> None:
    bundle = load_bundle(run / "bundle")
    checkpoint = (config.classifiers or {})["joint"]["checkpoint"]
    assert bundle.classifier.starting_networks() == [("joint", BACKBONE, str(checkpoint))]
    card = re.sub(r"\\(.)", r"\1", (run / "bundle" / "README.md").read_text())
    assert f"| start of joint | {BACKBONE}, local checkpoint | {checkpoint} | not stated |" in card


def test_the_report_names_the_precision_of_each_network(run: Path) -> None:
    histories = [pd.read_csv(file) for file in (run / "training").glob("split/*/history.csv")]
    assert {precision for history in histories for precision in history["precision"].astype(str)} == {"32"}
    assert (run / "report.html").read_text().count("trained in float32") == len(histories) == 2


def test_new_covers_are_scored_from_their_pictures(run: Path, config: Config, tmp_path: Path) -> None:
    paths = sorted(str(path) for path in Path(str(config.collection)).rglob("*.jpg"))[:5]
    assert score(run / "bundle", iter(paths), tmp_path / "scores.csv") == (5, 0)
    scores = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False)
    bundle = load_bundle(run / "bundle")
    table, failed = table_of([_cover("dub", n) for n in range(3)], bundle_extractors(bundle))
    assert failed == [""] * 3
    assert table.frame()[COLUMN].iloc[0].shape == (256, 256, 3)
    assert (scores["failed_blocks"] == "").all()
    assert scores["probability_1"].between(0.5, 1).all()


def test_the_picture_is_a_player_of_the_explanation(run: Path, config: Config, tmp_path: Path) -> None:
    picture = sorted(Path(str(config.collection)).rglob("*.jpg"))[3]
    found = explain(run / "bundle", str(picture), tmp_path / "why.png")
    parts = found.contributions
    assert list(parts.blocks) == ["color", "texture", "pixels"]
    assert parts.base + sum(parts.blocks.values()) == pytest.approx(parts.score, abs=1e-6)
    assert COLUMN not in parts.columns
    assert "a picture or text that is taken away is not there" in parts.method
    assert found.attention is not None
    assert "block 'pixels' alone" in found.attention_note
    assert json.loads((tmp_path / "why.json").read_text())["contributions"]["blocks"].keys() == {
        "color",
        "texture",
        "pixels",
    }


def test_a_cover_without_its_picture_owes_it_nothing(run: Path) -> None:
    bundle = load_bundle(run / "bundle")
    table, _ = table_of([_cover("dub", 1)], bundle_extractors(bundle))
    row = table.frame().assign(**{COLUMN: None})
    assert contributions_to(bundle, row, "dub").blocks["pixels"] == pytest.approx(0, abs=1e-9)


def test_numbers_become_the_picture_or_nothing() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    rows = pd.DataFrame({"color.a": [1.0, 2.0, 3.0], COLUMN: [1.0, np.nan, 0.0]})
    found = with_cells(rows, {COLUMN: picture})
    assert found[COLUMN].iloc[0] is picture
    assert found[COLUMN].iloc[1:].tolist() == [None, None]
    assert with_cells(rows[["color.a"]], {COLUMN: picture}).equals(rows[["color.a"]])


def test_the_genre_report_and_the_gist_are_written(run: Path, tmp_path: Path) -> None:
    assert write_genre_report(run, tmp_path / "genres").is_file()
    assert "joint on all 3 blocks" in run_gist(read_run(run), "dub", 0.5, None)[0]


def test_pixels_are_a_block_of_the_ablation(config: Config) -> None:
    short = {name: given | {"epochs": 1} for name, given in (config.classifiers or {}).items()}
    wanted = short | {"logistic": {}}
    asked = config.model_copy(update={"classifiers": wanted, "blocks": {"color": {}}, "folds": 2})
    folder = ablate(asked, ["subsets"], repeats=1, workers=1)
    board = pd.read_csv(folder / "leaderboard.csv")
    fitted = sorted(zip(board["classifier"], board["units"], strict=True))
    assert fitted == [
        ("finetune", "pixels"),
        ("joint", "color"),
        ("joint", "color+pixels"),
        ("joint", "pixels"),
        ("largest genre", "none"),
        ("logistic", "color"),
    ]
    shares = pd.read_csv(folder / "shapley.csv").query("genre == 'all'").set_index(["classifier", "block"])
    accuracy = board.set_index(["classifier", "units"])["accuracy"]
    gained = accuracy["joint", "color+pixels"] - accuracy["largest genre", "none"]
    assert shares.loc["joint", "value"].sum() == pytest.approx(gained)
    comparisons = pd.read_csv(folder / "comparisons.csv", keep_default_na=False)
    between = comparisons[comparisons["design"] == "classifiers"]
    assert ["color+pixels", "pixels"] in between[["first", "second"]].to_numpy().tolist()


def test_a_learning_curve_of_pictures(config: Config) -> None:
    only = {"joint": (config.classifiers or {})["joint"] | {"epochs": 1}}
    asked = config.model_copy(update={"classifiers": only, "blocks": {"color": {}}, "folds": 2})
    folder = learning_curve(asked, sizes=[20, 21], workers=1)
    assert set(pd.read_csv(folder / "curve.csv")["classifier"]) == {"joint"}


def test_extract_fills_the_cache_of_pictures(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, out = tmp_path / "store", tmp_path / "table"
    extract_command(str(config.collection), block=["pixels"], store=store, out=out)
    assert f"{2 * COVERS} covers in" in " ".join(capsys.readouterr().out.split())
    assert not out.exists()
    assert len(list(store.glob("pixels-*/cells.txt"))) == 1
