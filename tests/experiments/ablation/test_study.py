"""An ablation end to end: every number against a plain loop, resume, and what planted signals come to."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.splits import load_splits
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.config import Config, make_config
from coverfusion.experiments.pipeline.preparation import prepare
from coverfusion.fusion.registry import create
from tests.helpers.pictures import checkerboard, grained, save_folders, stripes, words

GENRES = {"dub": (30, 120, 40), "opera": (150, 30, 40), "techno": (40, 40, 160)}
DESIGNS = ["alone", "without", "subsets", "families", "greedy"]


def _cover(genre: str, number: int) -> Image.Image:
    rng = np.random.default_rng([number, len(genre)])
    colour = tuple(int(v) for v in np.clip(np.array(GENRES[genre]) + rng.integers(-60, 60, 3), 0, 255))
    second = tuple(int(v) for v in rng.integers(0, 255, 3))
    draw = checkerboard if number % 2 else stripes
    return grained(draw(colour, second, int(rng.integers(5, 30)), size=(64, 64)), [number, len(genre)])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("ablate")
    save_folders(folder / "covers", {genre: [_cover(genre, n) for n in range(24)] for genre in GENRES})
    return make_config(
        "test",
        collection=folder / "covers",
        out=folder / "runs",
        store=folder / "store",
        classifiers=["logistic", "knn"],
        blocks=["color", "texture"],
        folds=3,
    )


@pytest.fixture(scope="module")
def study(config: Config) -> Path:
    return ablate(config, DESIGNS, repeats=2, workers=2)


def test_every_fold_is_what_a_plain_loop_gives(config: Config, study: Path) -> None:
    collection = read_collection(config.collection)
    prepared = prepare(config, collection, make_extractors(config.blocks, "packaged"))
    covers = prepared.covers.set_index("cover_id")
    numbers = load_splits(study / "splits.parquet", prepared.covers)
    table = pd.read_csv(study / "ablation.csv")
    for classifier in ("logistic", "knn"):
        for units in ("color", "color+texture"):
            X = prepared.table.select(units.split("+")).frame()
            train, test = (
                numbers.index[pick] for pick in (numbers["repeat_1"] != 2, numbers["repeat_1"] == 2)
            )
            model = create(classifier, random_state=0) if classifier == "logistic" else create(classifier)
            model.fit(X.loc[train], covers.loc[train, "genre"], groups=covers.loc[train, "group"])
            right = (model.predict(X.loc[test]) == covers.loc[test, "genre"]).mean()
            row = table[(table["classifier"] == classifier) & (table["units"] == units)]
            row = row[(row["repeat"] == 1) & (row["fold"] == 2)]
            assert row["accuracy"].item() == pytest.approx(right)
            assert row["test_covers"].item() == len(test)


def test_tables_agree(study: Path) -> None:
    table = pd.read_csv(study / "ablation.csv")
    assert (table.groupby(["classifier", "units"]).size() == 6).all()
    board = pd.read_csv(study / "leaderboard.csv").set_index(["classifier", "units"])
    assert board["accuracy"].is_monotonic_decreasing
    nothing = board.loc[("largest genre", "none"), "accuracy"]
    assert 0.25 < nothing <= 1 / 3  # with equal genres, the largest in training is the smallest in the test
    comparisons = pd.read_csv(study / "comparisons.csv", keep_default_na=False)
    for row in comparisons[comparisons["design"] == "all against all but block"].itertuples():
        first, second = board.loc[(row.classifier, row.first)], board.loc[(row.classifier, row.second)]
        assert row.difference == pytest.approx(first["accuracy"] - second["accuracy"])
        assert row.low <= row.difference <= row.high
        assert row.p <= row.p_holm
    shares = pd.read_csv(study / "shapley.csv")
    for classifier, part in shares[shares["genre"] == "all"].groupby("classifier"):
        gain = board.loc[(classifier, "color+texture"), "accuracy"] - nothing
        assert part["value"].sum() == pytest.approx(gain, abs=1e-6)
    pairs = pd.read_csv(study / "interactions.csv").query("genre == 'all'").set_index("classifier")
    for classifier in ("logistic", "knn"):  # two blocks: v(ab) - v(a) - v(b) + v()
        score = {units: board.loc[(classifier, units), "accuracy"] for units in ("color", "texture")}
        both = board.loc[(classifier, "color+texture"), "accuracy"]
        expected = both - score["color"] - score["texture"] + nothing
        assert pairs.loc[classifier, "interaction"] == pytest.approx(expected, abs=1e-6)
    for classifier, part in shares[shares["genre"] != "all"].groupby("classifier"):
        accuracy = board.loc[(classifier, "color+texture"), "accuracy"]
        # three genres of equal size: the mean of their recalls, less that of guessing
        assert part["value"].sum() / 3 == pytest.approx(accuracy - 1 / 3, abs=1e-6)


def test_greedy_steps_are_the_best_ones(study: Path) -> None:
    greedy, table = pd.read_csv(study / "greedy.csv"), pd.read_csv(study / "ablation.csv")
    means = table.groupby(["classifier", "units"])["accuracy"].mean()
    for row in greedy[greedy["step"] == 1].itertuples():
        assert row.accuracy == pytest.approx(
            max(means[row.classifier, name] for name in ("color", "texture"))
        )


def test_the_page_is_one_file_with_text_for_each_picture(study: Path) -> None:
    page = (study / "index.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    pictures = re.findall(r'<svg [^>]*role="img"[^>]*>', page)
    drawn = [file.read_text() for file in (study / "figures").glob("*.svg")]
    assert len(pictures) == sum('class="chart heat"' not in text for text in drawn) > 5  # those are tables
    assert all(re.search(r'aria-label="[^"]{20,}', picture) for picture in pictures)
    assert not (study / "fits").exists()
    assert json.loads((study / "study.json").read_text()) == {
        "designs": DESIGNS,
        "repeats": 2,
        "metric": "accuracy",
        "rope": 0.01,
    }


def test_a_stopped_study_goes_on_and_a_finished_one_is_kept(
    config: Config, study: Path, capsys: pytest.CaptureFixture
) -> None:
    written = (study / "index.html").stat().st_mtime_ns
    assert ablate(config, DESIGNS, repeats=2) == study
    assert (study / "index.html").stat().st_mtime_ns == written


def test_workers_do_not_change_the_numbers(config: Config, study: Path, tmp_path: Path) -> None:
    again = ablate(config.model_copy(update={"out": tmp_path}), DESIGNS, repeats=2, workers=1)
    scores = [pd.read_csv(folder / "ablation.csv").drop(columns="seconds") for folder in (study, again)]
    pd.testing.assert_frame_equal(*scores)


def test_an_unknown_design_is_refused_before_any_work(config: Config) -> None:
    with pytest.raises(UserError, match="--design"):
        ablate(config, ["everything"])


HUES = {"dub": (196, 128, 128), "opera": (104, 168, 104), "techno": (140, 140, 208)}  # about one luma
SAYINGS = {
    "dub": ["REGGAE", "RASTAS", "ISLAND", "MARLEY"],
    "opera": ["MOZART", "WAGNER", "TENORS", "SINGER"],
    "techno": ["ROBOTS", "LASERS", "BERLIN", "RAVERS"],
}


def _planted(where: Path, signal: str, covers: int = 24) -> Path:
    """Covers where only the colour, or only the written words, go with the genre."""
    rng = np.random.default_rng(5)
    every = [text for texts in SAYINGS.values() for text in texts]
    pictures: dict[str, list[Image.Image]] = {genre: [] for genre in HUES}
    for genre, drawn in pictures.items():
        for _ in range(covers):
            seen = genre if signal == "color" else str(rng.choice(list(HUES)))
            colour = tuple(int(v) for v in np.clip(np.array(HUES[seen]) + rng.integers(-12, 13), 0, 255))
            said = str(rng.choice(SAYINGS[genre] if signal == "ocr" else every))
            place, height = (int(rng.integers(5, 60)), int(rng.integers(5, 60))), int(rng.integers(18, 30))
            picture = words(said, "black", colour, height, (200, 160), place)
            for left in (10, 70, 130):  # bars that hide from `texture` how much ink a word takes
                top, right, bottom = rng.integers([95, left + 10, 125], [120, left + 55, 158])
                ImageDraw.Draw(picture).rectangle([left, int(top), int(right), int(bottom)], fill="black")
            drawn.append(picture)
    save_folders(where / "covers", pictures)
    return where / "covers"


@pytest.mark.slow
@pytest.mark.parametrize(("signal", "beside"), [("color", "people"), ("ocr", "color")])
def test_a_planted_signal_gets_the_shapley_value(signal: str, beside: str, tmp_path: Path) -> None:
    # `ocr` is not beside `color`: it knows the colours of letters and ground too
    config = make_config(
        "test",
        collection=_planted(tmp_path, signal),
        out=tmp_path / "runs",
        store=tmp_path / "store",
        classifiers=["kernel_ridge"],
        blocks=[signal, "texture", beside],
        folds=4,
    )
    folder = ablate(config, ["alone", "without", "subsets"], repeats=2, workers=1)
    values = pd.read_csv(folder / "shapley.csv").query("genre == 'all'").set_index("block")
    total = values["value"].sum()
    assert total > 0.4
    assert values.loc[signal, "value"] > 0.8 * total
    assert values.loc[signal, "p_holm"] < 0.05
    others = values.drop(index=signal)
    assert (others["p_holm"] > 0.05).all()
    comparisons = pd.read_csv(folder / "comparisons.csv")
    removed = comparisons[comparisons["design"] == "all against all but block"].set_index("unit")
    assert (removed["p_holm"] < 0.05).to_dict() == {name: name == signal for name in removed.index}
