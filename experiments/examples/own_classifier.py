"""A classifier of one's own in a run, beside a built-in one, and in a bundle that predicts.

    python own_classifier.py [COLLECTION]

Without a collection it draws a small one. A class in a file or package of its own is found by the command
line too: `coverfusion --plugin FILE ...`.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

import coverfusion as cf


@cf.register_classifier("nearest_centroid")
class NearestCentroid(cf.BlockClassifier):
    """The genre whose mean is nearest, on standardised columns.

    Args:
        temperature: higher values give less certain probabilities.
        random_state: not used; kept for the common contract.
    """

    def __init__(self, *, temperature: float = 1.0, random_state: int | None = 0) -> None:
        self.temperature = temperature
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        self.mean_, self.scale_ = np.nanmean(X, axis=0), np.nanstd(X, axis=0) + 1e-6
        Z = self._standardised(X)
        genres = range(len(self.classes_))
        self.centroids_ = np.stack([np.average(Z[y == k], axis=0, weights=weight[y == k]) for k in genres])

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        distances = ((self._standardised(X)[:, None] - self.centroids_) ** 2).mean(axis=2)
        return softmax(-distances / self.temperature, axis=1)

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return np.nan_to_num((X - self.mean_) / self.scale_)  # a missing value counts as average


def main(collection: str | Path, folder: Path) -> None:
    """Trains both classifiers in one run, and predicts with the own one in a bundle."""
    common: dict[str, Any] = {
        "blocks": ["color", "texture"],
        "folds": 3,
        "store": folder / "store",
        "out": folder / "runs",
    }
    run = cf.train(collection, classifiers=["nearest_centroid", "logistic"], **common)
    print(run.leaderboard[["classifier", "accuracy", "accuracy_low", "accuracy_high"]].round(2).to_string())
    warm = {"nearest_centroid": {"temperature": 0.5}}
    own = cf.train(collection, classifiers=warm, **common)
    cover = cf.read_collection(collection).frame["path"].iloc[0]
    scores = cf.Predictor.load(own.bundle).predict([cover], top_k=2)
    print(scores[["genre_1", "probability_1", "genre_2", "probability_2"]].round(2).to_string())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        named = sys.argv[1] if len(sys.argv) > 1 else cf.draw_sample(here / "covers", 20)
        main(named, here)
