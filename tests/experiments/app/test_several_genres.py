"""What the app says of models whose covers may have several genres."""

from dataclasses import replace
from pathlib import Path

import pytest

from coverfusion.experiments.app.chosen_cover import called_of
from coverfusion.experiments.app.covers_in import about, beside_words
from coverfusion.experiments.app.loaded_model import LoadedModel, read_model
from coverfusion.experiments.app.run_labels import run_labels, run_words
from coverfusion.experiments.app.run_page import chosen_words, leaderboard_frame, short_board
from coverfusion.experiments.app.score_page import noticed_of
from coverfusion.experiments.app.score_table import narrow_table, table_of_scores
from coverfusion.experiments.app.scored_covers import score_uploads
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.fusion.uncertainty.decision import NO_TARGETS
from tests.helpers.pictures import encode, noise

GENRES = 3


@pytest.fixture(scope="module")
def many(many_run: Path) -> LoadedModel:
    return read_model(many_run / "bundle")


def test_covers_are_called_what_score_says(many: LoadedModel, many_run: Path) -> None:
    paths = sorted((many_run.parents[1] / "covers").glob("*.png"))[:4]
    uploads = [(path.name, path.read_bytes()) for path in paths] + [("new.png", encode(noise(1), "PNG"))]
    scored = list(score_uploads(many, uploads))[-1]
    table = table_of_scores(scored, scored.good, GENRES)
    rows = scored.frame.to_dict("records")
    assert table["genres"].tolist() == [", ".join(called_of(row)) for row in rows]
    assert any(len(called_of(row)) > 1 for row in rows)
    assert all(str(row["genres"]).replace("|", ", ") in narrow_table(table) for row in rows)
    assert not any("No prediction" in sentence for sentence in noticed_of(scored.frame))


def test_the_model_is_said_to_name_several_genres(many: LoadedModel, model: LoadedModel) -> None:
    assert "one or several of 3 genres" in about(many, NO_TARGETS)
    assert "or several" not in about(model, NO_TARGETS)


def test_what_the_app_is_not_given_is_said(model: LoadedModel) -> None:
    assert beside_words(model) == []
    year = {"metadata_year": {"column": "year", "kind": "number"}}
    sides = model.bundle.columns | {"back_color": ["a"]}
    told = replace(model, bundle=replace(model.bundle, metadata=year, columns=sides))
    year_words, back_words = beside_words(told)
    assert "'year'" in year_words
    assert f"`coverfusion score {told.folder} manifest.csv`" in year_words
    assert "--pair" in back_words


def test_the_leaderboard_has_the_scores_of_sets(many_run: Path) -> None:
    run = read_run(many_run)
    (row,) = short_board(run, run.split, run.models).to_dict("records")
    assert list(row) == ["model", "macro F1, %", "all genres right, %", "log loss"]
    assert row["macro F1, %"].startswith(f"{100 * run.score(run.chosen).value:.1f} (")
    board = leaderboard_frame(run, run.split, run.models)
    assert board["micro F1, %"].tolist() == pytest.approx(
        [100 * run.chosen.scores[run.split]["f1_micro"].value]
    )
    assert chosen_words(run, run.models) == "\u2605 is the model that this app uses."
    others = [replace(run.chosen, classifier="knn")]  # what a filter may leave
    assert "not among these" in chosen_words(run, others)


def test_the_picker_speaks_of_the_runs_own_metric(many_run: Path) -> None:
    (label,) = run_labels([many_run]).values()
    assert "macro F1" in label
    assert "naming every genre gives" in run_words(many_run)
