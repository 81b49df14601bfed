"""What the same covers cost at four sizes, block by block; decoding is a row of its own."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL.Image import Image, Resampling

from coverfusion.data.pictures import decode
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.bench.drawn_covers import draw_covers
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.console import print_frame
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.features.extract import compute

SIDES = (300, 640, 1500, 3000)  # pixels


def bench_sizes(collection: Path, blocks: Sequence[str] | None, covers: int, rounds: int) -> pd.DataFrame:
    """Real covers resized to four sizes, new ones each round: networks remember the pictures they saw last.

    Blocks share work within a size as they do in `extract`.

    Args:
        collection: real covers.
        blocks: which blocks; None = all that can run.
        covers: how many are measured on a round, drawn by a fixed seed.
        rounds: how often.

    Returns:
        One row a block and one of decoding: `block`, `ms` (milliseconds a cover of the smallest side) and, by
        side, the seconds over those of the smallest: the median over rounds.
    """
    extractors = make_extractors({name: {} for name in blocks} if blocks else None, "packaged")
    paths = draw_covers(collection, covers * rounds)["path"].tolist()
    seconds: dict[str, dict[int, list[float]]] = {
        name: {side: [] for side in SIDES} for name in ["decoding", *(e.name for e in extractors)]
    }
    for extractor in extractors:
        compute(extractor, [decode(read_bytes(path)) for path in paths[:2]])  # loads the networks
    with counted("measuring", rounds * len(SIDES)) as bar:
        for number in range(rounds):
            part = [decode(read_bytes(path)) for path in paths[number * covers : (number + 1) * covers]]
            for side in SIDES:
                bar.update(bar.task_ids[0], now=f"{side} px")
                files = [_resized(picture, side) for picture in part]
                started = time.perf_counter()
                decoded = [decode(file) for file in files]
                seconds["decoding"][side].append(time.perf_counter() - started)
                for extractor in extractors:
                    started = time.perf_counter()
                    compute(extractor, decoded)
                    seconds[extractor.name][side].append(time.perf_counter() - started)
                bar.advance(bar.task_ids[0])
    frame = pd.DataFrame([_row(name, times, covers) for name, times in seconds.items()])
    title = f"{covers} covers in {rounds} rounds: seconds over those at {SIDES[0]} px, decoding apart"
    print_frame(frame, title)
    return frame


def _resized(picture: Image, side: int) -> bytes:
    """The picture as a JPEG file of this size."""
    file = io.BytesIO()
    picture.resize((side, side), Resampling.LANCZOS).save(file, "JPEG", quality=90)
    return file.getvalue()


def _row(name: str, times: dict[int, list[float]], covers: int) -> dict[str, object]:
    smallest = times[SIDES[0]]
    ratios = {
        f"{side} px": statistics.median(a / b for a, b in zip(times[side], smallest, strict=True))
        for side in SIDES
    }
    return {"block": name, "ms": 1000 * statistics.median(smallest) / covers} | ratios
