"""Every command on covers of several genres does its work, or says at once that it cannot."""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.data.splits import load_splits
from coverfusion.experiments.cli import COMMANDS, app
from coverfusion.experiments.comparison.compare import compare_runs
from coverfusion.experiments.pipeline.run_folder import read_run
from tests.helpers.many import save_many

ON = "{manifest} --labels many -b color -b texture --store {store} --out {out}"
WORKS = [
    "inspect {manifest} --labels many --out {out} --store {store}",
    f"train {ON} -c logistic -c knn --folds 3",
    f"train {ON} -c mlp --seeds 2 --folds 3",
    "train {ensembles} --store {store} --out {out}",
    f"ablate {ON} -c logistic --folds 3 --repeats 1",
    f"ablate {ON} --plan --pilot {{run}} --folds 3",
    f"curve {ON} -c logistic --folds 3 --sizes 30 --sizes 31",
    f"sweep {ON} -c logistic -p C -v 0.01 -v 1",
    f"sweep {ON} -c logistic -p C -v 0.01 -v 1 --folds 2 --metric log_loss",
    f"search {ON} -c logistic -p C=0.01,1 --trials 2 --folds 2",
    "compare {run} --out {out}",
    "compare {run} --metric hamming_loss",
    "labels {run} --out {out}",
    "map {run} --out {out} -m pca",
    "decide {run} --out {out}",
    "report {run} --out {out}",
    "runs {runs}",
    "track {run} --tracking-uri sqlite:///{out}.db",
    "index {run} --out {out} --evaluate",
    "similar {run}/bundle {picture}",
    "score {run}/bundle {picture}",
    "explain {run}/bundle {picture} --out {out}.png",
]
REFUSED = [
    "decide {run} --target-error 0.1 --out {out}",
    "transfer {config} {manifest}",
    f"train {ON} -c knn --nested 2 --folds 3",
    f"train {ON} -c knn --prior balanced",
    f"train {ON} -c knn --keep all",
    f"curve {ON} -c logistic --balance weights",
    f"train {ON} -c knn --metric balanced_accuracy",
    f"ablate {ON} -c knn --metric balanced_accuracy",
    "ablate --plan --pilot {run} --folds 3 --metric balanced_accuracy",
    f"curve {ON} -c knn --metric balanced_accuracy",
    f"sweep {ON} -c knn -p k -v 1 -v 2 --metric balanced_accuracy",
    f"search {ON} -c knn -p k=1,2 --metric balanced_accuracy",
    "compare {run} --metric balanced_accuracy",
    "transfer {manifest} {manifest} --labels many",
    "compare {run} {single}",
    "score {run}/bundle {picture} --target-error 0.1",
]
# these speak of no labels, or have no end
BESIDE = {"demo", "grow", "extract", "classifiers", "serve", "weights", "app"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("many")
    manifest = save_many(folder, 48)
    one = pd.read_csv(manifest).assign(genre=lambda rows: rows["genre"].str.partition("|")[0])
    one.to_csv(folder / "one.csv", index=False)
    config = folder / "many.yaml"
    config.write_text(f"collection: {manifest}\nlabels: many\nblocks: [color]\n")
    ensembles = folder / "ensembles.yaml"
    of = "{classifiers: [logistic, knn]}"  # by default networks are among them
    ensembles.write_text(
        f"{config.read_text()}classifiers: {{stack: {of}, average: {of}, knn: {{}}, logistic: {{}}}}\n"
    )
    runs = folder / "runs"
    asked = ["-b", "color", "-c", "logistic", "-c", "knn", "--folds", "3"]
    where = ["--store", str(folder / "store"), "--out", str(runs)]
    for name, more in (("run", [str(manifest), "--labels", "many"]), ("single", [str(folder / "one.csv")])):
        made = CliRunner().invoke(app, ["train", *more, *asked, *where, "--name", name])
        assert made.exit_code == 0, made.output
    return {
        "manifest": manifest,
        "config": config,
        "ensembles": ensembles,
        "picture": folder / "cover-003.png",
        "store": folder / "store",
        "runs": runs,
        "run": runs / "run",
        "single": runs / "single",
    }


@pytest.mark.parametrize("line", WORKS)
def test_a_command_does_its_work(line: str, places: dict[str, Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, shlex.split(line.format(**places, out=tmp_path / "out")))
    if isinstance(result.exception, UserError) and "pip install" in str(result.exception):
        pytest.skip(str(result.exception))
    assert result.exit_code == 0, f"{result.exception!r}\n{result.output}"
    for step in (line for line in result.output.splitlines() if line.startswith("Next, to ")):
        words = shlex.split(step.partition(": ")[2])
        assert words[1] not in {line.split()[0] for line in REFUSED} - {line.split()[0] for line in WORKS}
        if str(places["manifest"]) in words:
            assert "--labels many" in " ".join(words)


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_done_is_refused_at_once(line: str, places: dict[str, Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, shlex.split(line.format(**places, out=tmp_path / "out")))
    assert isinstance(result.exception, UserError), result.output
    assert "labels: many" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_no_command_is_forgotten() -> None:
    assert {line.split()[0] for line in WORKS + REFUSED} | BESIDE >= set(COMMANDS)


def test_compared_values_are_of_whole_sets(places: dict[str, Path]) -> None:
    run = read_run(places["run"])
    frames = {model.classifier: run.predictions(model) for model in run.models if model.kind == "fused"}
    folds = load_splits(places["run"] / "splits.parquet", frames["knn"].reset_index()).iloc[:, 0]
    row = compare_runs([places["run"]], ["logistic", "knn"], metric="macro_f1").iloc[0]
    for name, column in (("logistic", "f1_macro_first"), ("knn", "f1_macro_second")):
        frame = frames[name]
        has, says = (frame[side].str.get_dummies("|") for side in ("genre", "predicted"))
        says = says.reindex(columns=has.columns, fill_value=0)
        values = [f1_score(has[own], says[own], average="macro") for own in _by_fold(folds[frame.index])]
        assert row[column] == pytest.approx(np.mean(values))
    right = [frames[name]["predicted"] == frames[name]["genre"] for name in ("logistic", "knn")]
    assert row["only_first"] == (right[0] & ~right[1]).sum()
    assert row["only_second"] == (~right[0] & right[1]).sum()


def _by_fold(folds: pd.Series) -> list[np.ndarray]:
    return [(folds == number).to_numpy() for number in sorted(folds.unique())]


def test_what_precision_is_of_is_a_genre_in_common(places: dict[str, Path], tmp_path: Path) -> None:
    for run, of in (("run", "a genre in common"), ("single", "the genre")):
        words = ["index", str(places[run]), "--out", str(tmp_path / run), "--evaluate"]
        result = CliRunner().invoke(app, words)
        assert f"Precision@k of {of}" in result.output
        assert f"Precision at k of {of}" in (tmp_path / run / "retrieval.svg").read_text()
