"""What `train` says of its run: the models in the order of the leaderboard, the chosen one, chance."""

from pathlib import Path

import pytest

from coverfusion.experiments.commands.printing import print_run
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.run_folder import Run, chance_of, read_run
from coverfusion.experiments.training.limits import limits
from coverfusion.experiments.training.train import train
from tests.helpers.many import save_many
from tests.helpers.small import config, save_small

MODELS = {"knn": {}, "logistic": {}}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("covers"))


def _printed(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(console, "width", 80)
    print_run(run.folder)
    return capsys.readouterr().out


def test_a_split_is_sorted_by_validation_and_shown_in_percent(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(train(config(manifest, tmp_path, classifiers=MODELS)))
    printed = _printed(run, capsys, monkeypatch)
    text = " ".join(printed.split())
    covers = int(run.chosen.confusion["validation"].to_numpy().sum())
    assert f"the best accuracy on {covers} validation covers first" in text
    rows = [line.lstrip("\u2605 ") for line in printed.splitlines()]
    listed = [row.split()[0] for row in rows if row.startswith(tuple(MODELS))]
    assert listed == [model.classifier for model in run.models]
    best = run.accuracy(run.chosen)
    chosen = next(line for line in printed.splitlines() if line.startswith(f"\u2605 {run.chosen.classifier}"))
    validation = run.chosen.scores["validation"]["accuracy"].value
    assert chosen.split()[2] == f"{100 * validation:.1f}"
    assert chosen.split()[3:5] == [
        f"{100 * best.value:.1f}",
        f"({100 * best.low:.1f}\u2013{100 * best.high:.1f})",
    ]
    assert f"The chosen model (\u2605, by log loss) is {run.chosen.classifier} on" in text
    usual, chance = chance_of(run, run.metric)
    assert f"Always saying {usual}, " in text
    assert f"would be right for {100 * chance:.1f}" in text
    assert max(map(len, printed.splitlines()[:10])) <= 80


def test_folds_have_one_column_of_accuracy_and_what_the_choice_flatters(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_run(train(config(manifest, tmp_path, classifiers=MODELS, folds=3, metric="brier")))
    printed = _printed(run, capsys, monkeypatch)
    text = " ".join(printed.split())
    assert "the best Brier score on all folds first" in text
    assert "validation" not in text
    assert f"a Brier score of {run.baseline['folds']['brier']:.3f}" in text
    assert "it may be flattered: corrected" in text or "leaves it at" in text
    (other,) = [model for model in run.models if not model.chosen]
    better = run.score(other).value < run.score(run.chosen).value
    assert (f"{other.classifier} has a lower Brier score" in text) == better
    assert (f"worse in Brier score: {other.classifier}." in text) != better
    guessed = next(line for line in printed.splitlines() if line.startswith("guessing "))
    losses = [run.baseline["folds"][name] for name in ("brier", "log_loss")]
    assert [f"{loss:.3f}" for loss in losses] == [guessed.split()[2], guessed.split()[4]]


def test_of_several_genres_a_models_name_stands_on_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"labels": "many", "blocks": ["color", "texture"], "folds": 3}
    asked |= {"classifiers": ["kernel_ridge"], "alone": ["kernel_ridge"]}
    run = read_run(train(config(save_many(tmp_path / "covers"), tmp_path / "runs", **asked)))
    lines = _printed(run, capsys, monkeypatch).splitlines()
    listed = [line.strip("\u2605 ") for line in lines if "kernel_ridge, " in line]
    assert [line.split("  ")[0] for line in listed] == [
        f"kernel_ridge, {model.on}" for model in run.models if model.kind == "alone"
    ]
    assert "another genre one or more of these." in limits(run)[0]
