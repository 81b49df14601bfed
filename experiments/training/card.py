"""The card of a bundle, `README.md`: what it was made of, how well it does, and what it is not for.

M. Mitchell et al., Model Cards for Model Reporting, FAT* 2019. Every number is one of the run's files, or of
the bundle's held-out covers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coverfusion.data.splits import IN_NO_FOLD, SPLIT_COLUMN, read_splits
from coverfusion.experiments.drawing.markdown import render_markdown
from coverfusion.experiments.drawing.pages import Filters
from coverfusion.experiments.drawing.words import (
    held_out_words,
    main_scores,
    percent,
    score_labels,
    spread,
)
from coverfusion.experiments.evaluation.chosen_metric import LOSSES, SET_METRICS
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.chosen_by_score import corrected_score
from coverfusion.experiments.pipeline.genre_thresholds import nearest_words
from coverfusion.experiments.pipeline.preparation import describe_extractor
from coverfusion.experiments.pipeline.run_folder import Run, chance_of, read_run
from coverfusion.experiments.training.gist import chosen_words, guess_words
from coverfusion.experiments.training.limits import had_conflicts, kept_words, limits
from coverfusion.experiments.training.nested_study import nested_words
from coverfusion.experiments.training.report import shown_counts
from coverfusion.features.networks.checkpoint import weights_for
from coverfusion.features.registry import Extractor
from coverfusion.features.weights import Weights
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.uncertainty.decision import Decision, Targets
from coverfusion.fusion.uncertainty.guarantees import guarantee

SPOKEN_ERROR = 0.2  # the target error that the card speaks of
SEVERAL_WORDS = (
    "Each genre has a probability of its own. The column `genre_set` of scores holds 90 % of a cover's "
    "genres on average (conformal risk control). A cover is called a genre from a threshold on that was "
    "learnt from held-out covers, for the best F1."
)
CALIBRATION_WORDS = {
    "none": "left as the classifier gives them: calibrating them did not lower the log loss",
    "temperature": "calibrated by temperature scaling",
    "isotonic": "calibrated by one isotonic curve for all genres",
    "vector": "calibrated by vector scaling, which may shift the genres' proportions",
}


def bundle_card(
    folder: Path, extractors: Sequence[Extractor], decision: Decision | None, classifier: BlockClassifier
) -> str:
    """The text of the card, in Markdown.

    Args:
        folder: of the run, filled but for the bundle and the report.
        extractors: that make the bundle's blocks.
        decision: what the bundle has learnt from held-out covers, or None.
        classifier: the bundle's, fitted.
    """
    run = read_run(folder)
    parameters = (run.config["classifiers"] or {}).get(run.chosen.classifier) or {}
    genres = [
        {"name": name, "covers": covers, "proportion": covers / run.facts["covers"]}
        for name, covers in run.facts["genres"].items()
    ]
    context = {
        "run": run,
        "genres": genres,
        "kept": kept_words(run) if had_conflicts(run) else "none",
        "counts": shown_counts(run),
        "splits": split_words(run),
        "parts": split_sizes(folder / "splits.parquet"),
        "blocks": [_block(extractor) for extractor in extractors],
        "metadata": run.facts.get("metadata", []),
        "weights": [
            *((f"block {extractor.name}", item) for extractor in extractors for item in extractor.weights()),
            *network_weights(classifier),
        ],
        "choice": choice_words(run),
        "parameters": json.dumps(parameters, default=str) if parameters else "",
        "held_out": f"{run.covers:,} {held_out_words(run.split, run.item)}",
        "level": "at least 95 %" if run.config["folds"] else "95 %",
        "choosing": [*chosen_words(run, corrected_score(run)), *nested_words(folder)],
        "baseline": guess_words(run, *chance_of(run, run.metric)),
        "labels": {
            name: score_labels(run.several)[name]
            for name in main_scores(run.metric, len(genres), run.several)
        },
        "prior": prior_words(run),
        "calibration": f"{SEVERAL_WORDS} {nearest_words(run.predictions(), run.item)}"
        if run.several
        else calibration_words(decision),
        "abstention": guarantee(decision, Targets(error=SPOKEN_ERROR), classifier.classes_.tolist()),
        "limits": limits(run),
    }
    return render_markdown("card.md", context, FILTERS)


def network_weights(classifier: BlockClassifier) -> list[tuple[str, Weights]]:
    """What a classifier and its members were trained on from: who, and the weights that it started with."""
    return [
        (f"start of {name}", weights_for(network, checkpoint))
        for name, network, checkpoint in classifier.starting_networks()
    ]


def split_words(run: Run) -> str:
    """Which covers tested, in a sentence."""
    source = (
        "saved ones were taken" if run.config.get("split_file") else f"drawn by seed {run.config['seed']}"
    )
    if run.config["folds"]:
        return (
            f"{run.config['folds']} grouped, stratified folds, {source}. The bundle's model has learnt from "
            f"all "
            f"covers; its figures are of models that had not seen the cover."
        )
    return f"One grouped, stratified 8:1:1 split, {source}. The bundle's model has learnt from train alone."


def split_sizes(file: Path) -> dict[str, int]:
    """Name of the part, or of the fold -> its covers."""
    numbers = read_splits(file).iloc[:, 0]
    sizes = numbers.value_counts().sort_index()
    if numbers.name == SPLIT_COLUMN:
        return {str(name): int(covers) for name, covers in sizes.items()}
    return {
        "in no fold, always learnt from" if number == IN_NO_FOLD else f"fold {number}": int(covers)
        for number, covers in sizes.items()
    }


def choice_words(run: Run) -> str:
    """What chose the bundle's model, in a sentence."""
    tried = [model.classifier for model in run.models if model.kind == "fused"]
    if len(tried) < 2:
        return "the only one that was tried on all blocks."
    held_out = "the covers of the folds" if run.config["folds"] else "the validation covers"
    label = SET_METRICS[run.chosen_by or "accuracy"].label
    return f"the best of {', '.join(tried)} on one half of {held_out}, by {label}."


def prior_words(run: Run) -> str:
    """What probabilities answer to, in a sentence."""
    prior = run.config.get("prior", "natural")
    if prior == "natural":
        return "Probabilities take genres to be as common as among the training covers (prior natural)."
    if prior == "balanced":
        return "Probabilities take all genres to be equally common (prior balanced)."
    return f"Probabilities take genres to be as common as {json.dumps(prior)} says (prior)."


def calibration_words(decision: Decision | None) -> str:
    """What was done to probabilities, and on how much that rests."""
    if decision is None:
        return "No covers were held out, so probabilities are the classifier's own and nothing is guaranteed."
    kind = CALIBRATION_WORDS.get(decision.calibration.kind, decision.calibration.kind)
    groups = len(set(decision.groups.tolist()))
    return (
        f"Probabilities are {kind}. That was learnt from {len(decision.y):,} held-out covers in {groups:,} "
        f"groups "
        f"({decision.source}). coverfusion decide measures whether it helps."
    )


def _block(extractor: Extractor) -> dict[str, Any]:
    made: Mapping[str, Any] = describe_extractor(extractor)
    return {
        "name": extractor.name,
        "columns": len(extractor.columns),
        "preset": made["preset"],
        "parameters": json.dumps(made["parameters"], default=str),
        "fingerprint": made["fingerprint"],
    }


def _figure(score: Interval, name: str) -> str:
    return f"{score.value:.3f}" if name in LOSSES else percent(score.value)


def _ends(score: Interval, name: str) -> str:
    if math.isnan(score.low):
        return "none"
    return spread(score, 1, 3) if name in LOSSES else spread(score)


FILTERS: Filters = {
    "percent": percent,
    "spread": spread,
    "whole": "{:,}".format,
    "figure": _figure,
    "ends": _ends,
}
