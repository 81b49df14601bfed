"""How much of the text on covers is read right, by each engine and at each size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from coverfusion.data.collection import read_collection
from coverfusion.data.pictures import decode
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.bench.ocr_drawn import DrawnLine, draw_cover
from coverfusion.experiments.bench.ocr_errors import line_errors
from coverfusion.experiments.bench.sizes import SIDES
from coverfusion.experiments.pipeline.console import console, print_frame
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.features.ocr import Ocr, text_of

TRANSCRIPTS = Path(__file__).with_name("ocr_transcripts.csv")  # cover_id, text, unreadable (lines)
COVERS_AT_A_TIME = 20
SMALL = 16  # pixels of 300: lines below are reported by themselves


class Truth(NamedTuple):
    """A picture and what stands on it.

    Attributes:
        kind: "drawn" or "real".
        picture: RGB.
        lines: the text, line by line, and what kind of line each is.
        complete: whether nothing else stands there: then further letters are errors.
    """

    kind: str
    picture: Image.Image
    lines: list[tuple[str, str]]
    complete: bool


def bench_ocr(collection: Path | None, engines: Sequence[str], drawn: int) -> pd.DataFrame:
    """Reads drawn and real covers with each engine and prints the errors.

    Args:
        collection: where the transcribed covers are looked for, by their digest; None: drawn covers alone.
        engines: of `features.ocr.Ocr`.
        drawn: how many covers are drawn.

    Returns:
        One row an engine and kind of truth, as `errors_of` gives it.
    """
    truths = [*_drawn(drawn), *(_real(collection) if collection else [])]
    rows = []
    with counted("reading", len(engines) * len(truths)) as bar:
        for engine in engines:
            block = Ocr(engine=engine)
            for kind in dict.fromkeys(truth.kind for truth in truths):
                mine = [truth for truth in truths if truth.kind == kind]
                bar.update(bar.task_ids[0], now=f"{engine}, {kind}")
                texts: list[str] = []
                for start in range(0, len(mine), COVERS_AT_A_TIME):
                    part = mine[start : start + COVERS_AT_A_TIME]
                    notes = block.annotate([truth.picture for truth in part])[1]
                    texts += [text_of(note) or "" for note in notes]
                    bar.advance(bar.task_ids[0], len(part))
                rows += [{"engine": engine, "covers": kind} | one for one in errors_of(mine, texts)]
    frame = pd.DataFrame(rows)
    print_frame(frame, "share of the letters and words that differ (case and punctuation apart)")
    return frame


def errors_of(truths: Sequence[Truth], texts: Sequence[str]) -> list[dict[str, object]]:
    """Errors of all lines and of each kind of line.

    Returns:
        Rows of `lines` (their kind), `letters` (how many there are), `character_error` and `word_error`
        (edits over letters and words), `cover_error` (the mean over covers of their character error, at most
        1 each: a cover full of small print counts no more than another), `missed` (share of lines of which
        nothing was read), `extra` (letters that stand nowhere on completely transcribed covers, over all
        letters of these).
    """
    found, by_cover = [], []
    extra = complete = 0
    for truth, text in zip(truths, texts, strict=True):
        errors, more = line_errors([line for line, _ in truth.lines], text.splitlines())
        found += [(kind, *one) for (_, kind), one in zip(truth.lines, errors, strict=True)]
        edits, letters = sum(one.letter_edits for one in errors), sum(one.letters for one in errors)
        by_cover += [min(edits / letters, 1.0)] if letters else []
        if truth.complete:
            extra += more
            complete += letters
    table = pd.DataFrame(found, columns=["lines", "letters", "letter_edits", "words", "word_edits"])
    groups = {"all": table} | (dict(list(table.groupby("lines"))) if table["lines"].nunique() > 1 else {})
    return [
        {
            "lines": kind,
            "letters": int(group["letters"].sum()),
            "character_error": float(group["letter_edits"].sum() / group["letters"].sum()),
            "word_error": float(group["word_edits"].sum() / group["words"].sum()),
            "cover_error": float(np.mean(by_cover)) if kind == "all" else np.nan,
            "missed": float((group["letter_edits"] >= group["letters"]).mean()),
            "extra": extra / complete if kind == "all" and complete else np.nan,
        }
        for kind, group in groups.items()
    ]


def bench_sides(engine: str, covers: int) -> pd.DataFrame:
    """The same drawn covers at four sizes: how much is read wrong (`bench_sizes` has what reading costs).

    Returns:
        One row a side: `side` (pixels), `character_error`.
    """
    block = Ocr(engine=engine)
    errors = []
    with counted("sizes", len(SIDES)) as bar:
        for side in SIDES:
            drawn = [draw_cover(number, side) for number in range(covers)]
            notes = block.annotate([one.picture for one in drawn])[1]
            truths = [_truth(one.picture, one.lines) for one in drawn]
            all_lines = errors_of(truths, [text_of(note) or "" for note in notes])[0]
            errors.append((side, all_lines["character_error"]))
            bar.advance(bar.task_ids[0])
    frame = pd.DataFrame(errors, columns=["side", "character_error"])
    print_frame(frame, f"{covers} drawn covers at four sizes, {engine}")
    return frame


def _drawn(count: int) -> list[Truth]:
    covers = [draw_cover(number) for number in range(count)]
    return [_truth(cover.picture, cover.lines) for cover in covers]


def _truth(picture: Image.Image, lines: Sequence[DrawnLine]) -> Truth:
    kinds = [(line.text, "small" if line.size < SMALL else line.kind) for line in lines]
    return Truth("drawn", picture, kinds, complete=True)


def _real(collection: Path) -> list[Truth]:
    """The transcribed covers that lie in the collection, found by the digest of their files."""
    transcripts = pd.read_csv(TRANSCRIPTS, keep_default_na=False).set_index("cover_id")
    paths = (
        read_collection(collection, keep="all")
        .frame.drop_duplicates("cover_id")
        .set_index("cover_id")["path"]
    )
    here = transcripts.join(paths, how="inner")
    console.print(f"{len(here)} of {len(transcripts)} transcribed covers found in {collection}")
    return [
        Truth(
            "real",
            decode(read_bytes(path)),
            [(line, "real") for line in text.splitlines() if line.strip()],
            complete=unreadable == 0,
        )
        for path, text, unreadable in zip(here["path"], here["text"], here["unreadable"], strict=True)
    ]
