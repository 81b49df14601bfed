"""What scored pictures come to: how many have each genre, abstain, are flagged or cannot be read."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.json

from coverfusion.data.csv_files import as_was
from coverfusion.data.genre_sets import apart
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.scoring.known_backs import (
    PAIRING,
    Backs,
    check_backs,
    read_sides,
    say_without_backs,
)
from coverfusion.experiments.scoring.known_metadata import known_metadata
from coverfusion.experiments.scoring.score import (
    bundle_extractors,
    check_targets,
    count_failed,
    rows_name,
    score_chunk,
)
from coverfusion.features.extract import decoded_ahead
from coverfusion.features.failure_limit import FailureLimit
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.uncertainty.decision import Targets
from coverfusion.fusion.uncertainty.guarantees import guarantee

FEW = 20  # pictures that are listed one by one
_COLUMNS = pa.schema(
    {
        "path": pa.string(),
        "genre_1": pa.string(),
        "probability_1": pa.float64(),
        "abstain": pa.bool_(),
        "out_of_distribution": pa.bool_(),
        "error": pa.string(),
        "failed_blocks": pa.string(),
        "learnt_from": pa.bool_(),
        "back": pa.string(),  # where both sides of an album are one row
        "genres": pa.string(),  # where a picture may have several
    }
)
SHOWN = [name for name in _COLUMNS.names if name not in ("learnt_from", "back", "genres")]


@dataclass
class Tally:
    """Counts over rows of scores.

    Attributes:
        rows: pictures.
        genres: most probable genre -> pictures; of a model of several genres each that a picture is called.
        several: whether a picture may be called several genres.
        abstained: pictures that can be read and get no prediction.
        flagged: pictures that are out-of-distribution.
        errors: pictures that cannot be read.
        in_part: those of the others with a block that failed, or a side that cannot be read.
        albums: whether a row is an album, and not a picture.
        learnt: pictures that the model has learnt from.
        first: the first `FEW` rows; where there may be several genres with `chances`: those that the picture
            is called, each with its probability.
    """

    rows: int = 0
    genres: Counter[str] = field(default_factory=Counter)
    several: bool = False
    abstained: int = 0
    flagged: int = 0
    errors: int = 0
    in_part: int = 0
    albums: bool = False
    learnt: int = 0
    first: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=SHOWN))

    def add(self, scored: pd.DataFrame) -> None:
        """Counts rows of `experiments.scoring.score.score_chunk`."""
        broken = scored["error"].fillna("") != ""
        called = scored["genres"].dropna().map(apart) if "genres" in scored else pd.Series(dtype=object)
        self.several |= len(called) > 0
        self.genres.update(
            [genre for own in called for genre in own] if self.several else scored.loc[~broken, "genre_1"]
        )
        self.rows += len(scored)
        self.errors += int(broken.sum())
        self.in_part += int((scored.loc[~broken, "failed_blocks"].fillna("") != "").sum())
        self.albums |= "back" in scored and bool(scored["back"].notna().any())
        self.abstained += int(scored.loc[~broken, "abstain"].astype(bool).sum())
        self.flagged += int(scored["out_of_distribution"].fillna(False).astype(bool).sum())
        self.learnt += int(scored["learnt_from"].fillna(False).astype(bool).sum())
        if room := FEW - len(self.first):
            rows = scored[SHOWN].head(room).astype(object)
            if self.several:
                rows["chances"] = _chances(scored.head(room), called)
            self.first = rows if self.first.empty else pd.concat([self.first, rows])


def _chances(scored: pd.DataFrame, called: pd.Series) -> pd.Series:
    """Genre -> its probability, of those that each row is called; a genre that it does not name has none."""
    ranks = [str(name).removeprefix("genre_") for name in scored if re.fullmatch(r"genre_\d+", str(name))]
    chances = {}
    for place, row in scored.iterrows():
        named = {row[f"genre_{rank}"]: row[f"probability_{rank}"] for rank in ranks}
        chances[place] = {genre: named.get(genre, math.nan) for genre in called.get(place, [])}
    return pd.Series(chances)


def tally_pictures(
    bundle_folder: str | os.PathLike[str],
    pictures: Iterator[str],
    progress: Callable[[int], None],
    targets: Targets,
    max_failed: float,
    manifests: Sequence[str] = (),
    backs: Backs | None = None,
) -> Tally:
    """Scores pictures and keeps no row but the first few.

    Args:
        bundle_folder: the fitted model.
        pictures: paths as `data.sources.list_pictures` gives them.
        progress: called with the number of covers newly done.
        targets: when to abstain.
        max_failed: the share of pictures that blocks may fail on.
        manifests: as for `experiments.scoring.score.score`.
        backs: as for `experiments.scoring.score.score`.

    Raises:
        UserError: as `experiments.scoring.score.score`, but for what concerns its file.
    """
    bundle = load_bundle(bundle_folder)
    check_targets(bundle, targets)
    check_backs(bundle, backs is not None)
    extractors = bundle_extractors(bundle)
    text = guarantee(bundle.decision, targets, bundle.classes)
    if text and targets.in_force:  # else it is of sets, which no row on the screen shows
        console.print(text)
    known = known_metadata(bundle, manifests)
    known.say()
    say_without_backs(bundle, backs is not None, PAIRING)
    named = 1 if bundle.several is None else rows_name(bundle, None)
    tally = Tally(several=bundle.several is not None)
    limit = FailureLimit(max_failed)
    for chunk in decoded_ahead(("", path) for path in pictures):
        fronts, behind = read_sides(chunk, backs)
        scored = score_chunk(bundle, extractors, fronts, named, targets, known.of(chunk), behind)
        count_failed(limit, scored)
        tally.add(scored)
        progress(len(chunk))
    limit.check()
    return tally


def tally_file(out: str | os.PathLike[str]) -> Tally:
    """Counts the rows of a finished .csv, .parquet or .jsonl file of scores, or a folder of parquet."""
    kind = Path(out).suffix.lower()
    csv = pyarrow.csv.ConvertOptions(column_types=_COLUMNS)
    lines = pyarrow.csv.ParseOptions(newlines_in_values=True)
    json = pyarrow.json.ParseOptions(explicit_schema=_COLUMNS, unexpected_field_behavior="ignore")
    formats = {
        ".csv": ds.CsvFileFormat(lines, convert_options=csv),
        ".jsonl": ds.JsonFileFormat(parse_options=json),
    }
    tally = Tally()
    source = ds.dataset(os.fspath(out), schema=_COLUMNS, format=formats.get(kind, "parquet"))
    for batch in source.to_batches(columns=_COLUMNS.names):
        rows = batch.to_pandas()
        tally.add(as_was(rows) if kind == ".csv" else rows)
    return tally
