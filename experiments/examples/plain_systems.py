"""Four plain systems for a benchmark's task: the kind that notebooks have, fold by fold.

    python plain_systems.py laid/manifest.csv [--store FOLDER] [--out predictions] [--system SVC]

`coverfusion benchmark check TASK COLLECTION --out laid` makes the manifest. Each system becomes a table that
`coverfusion benchmark submit` takes. The features are those of coverfusion, the classifiers are plain.
The random forest sees every column, the others the image network's embedding alone (`--block cnn` will do).
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC

import coverfusion as cf

NEIGHBOURS = 15
Proba = tuple[np.ndarray, np.ndarray]  # (n, k) probabilities, (k,) genres
System = Callable[[pd.DataFrame, np.ndarray, pd.DataFrame], Proba]


def embedding(features: pd.DataFrame) -> pd.DataFrame:
    """The image network's columns; every column of a table without them."""
    own = [name for name in features.columns if name.startswith("cnn.")]
    return features[own] if own else features


def every_column(features: pd.DataFrame) -> pd.DataFrame:
    """All blocks side by side, as a notebook joins them."""
    return features


def faiss_knn(X: pd.DataFrame, y: np.ndarray, others: pd.DataFrame) -> Proba:
    """Votes of the neighbours by cosine on the embedding; one more vote is spread evenly."""
    known, asked = (normalize(np.nan_to_num(embedding(frame).to_numpy(np.float32))) for frame in (X, others))
    index = faiss.IndexFlatIP(known.shape[1])
    index.add(known)
    genres, codes = np.unique(y, return_inverse=True)
    nearest = index.search(asked, min(NEIGHBOURS, len(known)))[1]
    votes = np.eye(len(genres))[codes[nearest]].sum(axis=1) + 1 / len(genres)
    return votes / votes.sum(axis=1, keepdims=True), genres


def fitted(model: Any, seen: Callable[[pd.DataFrame], pd.DataFrame]) -> System:
    """The system that fits a scikit-learn classifier on what is seen; what is missing becomes the median."""

    def predict(X: pd.DataFrame, y: np.ndarray, others: pd.DataFrame) -> Proba:
        pipeline = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), model
        )
        pipeline.fit(seen(X).to_numpy(), y)
        return pipeline.predict_proba(seen(others).to_numpy()), pipeline.classes_

    return predict


SYSTEMS: dict[str, System] = {
    "FAISS neighbours": faiss_knn,
    "SVC": fitted(CalibratedClassifierCV(SVC(), ensemble=False), embedding),  # for its probabilities
    "random forest": fitted(RandomForestClassifier(300, random_state=0, n_jobs=-1), every_column),
    "CatBoost": fitted(CatBoostClassifier(iterations=300, random_seed=0, verbose=False), embedding),
}


def out_of_fold(pictures: pd.DataFrame, features: pd.DataFrame, system: System) -> pd.DataFrame:
    """`cover_id` and a column a genre: each picture by a model that had not seen its fold."""
    made = []
    for fold in sorted(pictures["fold"].unique()):
        test = (pictures["fold"] == fold).to_numpy()
        proba, genres = system(features[~test], pictures["genre"][~test].to_numpy(), features[test])
        made.append(
            pd.DataFrame(proba, columns=genres).assign(cover_id=pictures["cover_id"][test].to_numpy())
        )
    return pd.concat(made).fillna(0.0)


def main() -> None:
    """Writes a table for each system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="only this one (repeatable)")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--out", type=Path, default=Path("predictions"))
    parser.add_argument("--block", action="append", help="only this block (repeatable)")
    given = parser.parse_args()
    pictures = pd.read_csv(given.manifest)
    facts = given.store / "facts" if given.store else None  # what earlier commands know of the files
    collection = cf.read_collection(given.manifest, facts_cache=facts)
    table = cf.extract(collection, blocks=given.block, store=given.store)
    features = table.frame().loc[pictures["file_id"]]
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.system or SYSTEMS:
        place = given.out / f"{name.replace(' ', '-')}.csv"
        out_of_fold(pictures, features, SYSTEMS[name]).to_csv(place, index=False)
        print(place, flush=True)


if __name__ == "__main__":
    main()
