"""`train --nested`: nested folds of a run."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.printing import print_run
from coverfusion.experiments.training.train import train
from tests.helpers.small import config, save_small


def test_each_classifier_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train(config(save_small(tmp_path), tmp_path, classifiers={"knn": {}}, folds=3, nested=2))
    row = pd.read_csv(run / "nested.csv").iloc[0]
    assert (row["classifier"], row["repeats"]) == ("knn", 2)
    assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
    assert 1 <= row["inflation"] <= 3**0.5 + 1e-9
    assert "Nested folds, 2 times" in (run / "report.html").read_text()
    (figures,) = [
        line for line in (run / "bundle" / "README.md").read_text().splitlines() if "Nested folds" in line
    ]
    assert f"knn {100 * row['accuracy']:.1f}" in figures
    print_run(run)
    assert "Nested folds" in " ".join(capsys.readouterr().out.split())


def test_what_cannot_be_nested_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--nested 2 needs --folds of 3 or more"):
        train(config(tmp_path / "covers.csv", tmp_path, classifiers=["knn"], folds=2, nested=2))
    with pytest.raises(UserError, match="Leave out one"):
        train(
            config(
                tmp_path / "covers.csv",
                tmp_path,
                classifiers=["knn"],
                folds=3,
                nested=2,
                split_file=tmp_path / "splits.parquet",
            )
        )
