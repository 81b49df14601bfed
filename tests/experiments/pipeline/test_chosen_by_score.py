"""The best of a leaderboard beside what it is worth without the luck of the choice."""

import re
from pathlib import Path

import numpy as np
import pytest

from coverfusion.experiments.commands.printing import print_run
from coverfusion.experiments.evaluation.best_of_many import corrected_metric
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.chosen_by_score import (
    candidate_pairs,
    corrected_score,
    differences_of,
    fusing_pairs,
)
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.experiments.training.gist import family_words
from coverfusion.experiments.training.train import train
from tests.helpers.small import config, save_small


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("chosen"))


@pytest.fixture(scope="module")
def run(manifest: Path) -> Run:
    names = ["knn", "logistic", "svc"]
    return read_run(train(config(manifest, manifest.parent / "runs", classifiers=names, folds=3)))


def test_the_choice_is_corrected_where_the_same_covers_judge(run: Run) -> None:
    frames = [run.predictions(model) for model in run.models]
    right = np.column_stack([frame["predicted"] == frame["genre"] for frame in frames])
    sums = np.stack([right, np.ones_like(right)], axis=2).astype(float)
    losses = np.stack([predicted_sums(frame, METRICS["log_loss"]) for frame in frames], axis=1)
    expected = corrected_metric(
        METRICS["accuracy"],
        sums,
        frames[0]["group"].to_numpy(),
        run.config["seed"],
        widening(3),
        chosen_by=(METRICS["log_loss"], losses),
        chosen=run.models.index(run.chosen),
    )
    found = corrected_score(run)
    assert found == expected
    best = run.accuracy(run.chosen)
    assert found.value <= best.value
    assert found.low < found.value < found.high
    difference = differences_of(run, candidate_pairs(run)).interval(0, 1)
    values = [run.accuracy(model).value for model in run.models]
    assert difference.value == pytest.approx(values[0] - values[1])


def test_blocks_alone_are_no_part_of_the_choice(manifest: Path, tmp_path: Path) -> None:
    names = {"classifiers": ["knn", "logistic"], "blocks": ["color", "texture"], "folds": 3}
    beside = read_run(train(config(manifest, tmp_path / "beside", alone=["knn"], **names)))
    without = read_run(train(config(manifest, tmp_path / "without", **names)))
    spans = []
    for run in (beside, without):
        fused = [model for model in run.models if model.kind == "fused"]
        assert candidate_pairs(run) == [tuple(fused)]
        many = differences_of(run, candidate_pairs(run))
        spans.append(many.interval(*(run.models.index(model) for model in fused)))
    assert spans[0] == spans[1]
    assert len(fusing_pairs(beside)) == 2 * 2  # two models on both blocks, two blocks alone
    words = [family_words(run) for run in (beside, without)]
    assert "for all 4 pairs" in words[0]
    assert not words[1]
    assert words[0] in beside.report.read_text()


def test_it_is_printed_and_on_the_page(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    corrected = corrected_score(run)
    assert corrected
    print_run(run.folder)
    said = " ".join(capsys.readouterr().out.split())
    assert f"flattered: corrected, {100 * corrected.value:.1f}" in said
    page = run.report.read_text()
    assert "As the best of 3 on the same covers it may be flattered" in page
    assert "at least 95" in page
    assert not re.search(r"[>\s\u2013]nan\b", page)
    assert "NaN" not in (run.folder / "metrics.json").read_text()


def test_test_covers_that_did_not_choose_need_no_correction(manifest: Path, tmp_path: Path) -> None:
    split = read_run(train(config(manifest, tmp_path, classifiers=["knn", "logistic"])))
    assert corrected_score(split) is None
    assert "flattered" not in split.report.read_text()
