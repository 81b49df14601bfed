"""How far a run's probabilities can be trusted: a study of its held-out predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.outputs import make_output_folder
from coverfusion.experiments.decision.charts import CALIBRATED, decision_charts
from coverfusion.experiments.decision.findings import calibration_words, decision_findings
from coverfusion.experiments.decision.held_out import held_out_parts, held_out_rows, read_held_out
from coverfusion.experiments.decision.page import write_decision_page
from coverfusion.experiments.decision.several_shown import several_charts, several_findings, several_shown
from coverfusion.experiments.decision.several_tables import (
    genre_calibration,
    genre_reliability,
    several_sets,
)
from coverfusion.experiments.decision.shown import shown_tables, unkept_words
from coverfusion.experiments.decision.tables import (
    TARGET_ERRORS,
    abstention_table,
    calibrated_by_parts,
    calibration_table,
    genres_table,
    models_table,
    predicted_table,
    reliability_table,
    risk_coverage_table,
    sets_by_genre_table,
    sets_table,
)
from coverfusion.experiments.evaluation.statistics import group_weights, widening
from coverfusion.experiments.pipeline.genre_thresholds import nearest_words
from coverfusion.experiments.pipeline.outputs import check_folder
from coverfusion.experiments.pipeline.predicted_genres import predicted_of
from coverfusion.experiments.pipeline.provenance import environment, read_json, write_json
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, check_one_genre, read_run
from coverfusion.fusion.uncertainty.decision import Targets

DEFAULT_TARGET = 0.2  # proportion of wrong predictions


def decide(
    folder: str | os.PathLike[str],
    classifier: str | None = None,
    target: float | None = None,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
) -> Path:
    """Writes tables, figures and findings of a run's held-out predictions.

    Args:
        folder: a finished run folder.
        classifier: whose predictions, on all blocks; None: the run's choice.
        target: the proportion of wrong predictions that the findings and the genres speak of; None:
            `DEFAULT_TARGET`. Where a cover may have several genres nothing is held back, so there is none.
        out: where to write; None: `decisions` in the run folder.
        seed: of splits and resampling.

    Returns:
        The folder with `findings.txt`, `models.csv` and the other tables, four PNG and `index.html`.

    Raises:
        UserError: not a finished run folder, no such classifier, an impossible target, a run of an older
            version, or `out` cannot be written.
    """
    folder = Path(folder)
    wished = DEFAULT_TARGET if target is None else target
    Targets(error=wished)
    place = Path(out or folder / "decisions")
    run = read_run(folder)
    check_folder(place)
    model = _model(run, classifier)
    if run.several:
        if target is not None:
            check_one_genre(run, "such a model does not abstain: leave the target error out.")
        return _decide_sets(run, model, place, seed)
    parts = held_out_parts(run, seed)
    held = read_held_out(run, model, parts)
    y, calibrated = held.y[held.tried], calibrated_by_parts(held, seed)
    groups = held.groups[held.tried]
    weights = group_weights(groups, seed)
    tables = {
        "models": models_table(run, parts, wished, seed),
        "calibration": calibration_table(y, groups, calibrated, held.wider, seed).assign(
            bundle=_bundle_calibration(run, model)
        ),
        "reliability": reliability_table(y, groups, calibrated, held.wider),
        "risk_coverage": risk_coverage_table(held, weights),
        "abstention": abstention_table(held, weights, sorted({*TARGET_ERRORS, wished})),
        "genres": genres_table(held, weights, wished),
        "predicted": predicted_table(held, weights, wished),
        "sets": sets_table(held, seed),
        "sets_by_genre": sets_by_genre_table(held),
    }
    about = {"run": str(folder), "classifier": model.classifier, "target_error": wished, "seed": seed}
    _write(place, tables, decision_findings(model.classifier, tables, wished), about)
    write_decision_page(
        place,
        run,
        shown_tables(model.classifier, tables, wished),
        decision_charts(tables, wished),
        {CALIBRATED: calibration_words(tables["calibration"])},
        unkept_words(tables, wished),
    )
    return place


def _decide_sets(run: Run, model: ScoredModel, place: Path, seed: int) -> Path:
    """The study of covers that may have several genres: each genre's probabilities, and sets of genres."""
    rows = held_out_rows(run, model)
    found, groups, wider = predicted_of(rows), rows["group"].to_numpy(), widening(run.config["folds"])
    bins = genre_reliability(found, groups, wider)
    tables = {
        "calibration": genre_calibration(found, bins, groups, wider),
        "reliability": bins,
        "sets": several_sets(found, groups, seed),
    }
    sentences = several_findings(model.classifier, len(rows), tables, nearest_words(rows, run.item))
    about = {"run": str(run.folder), "classifier": model.classifier, "labels": "many", "seed": seed}
    _write(place, tables, sentences, about)
    write_decision_page(place, run, several_shown(tables), several_charts(tables), {})
    return place


def _write(
    place: Path, tables: Mapping[str, pd.DataFrame], sentences: Sequence[str], about: Mapping[str, Any]
) -> None:
    """Tables, findings, and what they were made from and with."""
    make_output_folder(place)
    for name, table in tables.items():
        write_csv(table, place / f"{name}.csv")
    (place / "findings.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    write_json(place / "environment.json", environment() | dict(about))


def _bundle_calibration(run: Run, model: ScoredModel) -> str:
    """The kind of calibration that the run's bundle uses; "" where it has none, or is of another model."""
    file = run.folder / "bundle" / "decision" / "decision.json"
    return str(read_json(file)["calibration"]["kind"]) if model is run.chosen and file.is_file() else ""


def _model(run: Run, classifier: str | None) -> ScoredModel:
    if classifier is None:
        return run.chosen
    fused = {model.classifier: model for model in run.models if model.kind == "fused"}
    if classifier not in fused:
        raise UserError(f"{run.folder} has no classifier '{classifier}'; it has {', '.join(fused)}.")
    return fused[classifier]
