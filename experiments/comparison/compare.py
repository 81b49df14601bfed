"""Paired comparison of models from several runs, on the same covers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.outputs import make_output_folder
from coverfusion.experiments.evaluation.chosen_metric import Metric, metric_of, usual_metric
from coverfusion.experiments.evaluation.compared import compared_by_folds, compared_by_groups
from coverfusion.experiments.evaluation.statistics import holm, mcnemar_test, widening
from coverfusion.experiments.pipeline.predicted_genres import several
from coverfusion.experiments.pipeline.predicted_sums import fold_values, predicted_sums
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, read_run

AnyPath = str | os.PathLike[str]
# where things lie and what they are called says nothing about what was done
PLACE_KEYS = ("collection", "store", "out", "name", "note")


@dataclass(frozen=True)
class ComparedModel:
    """One model of one run.

    Attributes:
        name: the run's letter and the model, such as "A svc on all 5 blocks".
        predictions: by cover_id: genre, predicted, group.
    """

    name: str
    run: Run
    model: ScoredModel
    predictions: pd.DataFrame


def compare_runs(
    folders: Sequence[AnyPath],
    classifiers: Sequence[str] | None = None,
    seed: int = 0,
    rope: float | None = None,
    metric: str = "accuracy",
) -> pd.DataFrame:
    """Compares models pair by pair on the covers that count (test, or all folds).

    Args:
        folders: finished run folders; of a single one all models on all blocks are compared.
        classifiers: of each run, these on all blocks, or "svc on cnn" for one on a block alone; None: the
            model that the run chose (of a single run: all on all blocks).
        seed: of the sign-flips, or of the bootstrap.
        rope: a difference that does not matter, in the metric's unit; None: a point (0.01), of losses none.
        metric: what is compared, as `experiments.evaluation.chosen_metric.metrics_of` names them.

    Returns:
        One row a pair: `first`, `second`, `metric`, both values (`accuracy_first` and the like), `difference`
        (how much better the first is, so of losses second less first) with `low`, `high` and `p`, all by the
        one `method`: "folds", the corrected t-test of means over folds (a leaderboard pools the folds, which
        is not the same for macro F1), where both runs have the same folds; else of all covers: "groups",
        sign-flips over groups, or "bootstrap", of groups, for balanced accuracy and macro F1, which are no
        means over covers; both widened for pooled folds. `p_holm` is corrected over all pairs. `equal`,
        `first_better` and `second_better` are the probabilities that the difference lies within `rope`, or
        beyond on either side; NaN of losses without a `rope`. `only_first` and `only_second` are McNemar's
        counts of right answers, whatever the metric (of several genres all must be right); their `p_mcnemar`
        is NaN unless the runs have one split and no two covers belong together.

    Raises:
        UserError: not a run folder, other test covers or other true genres, no such classifier, or nothing
            to compare.
    """
    places = [Path(folder).resolve() for folder in folders]
    if twice := [folder for folder in places if places.count(folder) > 1]:
        raise UserError(
            f"{twice[0]} is named twice. Name another run, or compare its models by --classifier."
        )
    runs = [read_run(folder) for folder in folders]
    lettered = zip(_letters(), runs, strict=False)
    every = len(runs) == 1
    entries = [e for letter, run in lettered for e in _entries(letter, run, classifiers, every)]
    if len(entries) < 2:
        raise UserError("There is only one model to compare. Name another run, or more with --classifier.")
    compared = metric_of(metric, _of_sets(entries))
    _check_same_covers(entries)
    groups = entries[0].predictions["group"].to_numpy()
    table = pd.DataFrame([_pair(a, b, groups, seed, rope, compared) for a, b in combinations(entries, 2)])
    return table.assign(p_holm=holm(table["p"].to_numpy()))


def default_metric(folder: AnyPath) -> str:
    """What a run is compared by where nothing is said: accuracy, of covers of several genres macro F1."""
    return usual_metric(read_run(folder).several)


def config_differences(folders: Sequence[AnyPath]) -> pd.DataFrame:
    """What the runs' configs, extractors and collections have different: one row a key, one column a run."""
    flat = []
    for folder in folders:
        run = read_run(folder)
        config = {key: value for key, value in run.config.items() if key not in PLACE_KEYS}
        flat.append(
            _flatten(config)
            | _flatten(run.facts["extractors"], "extractors.")
            | {"collection fingerprint": run.facts["fingerprint"]}
        )
    keys = list(dict.fromkeys(key for values in flat for key in values))
    rows = [[key, *(str(values.get(key, "-")) for values in flat)] for key in keys]
    differing = [row for row in rows if len(set(row[1:])) > 1]
    return pd.DataFrame(differing, columns=["key", *_letters()[: len(folders)]])


def write_comparison(
    out: AnyPath, table: pd.DataFrame, differences: pd.DataFrame, folders: Sequence[AnyPath]
) -> None:
    """`comparisons.csv`, `config_differences.csv`, `environment.json`, and `index.html` with its chart."""
    from coverfusion.experiments.comparison.page import write_comparison_page

    out = make_output_folder(out)
    write_csv(table, out / "comparisons.csv")
    write_csv(differences, out / "config_differences.csv")
    made = environment() | {"runs": [str(folder) for folder in folders]}
    write_json(out / "environment.json", made)
    write_comparison_page(out, table, differences, made)


def _letters() -> list[str]:
    return [chr(ord("A") + i) for i in range(26)]


def _entries(letter: str, run: Run, classifiers: Sequence[str] | None, every: bool) -> list[ComparedModel]:
    fused = {model.classifier: model for model in run.models if model.kind == "fused"}
    if classifiers:
        alone = {f"{model.classifier} on {model.blocks[0]}": model for model in run.alone}
        for name in classifiers:
            if name not in fused | alone:
                has = ", ".join([*fused, *alone])
                raise UserError(f"{run.folder} has no classifier '{name}'; it has {has}.")
        chosen = [(fused | alone)[name] for name in classifiers]
    else:
        chosen = list(fused.values()) if every else [run.chosen]
    entries = []
    for model in chosen:
        predictions = run.predictions(model)
        if "group" not in predictions:
            raise UserError(f"{run.folder} was made by an older version that kept no groups. Train again.")
        entries.append(ComparedModel(f"{letter} {model.classifier} on {model.on}", run, model, predictions))
    return entries


def _check_same_covers(entries: Sequence[ComparedModel]) -> None:
    first = entries[0]
    for entry in entries[1:]:
        mine, theirs = first.predictions.index, entry.predictions.index
        if not mine.equals(theirs):
            raise UserError(
                f"{first.run.folder} and {entry.run.folder} were not tested on the same covers: "
                f"{len(mine.difference(theirs))} are only in the first, {len(theirs.difference(mine))} only "
                f"in the second. Use the same collection, split and seed."
            )
        if (first.predictions["genre"] != entry.predictions["genre"]).any():
            raise UserError(f"{first.run.folder} and {entry.run.folder} give covers different genres.")


def _of_sets(entries: Sequence[ComparedModel]) -> bool:
    """Whether the runs give covers several genres; raises UserError where only some do."""
    kinds = {several(entry.predictions): entry.run.folder for entry in entries}
    if len(kinds) > 1:
        raise UserError(
            f"{kinds[True]} was trained with labels: many, {kinds[False]} with one genre a cover. Compare "
            f"runs of one kind."
        )
    return True in kinds


def _pair(
    first: ComparedModel,
    second: ComparedModel,
    groups: np.ndarray,
    seed: int,
    rope: float | None,
    metric: Metric,
) -> dict[str, Any]:
    pair = (first, second)
    sums = (predicted_sums(first.predictions, metric), predicted_sums(second.predictions, metric))
    folds, pooled = _same_folds(first, second), [entry.run.config["folds"] for entry in pair]
    if folds is None:
        test, method = compared_by_groups(metric, sums, groups, seed, max(map(widening, pooled)), rope)
        of = [float(metric.value(each.sum(axis=0, keepdims=True))[0]) for each in sums]
    else:
        values = (fold_values(metric, sums[0], folds), fold_values(metric, sums[1], folds))
        share, covers = 1 / (len(values[0]) - 1), len(groups) / len(values[0])
        test, method = compared_by_folds(metric, values, share, covers, rope), "folds"
        of = [float(each.mean()) for each in values]
    right = [(e.predictions["predicted"] == e.predictions["genre"]).to_numpy() for e in pair]
    only_first, only_second, p_mcnemar = mcnemar_test(*right)
    single = len(np.unique(groups)) == len(groups) and not any(pooled)
    return {
        "first": first.name,
        "second": second.name,
        "metric": metric.name,
        f"{metric.column}_first": of[0],
        f"{metric.column}_second": of[1],
        "difference": test.difference,
        "low": test.low,
        "high": test.high,
        "p": test.p,
        "method": method,
        "equal": test.practical.equal,
        "first_better": test.practical.first,
        "second_better": test.practical.second,
        "only_first": only_first,
        "only_second": only_second,
        "p_mcnemar": p_mcnemar if single else np.nan,
    }


def _same_folds(first: ComparedModel, second: ComparedModel) -> pd.Series | None:
    """cover_id -> fold in the order of the predictions, where both runs have the same folds."""
    covers = first.predictions.reset_index()[["cover_id", "group"]]
    numbers = [entry.run.folds(covers) for entry in (first, second)]
    if numbers[0] is None or numbers[1] is None or not numbers[0].equals(numbers[1]):
        return None
    return numbers[0].loc[first.predictions.index]


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
