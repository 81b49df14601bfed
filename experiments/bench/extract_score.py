"""Speed beside the plain use of the same libraries: same covers, same process, alternating.

The plain use is one picture at a time, as each library's README shows it; an extractor offers it as
`plain()`. Both sides read and decode the files themselves. Each round measures new covers, and the two sides
take turns in going first.
"""

from __future__ import annotations

import io
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import PIL.Image
from rich.table import Table

from coverfusion.data.sources import read_bytes
from coverfusion.experiments.bench.drawn_covers import draw_covers
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.scoring.score import bundle_extractors, score
from coverfusion.features.extract import compute, decoded_ahead, extract
from coverfusion.features.registry import Extractor
from coverfusion.features.store import Store
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.bundle import load_bundle

WARM_UP_COVERS = 4  # covers that load the models on both sides before anything is measured


@runtime_checkable
class Comparable(Protocol):
    """An extractor that can be compared with the plain use of its libraries."""

    def plain(self) -> Callable[[PIL.Image.Image], Any]:
        """A function from one picture to what the libraries give for it."""


@runtime_checkable
class Checked(Protocol):
    """A comparable extractor that says how far its values are from the plain ones."""

    def differences(self, plain: Sequence[Any], values: np.ndarray, notes: Sequence[str] | None) -> str:
        """One line for people."""


@runtime_checkable
class Network(Protocol):
    """An extractor that can say how much matrix work its network does."""

    def matrix_work(self, images: Sequence[PIL.Image.Image]) -> tuple[str, float, float]:
        """The network's name, its floating-point operations as published, and the seconds they took."""


@dataclass
class Timing:
    """Seconds of both sides, one value a round, and what they gave."""

    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    covers: int = 0  # a round

    def rate(self, side: str) -> float:
        """Median covers/s."""
        return self.covers / statistics.median(getattr(self, side))

    def ratios(self) -> list[float]:
        """Plain seconds over ours, one a round."""
        return [p / o for p, o in zip(self.plain, self.ours, strict=True)]


def bench_extract(collection: Path, blocks: Sequence[str] | None, covers: int, rounds: int) -> pd.DataFrame:
    """Measures every block and the whole table, and prints the figures.

    Args:
        collection: real covers.
        blocks: which blocks; None = all that can run.
        covers: how many are measured on, drawn by a fixed seed.
        rounds: into how many rounds they are split.

    Returns:
        One row a block and one for the whole table: covers/s of both sides, the ratio and its spread.
    """
    chosen = make_extractors({name: {} for name in blocks} if blocks else None, "packaged")
    extractors = [e for e in chosen if isinstance(e, Comparable)]
    paths = draw_covers(collection, covers)["path"].tolist()
    timings, differences = _measure(extractors, paths, rounds)
    frame = _frame(timings)
    _print(frame, f"{len(paths)} covers in {rounds} rounds, one process, alternating")
    for line in differences:
        console.print(line)
    _print_matrix_rates(extractors, paths)
    _print_second_run(extractors, paths)
    _print_memory()
    return frame


def bench_score(collection: Path, bundle_folder: Path, covers: int, rounds: int) -> pd.DataFrame:
    """Measures `score` beside the same model used plainly: one picture at a time, plain extractors."""
    bundle = load_bundle(bundle_folder)
    extractors = bundle_extractors(bundle)
    plains = {e.name: e.plain() for e in extractors if isinstance(e, Comparable)}
    paths = draw_covers(collection, covers)["path"].tolist()

    def plainly(part: Sequence[str]) -> None:
        for path in part:
            image = _open(path)
            for one in plains.values():
                one(image)
            blocks = {e.name: np.zeros((1, len(e.columns)), np.float32) for e in extractors}
            frames = {e.name: pd.DataFrame(blocks[e.name], columns=list(e.columns)) for e in extractors}
            bundle.predict_proba(FeatureTable(frames))

    def ours(part: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            score(bundle_folder, iter(part), Path(folder) / "scores.parquet")

    timing = _alternate(ours, plainly, paths, rounds)
    frame = _frame({"score": timing})
    _print(frame, f"{len(paths)} covers in {rounds} rounds; the bundle is loaded anew each round")
    _print_memory()
    return frame


def _measure(
    extractors: Sequence[Extractor], paths: Sequence[str], rounds: int
) -> tuple[dict[str, Timing], list[str]]:
    timings: dict[str, Timing] = {}
    differences = []
    plains = {e.name: e.plain() for e in extractors if isinstance(e, Comparable)}
    with counted("measuring", len(extractors) + 1) as bar:
        for extractor in extractors:
            bar.update(bar.task_ids[0], now=extractor.name)
            plain = plains[extractor.name]
            values: list[np.ndarray] = []
            notes: list[str] = []
            plain_results: list[Any] = []

            def ours(
                part: Sequence[str],
                e: Extractor = extractor,
                v: list[np.ndarray] = values,
                n: list[str] = notes,
            ) -> None:
                for chunk in decoded_ahead(("", path) for path in part):
                    rows, _ = compute(
                        e, [image for _, _, image in chunk if isinstance(image, PIL.Image.Image)]
                    )
                    v.append(rows.values)
                    n.extend(rows.notes or [])

            def plainly(
                part: Sequence[str],
                one: Callable[[PIL.Image.Image], Any] = plain,
                t: list[Any] = plain_results,
            ) -> None:
                t.extend(one(_open(path)) for path in part)

            timings[extractor.name] = _alternate(
                ours, plainly, paths, rounds, warm=(values, notes, plain_results)
            )
            if isinstance(extractor, Checked):
                line = extractor.differences(plain_results, np.concatenate(values), notes or None)
                differences.append(f"{extractor.name}: {line}")
            bar.advance(bar.task_ids[0])
        bar.update(bar.task_ids[0], now="whole table")
        timings["whole table"] = _whole_table(extractors, plains, paths, rounds)
        bar.advance(bar.task_ids[0])
    return timings, differences


def _whole_table(
    extractors: Sequence[Extractor],
    plains: dict[str, Callable[[PIL.Image.Image], Any]],
    paths: Sequence[str],
    rounds: int,
) -> Timing:
    """All blocks: ours through the store, onto the disk; plainly each picture opened once for all blocks."""
    frame = _frame_of(paths)

    def ours(part: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            extract(frame[frame["path"].isin(part)], extractors, Store(Path(folder)))

    def plainly(part: Sequence[str]) -> None:
        for path in part:
            image = _open(path)
            for one in plains.values():
                one(image)

    return _alternate(ours, plainly, paths, rounds)


def _alternate(
    ours: Callable[[Sequence[str]], None],
    plain: Callable[[Sequence[str]], None],
    paths: Sequence[str],
    rounds: int,
    warm: tuple[list[Any], ...] = (),
) -> Timing:
    """Both sides on each round's covers, taking turns in going first; `warm` lists are emptied once warm."""
    ours(paths[:WARM_UP_COVERS])
    plain(paths[:WARM_UP_COVERS])
    for results in warm:
        results.clear()
    timing = Timing(covers=len(paths) // rounds)
    for number in range(rounds):
        part = paths[number * timing.covers : (number + 1) * timing.covers]
        sides = [(ours, timing.ours), (plain, timing.plain)]
        for side, seconds in sides if number % 2 == 0 else sides[::-1]:
            started = time.perf_counter()
            side(part)
            seconds.append(time.perf_counter() - started)
    return timing


def _frame(timings: dict[str, Timing]) -> pd.DataFrame:
    rows = []
    for name, timing in timings.items():
        ratios = timing.ratios()
        rows.append(
            (
                name,
                timing.rate("ours"),
                timing.rate("plain"),
                statistics.median(ratios),
                min(ratios),
                max(ratios),
            )
        )
    return pd.DataFrame(rows, columns=["block", "ours", "plain", "ratio", "lowest", "highest"])


def _print(frame: pd.DataFrame, title: str) -> None:
    table = Table(title=title)
    for column in ("block", "ours, covers/s", "plain, covers/s", "ratio", "spread over rounds"):
        table.add_column(column, justify="left" if column == "block" else "right")
    for row in frame.itertuples():
        spread = f"{row.lowest:.2f} - {row.highest:.2f}"
        table.add_row(str(row.block), f"{row.ours:.2f}", f"{row.plain:.2f}", f"{row.ratio:.2f}", spread)
    console.print(table)


def _print_matrix_rates(extractors: Sequence[Extractor], paths: Sequence[str]) -> None:
    """How near the networks come to what this machine's matrix product reaches (float32, 2048 x 2048)."""
    images, peak = [_open(path) for path in paths[:16]], _matrix_rate()
    for extractor in extractors:
        if isinstance(extractor, Network):
            extractor.matrix_work(images[:2])
            name, operations, seconds = extractor.matrix_work(images)
            rate = operations / seconds / 1e9
            console.print(
                f"{extractor.name}: {name} does its {operations / len(images) / 1e9:.1f} GFLOP a cover at "
                f"{rate:.0f} GFLOP/s, {rate / peak:.0%} of the machine's matrix product ({peak:.0f} GFLOP/s)"
            )


def _matrix_rate(side: int = 2048, times: int = 20) -> float:
    """GFLOP/s of a float32 matrix product, best of `times`."""
    import torch

    a, b = torch.randn(side, side), torch.randn(side, side)
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - started)
    return 2 * side**3 / min(seconds) / 1e9


def _print_second_run(extractors: Sequence[Extractor], paths: Sequence[str]) -> None:
    """A second run over a full store against the first."""
    frame = _frame_of(paths)
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for _ in range(2):
            started = time.perf_counter()
            extract(frame, extractors, Store(Path(folder)))
            seconds.append(time.perf_counter() - started)
    console.print(
        f"second run over a full store: {seconds[1]:.3f} s after {seconds[0]:.1f} s "
        f"({seconds[1] / seconds[0]:.2%})"
    )


def _print_memory() -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"peak memory: {peak:.0f} MiB")


def _frame_of(paths: Sequence[str]) -> pd.DataFrame:
    ids = [i for chunk in decoded_ahead(("", path) for path in paths) for i, _, _ in chunk]
    return pd.DataFrame({"cover_id": ids, "path": list(paths)})


def _open(path: str) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(read_bytes(path))).convert("RGB")
