"""Paired comparison of models from several runs, cover by cover."""

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
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.group_tests import GroupTest, group_tests
from coverfusion.experiments.evaluation.rope import correlated_t_rope
from coverfusion.experiments.evaluation.statistics import (
    corrected_t_test,
    holm,
    mcnemar_test,
    widening,
)
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, read_run

AnyPath = str | os.PathLike[str]
PLACE_KEYS = ("collection", "store", "out")  # where things lie says nothing about what was done


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
    rope: float = ROPE,
) -> pd.DataFrame:
    """Compares models pair by pair on the covers that count (test, or all folds).

    Args:
        folders: finished run folders; of a single one all models on all blocks are compared.
        classifiers: of each run, these on all blocks, or "svc on cnn" for one on a block alone; None: the
            model that the run chose (of a single run: all on all blocks).
        seed: of the sign-flips.
        rope: a difference in accuracy that does not matter.

    Returns:
        One row a pair: `first`, `second`, both accuracies, `difference` with `low`, `high` and `p`, all by
        the one `method`: "folds", the corrected t-test, where both runs have the same folds; else "groups",
        sign-flips over groups, widened for pooled folds. `p_holm` is corrected over all pairs. `equal`,
        `first_better` and `second_better` are the probabilities that the difference lies within `rope`, or
        beyond on either side. `only_first` and `only_second` are McNemar's counts; `p_mcnemar` is NaN unless
        the runs have one split and no two covers belong together.

    Raises:
        UserError: not a run folder, other test covers or other true genres, no such classifier, or nothing
            to compare.
    """
    runs = [_read(Path(folder)) for folder in folders]
    lettered = zip(_letters(), runs, strict=False)
    every = len(runs) == 1
    entries = [e for letter, run in lettered for e in _entries(letter, run, classifiers, every)]
    if len(entries) < 2:
        raise UserError("There is only one model to compare. Name another run, or more with --classifier.")
    _check_same_covers(entries)
    groups = entries[0].predictions["group"].to_numpy()
    right = {entry.name: _right(entry) for entry in entries}
    table = pd.DataFrame(
        [_pair(a, b, right[a.name], right[b.name], groups, seed, rope) for a, b in combinations(entries, 2)]
    )
    return table.assign(p_holm=holm(table["p"].to_numpy()))


def config_differences(folders: Sequence[AnyPath]) -> pd.DataFrame:
    """What the runs' configs, extractors and collections have different: one row a key, one column a run."""
    flat = []
    for folder in folders:
        run = _read(Path(folder))
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
    """`comparisons.csv`, `config_differences.csv`, `comparison.png` and `environment.json` in `out`."""
    from coverfusion.experiments.comparison.figure import comparison_figure

    out = make_output_folder(out)
    write_csv(table, out / "comparisons.csv")
    write_csv(differences, out / "config_differences.csv")
    comparison_figure(table).savefig(out / "comparison.png", dpi=140)
    write_json(out / "environment.json", environment() | {"runs": [str(folder) for folder in folders]})


def _letters() -> list[str]:
    return [chr(ord("A") + i) for i in range(26)]


def _read(folder: Path) -> Run:
    if not (folder / "metrics.json").is_file():
        raise UserError(f"{folder} is not a finished run folder; `coverfusion train` makes one.")
    return read_run(folder)


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


def _right(entry: ComparedModel) -> np.ndarray:
    return (entry.predictions["predicted"] == entry.predictions["genre"]).to_numpy()


def _pair(
    first: ComparedModel,
    second: ComparedModel,
    right: np.ndarray,
    other: np.ndarray,
    groups: np.ndarray,
    seed: int,
    rope: float,
) -> dict[str, Any]:
    folds = _same_folds(first, second)
    difference = right.astype(float) - other
    if folds is None:
        wider = max(widening(entry.run.config["folds"]) for entry in (first, second))
        test, method = group_tests(difference[:, None], groups, seed, wider, rope)[0], "groups"
    else:
        test, method = _fold_test(pd.Series(difference, folds.index), folds, rope), "folds"
    only_first, only_second, p_mcnemar = mcnemar_test(right, other)
    single = len(np.unique(groups)) == len(groups) and not any(e.run.config["folds"] for e in (first, second))
    return {
        "first": first.name,
        "second": second.name,
        "accuracy_first": float(right.mean()),
        "accuracy_second": float(other.mean()),
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


def _fold_test(difference: pd.Series, folds: pd.Series, rope: float) -> GroupTest:
    """The corrected t-test, in the words of the test over groups."""
    by_fold = difference.groupby(folds).mean().to_numpy()
    share, covers = 1 / (len(by_fold) - 1), len(difference) / len(by_fold)
    test = corrected_t_test(by_fold, share, covers)
    practical = correlated_t_rope(by_fold, share, covers, rope)
    return GroupTest(test.difference, test.low, test.high, test.p, practical)


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
