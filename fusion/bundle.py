"""A fitted model with all that scoring needs, in a folder whose every byte is accounted for.

    manifest.json       classifier, classes, columns, extractors, extra, sha256 of every other file
    manifest.sha256     sha256 of manifest.json
    classifier/         what the classifier's `save` writes
    neighbours/         the index of training covers (where one was given)
    decision/           held-out covers, to calibrate and abstain by (where they were given)
    novelty/            what training covers look like (where there are enough)

The formats are skops with a fixed list of types, safetensors, CatBoost's own, FAISS, parquet and JSON:
reading them runs no code from the folder. The digests tell of damage and of careless edits; they are no
signature.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.checksums import sha256_of
from coverfusion.data.errors import UserError
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.registry import CLASSIFIERS, classifier_class, origins_of
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.uncertainty.decision import Decision
from coverfusion.fusion.uncertainty.novelty import Novelty

BUNDLE_FORMAT = 2
BUNDLE_MANIFEST, SEAL = "manifest.json", "manifest.sha256"
_REMEDY = "Train again or copy it anew."


@dataclass(frozen=True, repr=False)
class Bundle:
    """A loaded bundle.

    Attributes:
        classifier: the fitted classifier.
        classes: genres, in the order of the probabilities.
        columns: block -> its columns, without prefix.
        extractors: block -> {"fingerprint": ..., "preset": ..., "parameters": ...}.
        extra: what the caller noted.
        digest: sha256 of the manifest, and so of everything.
        neighbours: the index of training covers, or None.
        decision: held-out covers with what was learnt from them, or None.
        novelty: what training covers look like, or None.
    """

    classifier: BlockClassifier
    classes: list[Any]
    columns: dict[str, list[str]]
    extractors: dict[str, dict[str, Any]]
    extra: dict[str, Any]
    digest: str
    neighbours: TrainingIndex | None
    decision: Decision | None = None
    novelty: Novelty | None = None

    def __repr__(self) -> str:
        blocks = "+".join(self.extractors)
        genres = f"{len(self.classes)} genres"
        return f"Bundle({self.classifier.name} on {blocks}, {genres}, sha256 {self.digest[:12]})"

    def predict_proba(self, table: FeatureTable | pd.DataFrame) -> np.ndarray:
        """(n, n_classes) probabilities for covers; a block that is not there counts as missing."""
        frame = table.learnable() if isinstance(table, FeatureTable) else table
        return self.classifier.predict_proba(frame.reindex(columns=self.classifier.feature_names_in_))

    def calibrated(self, proba: np.ndarray) -> np.ndarray:
        """(n, k) probabilities of `predict_proba`, calibrated where that was found to help."""
        return self.decision.calibration(proba) if self.decision else proba

    def check_fingerprints(self, fingerprints: Mapping[str, str]) -> None:
        """Checks that blocks come from the extractors and weights that the model was trained with.

        Args:
            fingerprints: block -> fingerprint of the extractor at hand; blocks may be left out.

        Raises:
            UserError: one differs; names the block, what was expected and what was found.
        """
        for block, fingerprint in fingerprints.items():
            expected = self.extractors[block]["fingerprint"] if block in self.extractors else "no such block"
            if fingerprint != expected:
                raise UserError(
                    f"Block '{block}' is not made as when this bundle was trained: expected {expected}, "
                    f"found {fingerprint}. Use the same weights and parameters, or train again."
                )


def save_bundle(
    folder: str | os.PathLike[str],
    classifier: BlockClassifier,
    *,
    columns: Mapping[str, Sequence[str]],
    extractors: Mapping[str, Mapping[str, Any]],
    neighbours: TrainingIndex | None = None,
    decision: Decision | None = None,
    novelty: Novelty | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Writes a bundle, under another name until it is whole; a bundle that is there already is replaced.

    Args:
        folder: the bundle's folder.
        classifier: fitted on a frame with `block.column` names.
        columns: block -> its columns, without prefix.
        extractors: block -> {"fingerprint": ..., "preset": ..., "parameters": ...}.
        neighbours: the index of training covers.
        decision: held-out covers with what was learnt from them.
        novelty: what training covers look like.
        extra: JSON values to keep with it.

    Raises:
        UserError: `folder` holds something that is not a bundle.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / BUNDLE_MANIFEST).is_file():
        raise UserError(f"{folder} holds something that is not a bundle. Name another folder or empty it.")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    classifier.save(partial / "classifier")
    if neighbours is not None:
        neighbours.save(partial / "neighbours")
    if decision is not None:
        decision.save(partial / "decision")
    if novelty is not None:
        novelty.save(partial / "novelty")
    manifest = {
        "format": BUNDLE_FORMAT,
        "classifier": classifier.name,
        "classes": np.asarray(classifier.classes_).tolist(),
        "columns": {block: list(names) for block, names in columns.items()},
        "extractors": {block: dict(made) for block, made in extractors.items()},
        "extra": dict(extra or {}),
        "files": {name: sha256_of(partial / name) for name in _files(partial)},
    }
    if origins := origins_of(classifier):
        manifest["classifier_origins"] = origins
    (partial / BUNDLE_MANIFEST).write_text(json.dumps(manifest, indent=1))
    (partial / SEAL).write_text(sha256_of(partial / BUNDLE_MANIFEST))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Checks every byte of a bundle, then reads it.

    Raises:
        UserError: there is no bundle, a file is missing, was changed or was added (the message names it), or
            the bundle was written by another version.
    """
    folder = Path(folder)
    digest = _check(folder)
    manifest = json.loads((folder / BUNDLE_MANIFEST).read_text())
    CLASSIFIERS.check_origins(manifest.get("classifier_origins", {}), f"The bundle {folder}")
    return Bundle(
        classifier=classifier_class(manifest["classifier"]).load(folder / "classifier"),
        classes=manifest["classes"],
        columns=manifest["columns"],
        extractors=manifest["extractors"],
        extra=manifest["extra"],
        digest=digest,
        neighbours=TrainingIndex.load(folder / "neighbours") if (folder / "neighbours").is_dir() else None,
        decision=Decision.load(folder / "decision") if (folder / "decision").is_dir() else None,
        novelty=Novelty.load(folder / "novelty") if (folder / "novelty").is_dir() else None,
    )


def _check(folder: Path) -> str:
    """The manifest's sha256, once every file has been compared."""
    for name in (BUNDLE_MANIFEST, SEAL):
        if not (folder / name).is_file():
            raise UserError(f"{folder} is not a bundle, or not a whole one: {name} is missing.")
    digest = sha256_of(folder / BUNDLE_MANIFEST)
    if (folder / SEAL).read_bytes() != digest.encode():
        raise UserError(f"{folder / BUNDLE_MANIFEST} (or {SEAL} beside it) was changed. {_REMEDY}")
    manifest = json.loads((folder / BUNDLE_MANIFEST).read_text())
    if manifest["format"] != BUNDLE_FORMAT:
        raise UserError(
            f"{folder} has bundle format {manifest['format']}; this version reads {BUNDLE_FORMAT}. {_REMEDY}"
        )
    known, present = manifest["files"], _files(folder) - {BUNDLE_MANIFEST, SEAL}
    for name in sorted(present | set(known)):
        if name not in present:
            raise UserError(f"{folder / name} is missing from the bundle. {_REMEDY}")
        if name not in known:
            raise UserError(f"{folder / name} does not belong to the bundle. Remove it.")
        if sha256_of(folder / name) != known[name]:
            raise UserError(f"{folder / name} was changed after the bundle was made. {_REMEDY}")
    return digest


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
