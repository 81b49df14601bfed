"""A plan: from a study, from a run, from what is given; what it prints, and what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import coverfusion as cf
from coverfusion.data.errors import UserError
from coverfusion.experiments import cli
from coverfusion.experiments.ablation.pilot import read_pilot
from coverfusion.experiments.ablation.plan import given_pairs, plan_table
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.power import Design, detectable
from coverfusion.experiments.pipeline.run_folder import read_run

ACCURACY = METRICS["accuracy"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn sample with a study and a run of it."""
    folder = tmp_path_factory.mktemp("plan")
    cf.draw_sample(folder / "covers", covers_per_genre=10)
    asked = {"classifiers": ["knn", "logistic"], "blocks": ["color", "texture"], "store": folder / "store"}
    study = cf.ablate(folder / "covers", folds=3, repeats=2, workers=1, out=folder / "a", **asked)
    run = cf.train(folder / "covers", folds=3, alone=["knn"], out=folder / "b", **asked)
    study.folder.rename(folder / "study")
    run.folder.rename(folder / "run")
    return folder


def plan(folder: Path, *words: object) -> tuple[int, str]:
    """Status and output of `ablate --plan` in a window of 80 columns."""
    done = CliRunner().invoke(
        cli.app, ["ablate", "--plan", *map(str, words)], env={"COLUMNS": "80"}, terminal_width=80
    )
    return done.exit_code, done.output + (
        str(done.exception) if isinstance(done.exception, UserError) else ""
    )


def test_a_study_knows_every_pair_that_it_compared(made: Path) -> None:
    pilot = read_pilot(made / "study", ACCURACY)
    comparisons = pd.read_csv(made / "study" / "comparisons.csv", keep_default_na=False)
    assert [(p.design, p.unit, p.classifier) for p in pilot.pairs] == list(
        comparisons[["design", "unit", "classifier"]].itertuples(index=False, name=None)
    )
    assert pilot.covers == 60
    # the discordant covers of the first repeat are in the table; the pilot has both repeats
    first = (comparisons["only_first"] + comparisons["only_second"]) / 60
    assert np.abs(np.array([p.discordant for p in pilot.pairs]) - first).max() < 0.2
    for pair in pilot.pairs:
        if (
            pair.discordant > 0.1
        ):  # single covers: the variance is the discordant proportion, less the squared mean
            assert 0.5 * pair.discordant < pair.spread.per_cover < 2 * pair.discordant


@pytest.mark.parametrize("name", METRICS)
def test_a_pilot_serves_every_metric(made: Path, name: str) -> None:
    for folder in ("study", "run"):
        pilot = read_pilot(made / folder, METRICS[name])
        assert all(0 < pair.spread.per_cover < np.inf and 0 <= pair.spread.kept <= 1 for pair in pilot.pairs)


def test_a_run_knows_its_classifiers_and_its_blocks_alone(made: Path) -> None:
    pilot = read_pilot(made / "run", ACCURACY)
    found = sorted((p.design, p.unit, {p.classifier, p.other} == {"knn"}) for p in pilot.pairs)
    assert found == [
        ("all against block alone", "color", True),
        ("all against block alone", "texture", True),
        ("block alone against chance", "color", True),
        ("block alone against chance", "texture", True),
        ("classifiers", "", False),
    ]
    assert [p.design for p in read_pilot(made / "run", ACCURACY, ["logistic", "knn"]).pairs] == [
        p.design for p in pilot.pairs
    ]
    with pytest.raises(UserError, match="no models of 'svc'; it has knn, logistic"):
        read_pilot(made / "run", ACCURACY, ["svc"])


def test_a_run_guesses_by_its_own_prior(made: Path, tmp_path: Path) -> None:
    genres = sorted(read_run(made / "run").facts["genres"])
    prior = dict.fromkeys(genres, 1.0) | {genres[-1]: 2.0}
    asked = {
        "classifiers": ["knn"],
        "blocks": ["color", "texture"],
        "store": made / "store",
        "alone": ["knn"],
    }
    run = cf.train(made / "covers", folds=3, prior=prior, out=tmp_path, **asked)
    (pair,) = (
        p
        for p in read_pilot(run.folder, ACCURACY).pairs
        if (p.unit, p.other) == ("color", "knn") and p.design == "block alone against chance"
    )
    frame = run.predictions("knn on color")
    right = (frame["predicted"] == frame["genre"]) != (frame["genre"] == genres[-1])
    assert pair.discordant == pytest.approx(right.mean())


def test_a_plan_is_printed_in_80_columns_and_written_where_it_is_asked(made: Path) -> None:
    before = sorted(path.name for path in made.iterdir())
    status, text = plan(made, "--pilot", made / "study", "--covers", 2000, "--difference", 0.02)
    assert status == 0, text
    assert max(map(len, text.splitlines())) <= 80
    assert "2,000" in text
    assert "with Holm" in text
    assert sorted(path.name for path in made.iterdir()) == before
    status, _ = plan(
        made, "--pilot", made / "study", "--covers", 2000, "--out", made / "planned", "-d", "alone"
    )
    table = pd.read_csv(made / "planned" / "plan.csv", keep_default_na=False)
    assert status == 0
    assert set(table["design"]) == {"block alone against chance", "all against block alone", "classifiers"}
    pair = read_pilot(made / "study", ACCURACY).pairs[0]
    assert float(table["detectable"].iloc[0]) == pytest.approx(detectable(pair.spread, Design(2000, 5, 2)))
    holm = table["detectable_holm"].astype(float) > table["detectable"].astype(float)
    assert holm.tolist() == (table["design"] != "classifiers").tolist()


def test_a_plan_overwrites_nothing_unasked(made: Path, tmp_path: Path) -> None:
    def planned(covers: int, *more: str) -> tuple[int, str]:
        return plan(tmp_path, "--covers", covers, "--out", out, *more)

    out = tmp_path / "planned"
    assert planned(1000)[0] == 0
    kept = (out / "plan.csv").read_text()
    status, text = planned(2000)
    assert status != 0
    assert "holds a plan already" in text
    assert (out / "plan.csv").read_text() == kept
    assert planned(2000, "--fresh")[0] == 0
    assert (out / "plan.csv").read_text() != kept
    out = made / "study"  # has an account of how it was made, which a plan would replace
    kept = (out / "environment.json").read_text()
    assert "holds another result" in planned(2000, "--fresh")[1]
    assert (out / "environment.json").read_text() == kept


def test_the_collection_says_how_many_covers_and_groups(made: Path) -> None:
    status, text = plan(made, made / "covers", "--folds", 3, "--repeats", 1)
    assert status == 0, text
    assert "3 folds of 60 covers" in text
    assert all(f"differ on {share} %" in text for share in (10, 20, 40))


def test_a_plan_of_few_groups_says_that_it_is_careful(made: Path) -> None:
    said = "more often than is said here"
    for words, few in (
        (["--covers", 100], True),
        (["--covers", 400], False),
        (["--covers", 400, "--group-size", 5], True),
        (["--pilot", made / "run"], True),
        (["--pilot", made / "run", "--covers", 400], False),
    ):
        status, text = plan(made, *words)
        assert status == 0, text
        assert (said in " ".join(text.split())) == few, words


def test_larger_groups_and_fewer_covers_show_less() -> None:
    def shown(covers: int, size: float) -> float:
        design = Design(covers, 5, 2)
        return float(
            plan_table(given_pairs([0.2], None, design, size), design, 0.01, ACCURACY)["detectable"].iloc[0]
        )

    assert shown(4000, 1) < shown(1000, 1) < shown(1000, 5)


def test_models_cannot_differ_by_more_than_the_covers_on_which_they_differ() -> None:
    design = Design(40, 5)
    (row,) = plan_table(given_pairs([0.02], None, design, 1), design, 0.05, ACCURACY).to_dict("records")
    assert row["detectable"] == row["covers_needed"] == np.inf
    assert np.isnan(row["power"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plan"], "of how many covers?"),
        (["--covers", "100"], "--covers belongs to --plan"),
        ([], "Name a config or a collection"),
        (["--plan", "--pilot", "nowhere"], "nowhere: this is neither"),
        (["--plan", "--pilot", "x", "--discordant", "0.2"], "--discordant: the --pilot says that"),
        (["--plan", "--covers", "100", "--fold-deviation", "0"], "larger than 0"),
        (["--plan", "--covers", "4"], "5 folds need"),
        (["--plan", "--covers", "100", "--metric", "brier"], "--metric brier"),
    ],
)
def test_what_cannot_be_planned_is_said(words: list[str], message: str) -> None:
    done = CliRunner().invoke(cli.app, ["ablate", *words])
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)


def test_a_design_that_the_pilot_does_not_have_and_a_study_without_predictions(
    made: Path, tmp_path: Path
) -> None:
    status, text = plan(made, "--pilot", made / "run", "-d", "without")
    assert status != 0
    assert "--design without: the pilot compares no such models" in text
    (tmp_path / "ablation.csv").write_text("classifier\n")
    with pytest.raises(UserError, match="keeps no predictions"):
        read_pilot(tmp_path, ACCURACY)
