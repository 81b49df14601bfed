"""Why a model gives one cover its genre: blocks, readable features, marks, a map and the nearest covers."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sides import BACK
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.explanation.background import covers_of_genre
from coverfusion.experiments.explanation.blocks import Contributions, chances_of, contributions_to
from coverfusion.experiments.explanation.explanation import (
    SHOWN_NEIGHBOURS,
    Explanation,
    Feature,
    Neighbour,
    OnThePicture,
)
from coverfusion.experiments.explanation.occlusion import occlusion_map
from coverfusion.experiments.explanation.people_and_words import (
    Box,
    MarkedWord,
    boxes,
    detector_errors,
    words,
)
from coverfusion.experiments.pipeline.outputs import check_file
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.scoring.genre_ranges import kept_ranges
from coverfusion.experiments.scoring.known_backs import check_backs, say_without_backs
from coverfusion.experiments.scoring.known_metadata import KnownMetadata, checked_metadata
from coverfusion.experiments.scoring.lacking import lacking
from coverfusion.experiments.scoring.score import bundle_extractors, check_targets
from coverfusion.experiments.scoring.verdict import verdict_on
from coverfusion.features.descriptions import quartiles_of
from coverfusion.features.extract import compute, table_of_rows
from coverfusion.features.metadata import metadata_frame
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import meanings_of
from coverfusion.features.table import BACK_BLOCK
from coverfusion.fusion.bundle import Bundle, load_bundle
from coverfusion.fusion.categories import holds_strings
from coverfusion.fusion.pictures import PIXELS
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets

IMAGE_NETWORK_BLOCKS = (
    PIXELS,
    "cnn",
)  # blocks of an image network; the map is of the first that the model sees
MAX_FEATURES = 12
MAX_GENRE_COVERS = 1000  # training covers of the genre that a feature is compared with


def explain(
    bundle_folder: str | os.PathLike[str],
    picture: str | os.PathLike[str],
    out: str | os.PathLike[str],
    top_k: int = 3,
    attention: bool = True,
    targets: Targets = NO_TARGETS,
    back: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Explanation:
    """Explains a picture and writes the explanation as a PNG, and as JSON beside it.

    Args:
        bundle_folder: the fitted model.
        picture: a file or `zip!member`.
        out: a .png; the JSON has the same name with .json.
        top_k: how many genres are named; all that the cover is called are.
        attention: make the occlusion map.
        targets: when to abstain, and what the set of genres guarantees.
        back: the picture of its back, for a model that has learnt from backs.
        metadata: column of the manifest -> value, for a model that has learnt from such columns.

    Raises:
        UserError: a picture or the bundle cannot be read, `out` cannot be written, targets for a bundle
            without held-out covers, a back or metadata that the model does not know, or a value that is no
            number in a column of numbers.
    """
    from coverfusion.experiments.explanation.figure import draw_explanation

    picture, out = os.fspath(picture), Path(out)
    check_file(out, (".png",), [picture])
    bundle = load_bundle(bundle_folder)
    check_targets(bundle, targets)
    check_backs(bundle, back is not None)
    given = {name: [value] for name, value in (metadata or {}).items()}
    known = checked_metadata(bundle, given) if given else None
    image, behind = _picture(picture, back is not None), None if back is None else _back(back)
    KnownMetadata(bundle, known).say()
    say_without_backs(bundle, isinstance(behind, Image))
    explanation = explain_picture(
        bundle, bundle_extractors(bundle), image, top_k, attention, targets, behind, known
    )
    draw_explanation(explanation).save(out)
    of = {"picture": picture, "back": back, "metadata": dict(metadata or {}), "bundle": bundle.digest}
    write_json(out.with_suffix(".json"), of | explanation.as_json())
    return explanation


def _picture(path: str, has_back: bool) -> Image:
    try:
        return decode(read_bytes(path))
    except PictureError as error:
        front = " A cover is explained by its front: its back alone can be scored." if has_back else ""
        raise UserError(f"{path}: {error}. Name a picture file, or zip!member.{front}") from error


def _back(path: str) -> Image | PictureError:
    """A back that cannot be read is a reason: the front is explained."""
    try:
        return decode(read_bytes(path))
    except PictureError as error:
        return error


def explain_picture(
    bundle: Bundle,
    extractors: Sequence[Extractor],
    image: Image,
    top_k: int = 3,
    attention: bool = True,
    targets: Targets = NO_TARGETS,
    back: Image | PictureError | None = None,
    known: pd.DataFrame | None = None,
    genre: str | None = None,
) -> Explanation:
    """Explains the genre that a model gives to one cover.

    An extractor that fails on this cover does not stop the others.

    Args:
        bundle: the fitted model.
        extractors: the bundle's own, as `bundle_extractors` makes them.
        image: an RGB picture, as `data.pictures.decode` gives it.
        top_k: how many genres are named; all that the cover is called are.
        attention: make the occlusion map, which runs the image network 50 times.
        targets: when to abstain, and what the set of genres guarantees.
        back: the picture of its back, for a model that has learnt from backs, or why it cannot be read.
        known: its metadata, one row as of `given_metadata`.
        genre: that is explained and named first; None: the most probable, of those that the cover is called
            where it may have several.
    """
    row, notes, failed = measure(extractors, image)
    behind = None
    if isinstance(back, Image):
        row_behind, notes_behind, failed_behind = measure(extractors, back)
        row = pd.concat([row, row_behind.add_prefix(BACK_BLOCK)], axis=1)
        failed |= {BACK_BLOCK + block: reason for block, reason in failed_behind.items()}
        behind = OnThePicture(back, *_found(extractors, notes_behind))
    elif back is not None:
        failed[BACK] = str(back)
    if known is not None:
        row = pd.concat([row, metadata_frame(bundle.metadata, known)], axis=1)
    chances, verdict = chances_of(bundle, row)[0], verdict_on(bundle, row, targets)
    wanted = [genre] if genre is not None else verdict.called or ()
    called = [str(name) in wanted for name in bundle.classes]
    codes = range(len(bundle.classes))
    first = int(np.where(called, chances, -1).argmax()) if any(called) else int(chances.argmax())
    # what is explained first, then all that it is called, then the others
    of = {code: (code != first, str(bundle.classes[code]) not in (verdict.called or ())) for code in codes}
    order = sorted(np.argsort(-chances, kind="stable"), key=lambda code: of[code])
    named = max(1, top_k, sum(not uncalled for _, uncalled in of.values()))
    genres = [(str(bundle.classes[code]), float(chances[code])) for code in order[:named]]
    explained = bundle.classes[first]
    contributions = contributions_to(bundle, row, explained)
    faces, persons, read = _found(extractors, notes)
    values, note = None, "left out"
    if attention:
        values, note = _attention(bundle, extractors, image, row, first, failed, contributions.blocks)
    return Explanation(
        image=image,
        classifier=bundle.classifier.name,
        genres=genres,
        contributions=contributions,
        features=_features(bundle, extractors, row, contributions, explained),
        faces=faces,
        persons=persons,
        words=read,
        attention=values,
        attention_note=note,
        neighbours=_neighbours(bundle, row),
        usual_distance=math.nan if bundle.neighbours is None else bundle.neighbours.usual_distance(),
        neighbours_over=_neighbours_over(bundle),
        lacking=lacking(bundle, {} if known is None else dict(known.iloc[0]), behind is not None),
        failed=failed,
        verdict=verdict,
        back=behind,
    )


def measure(
    extractors: Sequence[Extractor], image: Image
) -> tuple[pd.DataFrame, dict[str, str], dict[str, str]]:
    """The cover's row of features, the blocks' notes, and what failed."""
    kept, notes, failed = {}, {}, {}
    for extractor in extractors:
        rows, reasons = compute(extractor, [image])
        columns = list(extractor.columns)
        kept[extractor.name] = rows
        if rows.notes is not None:
            notes[extractor.name] = str(rows.notes[0])
        errors = [*reasons.values()]
        if extractor.name == "people":
            errors += detector_errors(notes["people"])
        if not errors and "failed" in columns and rows.values[0, columns.index("failed")] == 1:
            errors = ["it could not be applied to this cover"]
        if errors:
            failed[extractor.name] = "; ".join(errors)
    return table_of_rows(kept, extractors, pd.RangeIndex(1)).learnable(), notes, failed


def _found(
    extractors: Sequence[Extractor], notes: Mapping[str, str]
) -> tuple[list[Box] | None, list[Box] | None, list[MarkedWord] | None]:
    """Faces, persons and words of one picture's notes; None where no block looks for them."""
    looked = {extractor.name for extractor in extractors}
    people = "people" in looked
    return (
        boxes(notes.get("people"), "faces") if people else None,
        boxes(notes.get("people"), "persons") if people else None,
        words(notes.get("ocr")) if "ocr" in looked else None,
    )


def _features(
    bundle: Bundle,
    extractors: Sequence[Extractor],
    row: pd.DataFrame,
    contributions: Contributions,
    genre: str,
) -> list[Feature]:
    known = meanings_of(extractors, backs=bundle.two_sided)
    strongest = sorted(contributions.columns, key=lambda name: -abs(contributions.columns[name]))
    # metadata that is not given is in no row, and what holds strings has no value to show
    there = [name for name in strongest if name in row and not holds_strings(name)]
    moved = [name for name in there if contributions.columns[name]]
    names = moved[:MAX_FEATURES]
    own, kept = covers_of_genre(bundle, genre, MAX_GENRE_COVERS)[names], kept_ranges(bundle, genre)
    return [
        Feature(
            column=name,
            value=float(row[name].iloc[0]),
            contribution=contributions.columns[name],
            description=known.get(name, ""),
            quartiles=kept.get(name) or quartiles_of(name, own[name].to_numpy()),
        )
        for name in names
    ]


def _attention(
    bundle: Bundle,
    extractors: Sequence[Extractor],
    image: Image,
    row: pd.DataFrame,
    code: int,
    failed: dict[str, str],
    effects: Mapping[str, float],
) -> tuple[np.ndarray | None, str]:
    """The occlusion map of the image network, all other blocks as they are; or None and the reason."""
    seen = {str(column).partition(".")[0] for column in bundle.classifier.feature_names_in_}
    by_name = {extractor.name: extractor for extractor in extractors}
    name = next((name for name in IMAGE_NETWORK_BLOCKS if name in by_name and name in seen), None)
    if name is None:
        return None, f"this model has no block '{IMAGE_NETWORK_BLOCKS[-1]}'"
    if name in failed:
        return None, f"block '{name}' failed on this cover"
    columns = [f"{name}.{column}" for column in by_name[name].columns]

    def chance(pictures: list[Image]) -> np.ndarray:
        rows = row.loc[row.index.repeat(len(pictures))].reset_index(drop=True)
        cells = pd.DataFrame(by_name[name](pictures), columns=columns)
        return chances_of(bundle, rows.drop(columns=columns).join(cells))[:, code]

    part = "this part of the front" if bundle.two_sided else "this part"
    what = f"how much the probability drops when {part} is blurred for block '{name}' alone"
    drops = occlusion_map(image, chance)
    if drops.mean() < 0 < effects.get(name, 0):
        what += (
            f" (mostly it rises although '{name}' speaks for the genre: this compares with the cover itself "
            "blurred, the block's effect with other covers)"
        )
    return drops, what


def _neighbours_over(bundle: Bundle) -> str:
    """What distances are over: backs and metadata do not count."""
    if bundle.two_sided:
        return "all blocks of the front alone"
    return "all blocks of the picture alone" if bundle.metadata else "all blocks"


def _neighbours(bundle: Bundle, row: pd.DataFrame) -> list[Neighbour]:
    if bundle.neighbours is None:
        return []
    nearest = bundle.neighbours.query(row, SHOWN_NEIGHBOURS + 1)[0]  # one may be the cover
    pictures = bundle.neighbours.thumbnails(nearest["cover_id"].tolist())
    return [
        Neighbour(one["cover_id"], str(one["genre"]), one["path"], float(one["distance"]), picture)
        for one, picture in zip(nearest.to_dict("records"), pictures, strict=True)
    ]
