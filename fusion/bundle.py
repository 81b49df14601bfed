"""A fitted model with all that scoring needs, in a folder whose every byte is accounted for.

    manifest.json       classifier, classes, columns, extractors, extra, sha256 of every other file
    manifest.sha256     sha256 of manifest.json
    classifier/         what the classifier's `save` writes
    neighbours/         the index of training covers (where one was given)
    decision/           held-out covers, to calibrate and abstain by (where they were given)
    novelty/            what training covers look like (where there are enough)
    README.md           its card: data, splits, figures, limits (where one was given)

The formats are skops with a fixed list of types, safetensors, CatBoost's own, FAISS, parquet and JSON:
reading them runs no code from the folder. The digests tell of damage and of careless edits; they are no
signature.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired

import numpy as np
import pandas as pd
from typing_extensions import TypedDict

from coverfusion.data.checksums import sha256_of
from coverfusion.data.errors import UserError
from coverfusion.data.json_files import PlainName, read_json
from coverfusion.features.table import FeatureTable, Made, MetadataColumn, is_back
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.listed_files import check_digests, plain_files
from coverfusion.fusion.registry import CLASSIFIERS, classifier_class, origins_of
from coverfusion.fusion.several_genres import SeveralGenres
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.uncertainty.decision import Decision
from coverfusion.fusion.uncertainty.novelty import Novelty
from coverfusion.fusion.uncertainty.several_decision import SeveralDecision

BUNDLE_FORMAT = 2
BUNDLE_MANIFEST, SEAL = "manifest.json", "manifest.sha256"
BUNDLE_CARD = "README.md"
_REMEDY = "Train again or copy it anew."


class Manifest(TypedDict):
    """What `manifest.json` says."""

    format: int
    classifier: str
    classes: list[str | float | bool]
    columns: dict[PlainName, list[str]]
    extractors: dict[PlainName, Made]
    extra: dict[str, Any]
    files: dict[str, str]
    classifier_origins: NotRequired[dict[str, str]]
    labels: NotRequired[str]
    metadata: NotRequired[dict[PlainName, MetadataColumn]]


class _Format(TypedDict):
    format: int


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
        several: of covers of several genres, held-out ones with what follows from them; else None.
        metadata: block -> the manifest's column that it is made of, which may be missing.
    """

    classifier: BlockClassifier | SeveralGenres
    classes: list[Any]
    columns: dict[str, list[str]]
    extractors: dict[str, Made]
    extra: dict[str, Any]
    digest: str
    neighbours: TrainingIndex | None
    decision: Decision | None = None
    novelty: Novelty | None = None
    several: SeveralDecision | None = None
    metadata: dict[str, MetadataColumn] = field(default_factory=dict)

    @property
    def two_sided(self) -> bool:
        """Whether it has learnt from backs too, which may be missing."""
        return any(map(is_back, self.columns))

    def __repr__(self) -> str:
        backs = [block for block in self.columns if is_back(block)]
        blocks = "+".join([*self.extractors, *backs, *self.metadata])
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
    classifier: BlockClassifier | SeveralGenres,
    *,
    columns: Mapping[str, Sequence[str]],
    extractors: Mapping[str, Mapping[str, Any]],
    neighbours: TrainingIndex | None = None,
    decision: Decision | None = None,
    novelty: Novelty | None = None,
    several: SeveralDecision | None = None,
    extra: Mapping[str, Any] | None = None,
    card: str = "",
    metadata: Mapping[str, MetadataColumn] | None = None,
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
        several: held-out covers of several genres, instead of `decision`.
        extra: JSON values to keep with it.
        card: what readers must know of it, in Markdown; "": nothing.
        metadata: block -> the manifest's column that it is made of.

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
    if several is not None:
        several.save(partial / "several")
    if card:
        (partial / BUNDLE_CARD).write_text(card, encoding="utf-8")
    manifest = {
        "format": BUNDLE_FORMAT,
        "classifier": classifier.name,
        "classes": np.asarray(classifier.classes_).tolist(),
        "labels": "many" if isinstance(classifier, SeveralGenres) else "one",
        "columns": {block: list(names) for block, names in columns.items()},
        "extractors": {block: dict(made) for block, made in extractors.items()},
        "extra": dict(extra or {}),
        "files": {name: sha256_of(partial / name) for name in plain_files(partial)},
    }
    if origins := origins_of(classifier):
        manifest["classifier_origins"] = origins
    if metadata:
        manifest["metadata"] = {block: dict(made) for block, made in metadata.items()}
    (partial / BUNDLE_MANIFEST).write_text(json.dumps(manifest, indent=1))
    (partial / SEAL).write_text(sha256_of(partial / BUNDLE_MANIFEST))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def load_bundle(folder: str | os.PathLike[str]) -> Bundle:
    """Checks every byte of a bundle, then reads it.

    Raises:
        UserError: there is no bundle, a file is missing, was changed or was added (the message names it), is
            no plain file or does not go with the others, or another version has written the bundle.
    """
    folder = Path(folder)
    manifest, digest = _checked(folder)
    CLASSIFIERS.check_origins(manifest.get("classifier_origins", {}), f"The bundle {folder}")
    try:
        bundle = _read(folder, manifest, digest)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # files that fit no classifier make each library raise its own kinds
        raise UserError(f"{folder} holds files that do not go together: {error!r}. {_REMEDY}") from error
    if np.asarray(bundle.classifier.classes_).tolist() != bundle.classes:
        raise UserError(f"{folder}: its manifest and its classifier name other genres. {_REMEDY}")
    return bundle


def _read(folder: Path, manifest: Manifest, digest: str) -> Bundle:
    return Bundle(
        classifier=SeveralGenres.load(folder / "classifier", manifest["classifier"])
        if manifest.get("labels") == "many"
        else classifier_class(manifest["classifier"]).load(folder / "classifier"),
        classes=manifest["classes"],
        columns=manifest["columns"],
        extractors=dict(manifest["extractors"]),
        extra=manifest["extra"],
        digest=digest,
        neighbours=TrainingIndex.load(folder / "neighbours") if (folder / "neighbours").is_dir() else None,
        decision=Decision.load(folder / "decision") if (folder / "decision").is_dir() else None,
        novelty=Novelty.load(folder / "novelty") if (folder / "novelty").is_dir() else None,
        several=SeveralDecision.load(folder / "several") if (folder / "several").is_dir() else None,
        metadata=dict(manifest.get("metadata", {})),
    )


def _checked(folder: Path) -> tuple[Manifest, str]:
    """The manifest and its sha256, once every file has been compared."""
    present = plain_files(folder)
    for name in (BUNDLE_MANIFEST, SEAL):
        if name not in present:
            raise UserError(f"{folder} is not a bundle, or not a whole one: {name} is missing.")
    digest = sha256_of(folder / BUNDLE_MANIFEST)
    if (folder / SEAL).read_bytes() != digest.encode():
        raise UserError(f"{folder / BUNDLE_MANIFEST} (or {SEAL} beside it) was changed. {_REMEDY}")
    written = read_json(folder / BUNDLE_MANIFEST, _Format)["format"]
    if written != BUNDLE_FORMAT:
        raise UserError(
            f"{folder} has bundle format {written}; this version reads {BUNDLE_FORMAT}. {_REMEDY}"
        )
    manifest: Manifest = read_json(folder / BUNDLE_MANIFEST, Manifest)
    for name in sorted(present - {BUNDLE_MANIFEST, SEAL} - set(manifest["files"])):
        raise UserError(f"{folder / name} does not belong to the bundle. Remove it.")
    check_digests(folder, manifest["files"], _REMEDY)
    return manifest, digest
