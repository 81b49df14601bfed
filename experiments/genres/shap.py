"""How much each block moves CatBoost's scores on covers it has not seen: Shapley values, summed by block."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.metrics import average_precision_score

from coverfusion.data.checksums import damaged_file, files_below, write_sums
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import has_sets, labels_of
from coverfusion.data.sealed_files import set_aside
from coverfusion.data.splits import IN_NO_FOLD, load_splits
from coverfusion.experiments.evaluation.catboost_shap import catboost_contributions, sum_by_block
from coverfusion.experiments.evaluation.statistics import holm
from coverfusion.experiments.genres.membership import of_genre
from coverfusion.experiments.pipeline.cached_fits import cannot_fit, reason_of
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import digest
from coverfusion.experiments.pipeline.run_folder import Run
from coverfusion.features.descriptions import CIRCULAR_COLUMNS
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.blocks import NUMBERED, columns_by_block
from coverfusion.fusion.catboost import FusionCatBoost

EXPLAINED_CLASSIFIER = "catboost"
MIN_TESTED_COVERS = 10  # held-out covers of the genre, and of the rest: fewer cannot show significance
MIN_CLEAR_CORRELATION = 0.3  # rank correlation from which a column's high values speak for or against a genre


@dataclass(frozen=True)
class Shap:
    """Contributions to a genre's score on held-out covers.

    The score is the log probability less its mean over the genres; where a cover may have several, the
    genre's log odds. Contributions add up to it, but for a constant.

    Attributes:
        blocks: one row a genre and block: genre, block, size (mean absolute contribution over the held-out
            covers), own (mean over covers of the genre), others (mean over the rest), gain (own less
            others: what the block adds where the genre is right), doubt (half its 95 % interval over the
            held-out covers, for this one fit), p_corrected (of the gain, by Holm over all genres and blocks).
            Where fewer than `MIN_TESTED_COVERS` covers are on a side `doubt` is NaN and p is 1.
        columns: one row a genre and readable column: the same with `column`, and says ("for",
            "against" or "" where high values do neither clearly).
        covers: held-out covers by genre.
        explained: held-out covers in all.
        accuracy: of this CatBoost on them; of covers that may have several genres NaN.
        average_precision: then the mean over genres of it, else NaN.
        learnt: covers it was fitted on.
        held: which covers were held out, in words.
        components: how many stand for the columns of a wide block.
    """

    blocks: pd.DataFrame
    columns: pd.DataFrame
    covers: Mapping[str, int]
    explained: int
    accuracy: float
    average_precision: float
    learnt: int
    held: str
    components: Mapping[str, int]

    def tested(self, genre: str) -> bool:
        """Whether enough covers were held out to test what adds to this genre."""
        own = self.covers.get(genre, 0)
        return min(own, self.explained - own) >= MIN_TESTED_COVERS


def genre_shap(run: Run, table: FeatureTable, covers: pd.DataFrame, kept: Path) -> Shap:
    """Fits the run's CatBoost on training covers and explains covers that it has not seen.

    Parameters are those of the run's config, but that as many components of wide blocks are kept as leave
    every readable column on its own. Under folds, the covers of the first fold are held out.

    Args:
        run: the finished run.
        table: features of all covers.
        covers: frame with `cover_id`, `genre`, `group`.
        kept: where the fitted model is kept, so that a killed report goes on.

    Raises:
        UserError: the model finds nothing to learn from.
    """
    learnt, ids, held = shap_split(run, covers)
    parameters = dict((run.config["classifiers"] or {}).get(EXPLAINED_CLASSIFIER, {}))
    parameters.setdefault("random_state", run.config["seed"])
    parameters["pca"] = components(table, parameters.get("pca", FusionCatBoost().pca))
    frame = table.frame()
    known = covers.drop_duplicates("cover_id").set_index("cover_id")
    most = FusionCatBoost(**parameters).iterations
    with counted("CatBoost", most) as bar:

        def watch(trees: int, _: int) -> None:
            bar.update(bar.task_ids[0], completed=trees, now="trees")

        bar.update(bar.task_ids[0], now="preparing")
        model = _fitted(frame.loc[learnt], known.loc[learnt], parameters, kept, watch)
        bar.update(bar.task_ids[0], completed=most, now="explaining")  # boosting may stop early
        X = frame.loc[ids]
        values = catboost_contributions(model, X)
        bar.update(bar.task_ids[0], now="explained")
    held_out = known.loc[ids]
    by_block, by_column = sum_by_block(model, list(X.columns), values)
    classes = [str(name) for name in model.classes_]
    inside = {name: of_genre(held_out, name) for name in classes}
    sets = has_sets(covers)
    return Shap(
        blocks=_by_genre(by_block, inside, "block"),
        columns=_by_genre(by_column, inside, "column", X),
        covers={name: int(own.sum()) for name, own in inside.items()},
        explained=len(held_out),
        accuracy=float("nan") if sets else float((model.predict(X) == held_out["genre"].to_numpy()).mean()),
        average_precision=_average_precision(model.predict_proba(X), inside) if sets else float("nan"),
        learnt=len(learnt),
        held=held,
        components={
            name.split(".")[0]: part["components"].shape[1]
            for name, part in model.scaler_.parts.items()
            if "components" in part
        },
    )


def shap_split(run: Run, covers: pd.DataFrame) -> tuple[list[str], list[str], str]:
    """The covers to learn from, those to explain, by the run's own split, and the latter in words."""
    splits = load_splits(run.folder / "splits.parquet", covers).iloc[:, 0]
    if run.split != "folds":
        learnt, held = splits == "train", splits == run.split
        return splits.index[learnt].tolist(), splits.index[held].tolist(), f"{run.split} {run.item}s"
    held = splits == splits[splits != IN_NO_FOLD].min()
    description = f"{run.item}s of the first of {run.config['folds']} folds"
    return splits.index[~held].tolist(), splits.index[held].tolist(), description


def _fitted(
    X: pd.DataFrame,
    covers: pd.DataFrame,
    parameters: Mapping[str, Any],
    kept: Path,
    watch: Callable[[int, int], None],
) -> FusionCatBoost:
    """The model fitted on these covers, watched, or read from `kept` where an earlier call has left it.

    Raises:
        UserError: it finds nothing to learn from.
    """
    learnt = pd.util.hash_pandas_object(X).tolist()
    folder = kept / digest([learnt, list(X.columns), covers["genre"].tolist(), dict(parameters)])
    if damaged := damaged_file(folder):
        set_aside(folder, damaged)
    if folder.is_dir():
        return FusionCatBoost.load(folder)
    model = FusionCatBoost(**parameters)
    model.watch = watch
    genres: Any = labels_of(covers) if has_sets(covers) else covers["genre"].tolist()
    try:
        model.fit(X, genres, groups=covers["group"].tolist())
    except cannot_fit(FusionCatBoost) as error:  # such as constant features alone, of blank covers
        raise UserError(
            f"CatBoost, which the genre pages explain, cannot be fitted: {reason_of(error)}. Add covers that "
            f"differ, or train on other blocks."
        ) from error
    model.watch = None
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save(partial)
    write_sums(partial, files_below(partial))
    partial.rename(folder)
    return model


def components(table: FeatureTable, pca: int | None) -> int | None:
    """At least `pca` components, and so many that no block of readable columns is projected."""
    if pca is None:
        return None
    frame = table.frame()
    widths = [pca]
    for where in columns_by_block(frame.columns).values():
        block = frame.iloc[:, where]
        if not NUMBERED.search(str(block.columns[0])):
            # beside its columns stands one for each pattern of gaps, at most one a column
            widths.append(len(where) + int(block.isna().any().sum()))
    return max(widths)


def _average_precision(proba: np.ndarray, inside: Mapping[str, np.ndarray]) -> float:
    """The mean over genres that are there (scikit-learn); NaN where none is."""
    found = [
        average_precision_score(own, proba[:, number])
        for number, own in enumerate(inside.values())
        if own.any()
    ]
    return float(np.mean(found)) if found else float("nan")


def _by_genre(
    parts: Mapping[str, np.ndarray],
    covers: Mapping[str, np.ndarray],
    what: str,
    X: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The rows of `Shap.blocks` or, with the features, of `Shap.columns`; the largest gain first.

    Args:
        parts: block or column -> (n, genres) contributions.
        covers: genre, in their order -> (n,) bool, which covers are of it.
        what: "block" or "column".
        X: the features of the n covers.
    """
    rows = []
    for number, (genre, inside) in enumerate(covers.items()):
        for name, values in parts.items():
            one = values[:, number]
            own, others = _mean(one[inside]), _mean(one[~inside])
            row: dict[str, Any] = {"genre": genre, what: name, "size": float(np.abs(one).mean())}
            row |= {"own": own, "others": others, "gain": own - others}
            row["doubt"] = _doubt(one[inside], one[~inside])
            row["p"] = _welch(one[inside], one[~inside])
            if X is not None:
                row["says"] = "" if name in CIRCULAR_COLUMNS else _says(one, X[name])
            rows.append(row)
    names = ["genre", what, "size", "own", "others", "gain", "doubt", "p"]
    frame = pd.DataFrame(rows, columns=[*names, *(["says"] if X is not None else [])])
    tested = frame["p"].notna()  # the others were not used by the model, or have too few covers
    frame.insert(len(names), "p_corrected", 1.0)
    frame.loc[tested, "p_corrected"] = holm(frame.loc[tested, "p"].to_numpy())
    return frame.sort_values(["genre", "gain"], ascending=[True, False], kind="stable", ignore_index=True)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _doubt(own: np.ndarray, others: np.ndarray) -> float:
    """Half the 95 % interval of the difference of their means (B. L. Welch 1947); NaN for few covers."""
    if min(len(own), len(others)) < MIN_TESTED_COVERS:
        return float("nan")
    error, freedom = _error(own, others)
    return float(t.ppf(0.975, freedom) * error) if error else 0.0


def _welch(own: np.ndarray, others: np.ndarray) -> float:
    """The two-sided p of B. L. Welch's test; NaN for few covers, or where nothing varies."""
    if min(len(own), len(others)) < MIN_TESTED_COVERS:
        return float("nan")
    error, freedom = _error(own, others)
    return float(2 * t.sf(abs(own.mean() - others.mean()) / error, freedom)) if error else float("nan")


def _error(own: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Standard error of the difference of two means, 0 where nothing varies, and its degrees of freedom."""
    parts = np.array([part.var(ddof=1) / len(part) for part in (own, others)])
    error = float(np.sqrt(parts.sum()))
    if error < 1e-12:
        return 0.0, float("nan")
    return error, float(parts.sum() ** 2 / (parts**2 / (np.array([len(own), len(others)]) - 1)).sum())


def _says(contribution: np.ndarray, values: pd.Series) -> str:
    """Whether high values of a column speak for the genre or against it."""
    ranks = pd.DataFrame({"one": contribution, "other": values.to_numpy()}).rank()
    correlation = ranks["one"].corr(ranks["other"])
    if abs(correlation) >= MIN_CLEAR_CORRELATION:
        return "for" if correlation > 0 else "against"
    return ""
