"""An ablation of covers of several genres: a genre loses what its block told of it, and no other's."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.experiments.ablation.pilot import read_pilot
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, metrics_of
from tests.helpers.many import save_many
from tests.helpers.small import config

DESIGNS = ["alone", "without", "subsets", "greedy"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    asked = config(
        save_many(folder, 96),
        folder / "runs",
        labels="many",
        blocks=["color", "texture"],
        classifiers=["logistic"],
        folds=3,
    )
    return ablate(asked, DESIGNS, repeats=2, workers=2)


def test_each_genre_loses_by_its_own_block(study: Path) -> None:
    genres = pd.read_csv(study / "genres.csv").set_index(["block", "genre"])
    for block, own, other in (("color", "ember", "wave"), ("texture", "wave", "ember")):
        assert genres.loc[(block, own), "loss"] > 0.15
        assert genres.loc[(block, own), "low"] > 0
        assert abs(genres.loc[(block, other), "loss"]) < 0.1
    folds = pd.read_csv(study / "ablation.csv").groupby("units").mean(numeric_only=True)
    assert folds.loc["color", "f1_ember"] > 0.9 > folds.loc["texture", "f1_ember"]
    assert folds.loc["texture", "f1_wave"] > 0.9 > folds.loc["color", "f1_wave"]


def test_shapley_values_add_up_to_what_all_blocks_bring(study: Path) -> None:
    folds = pd.read_csv(study / "ablation.csv").groupby("units").mean(numeric_only=True)
    values = pd.read_csv(study / "shapley.csv").set_index(["genre", "block"])["value"]
    for genre, column in (("all", "f1_macro"), ("ember", "f1_ember"), ("wave", "f1_wave")):
        gain = folds.loc["color+texture", column] - folds.loc["none", column]
        assert values[genre].sum() == pytest.approx(gain, abs=1e-6)
    assert values["ember", "color"] > 3 * abs(values["ember", "texture"])
    assert values["wave", "texture"] > 3 * abs(values["wave", "color"])


def test_nothing_known_calls_covers_every_genre(study: Path) -> None:
    board = pd.read_csv(study / "leaderboard.csv").set_index(["classifier", "units"])
    nothing = board.loc[("every genre", "none")]
    # half of the covers are ember, half wave, a quarter quiet: F1 of calling all so is 2p / (1 + p)
    assert nothing["f1_macro"] == pytest.approx((2 / 3 + 2 / 3 + 0.4) / 3)
    assert nothing["accuracy"] == 0
    page = (study / "index.html").read_text()
    assert "By genre they are of its F1" in page


@pytest.mark.parametrize("name", metrics_of(several=True))
def test_a_study_is_a_pilot_of_the_next_one_in_every_metric(study: Path, name: str) -> None:
    pilot = read_pilot(study, SET_METRICS[name])
    assert pilot.covers == 96
    alone = next(p for p in pilot.pairs if (p.design, p.unit) == ("block alone against chance", "color"))
    # who calls covers every genre is never right of a whole set here
    found = pd.read_csv(study / "leaderboard.csv").set_index("units").loc["color", "accuracy"]
    assert alone.discordant == pytest.approx(found)
