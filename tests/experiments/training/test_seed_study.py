"""Networks under several seeds: what the seed of a fit does to its accuracy."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.printing import print_run
from coverfusion.experiments.training.train import train
from tests.helpers.small import config, save_small


def test_a_network_is_fitted_under_more_seeds_and_its_accuracy_taken_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"mlp": {"max_epochs": 2, "members": 1}, "knn": {}}
    run = train(config(save_small(tmp_path), tmp_path, classifiers=given, folds=2, seeds=3))
    table = pd.read_csv(run / "seeds.csv")
    assert table["classifier"].tolist() == ["mlp"]
    row = table.iloc[0]
    assert row["seeds"] == 3
    assert 0 < row["accuracy"] <= 1
    assert row["sd_seeds"] > 0  # two epochs tell seeds apart
    assert np.isfinite([row["sd_folds"], row["sd_covers"]]).all()
    board = pd.read_csv(run / "leaderboard.csv")
    assert sorted(board["classifier"].unique()) == ["knn", "mlp"]  # the others are in no leaderboard
    print_run(run)
    assert "Networks under 3 seeds" in " ".join(capsys.readouterr().out.split())


def test_seeds_without_a_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--seeds 3: none of knn, logistic is a network"):
        train(config(tmp_path / "covers.csv", tmp_path, classifiers=["knn", "logistic"], seeds=3))
