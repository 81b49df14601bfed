"""The ray engine beside the local one on the same covers, and what ten million covers would cost.

Both sides start from nothing: the local engine in a fresh process, Ray with its cluster. Steady state is
what comes after each worker's first part; the whole run includes starting up and loading the models. For
`extract` the table of experiments/cluster/README.md is printed too, ready to be pasted there.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import joblib
import pandas as pd
import pyarrow as pa
from rich.table import Table

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.drawn_covers import draw_covers
from coverfusion.experiments.cluster.extract import extract_on_ray
from coverfusion.experiments.cluster.score import score_on_ray
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.scoring.score import score
from coverfusion.features.extract import COVERS_PER_CHUNK, extract
from coverfusion.features.registry import Extractor
from coverfusion.features.store import Store

PRICED_COVERS = 10_000_000  # covers whose cost is printed


@dataclass(frozen=True)
class Timeline:
    """When how many covers were done: seconds since the start, ascending, and their running number."""

    seconds: list[float]
    covers: list[int]

    def steady(self, warm: int) -> float:
        """Covers/s after the first `warm` covers."""
        first = next(n for n, done in enumerate(self.covers) if done >= warm)
        return (self.covers[-1] - self.covers[first]) / (self.seconds[-1] - self.seconds[first])

    def overall(self) -> float:
        """Covers/s from the start, loading included."""
        return self.covers[-1] / self.seconds[-1]


class Clock:
    """Collects a timeline."""

    def __init__(self) -> None:
        self.started, self.seconds, self.covers = time.perf_counter(), [0.0], [0]

    def add(self, covers: int) -> None:
        """Notes that so many more covers are done."""
        self.seconds.append(time.perf_counter() - self.started)
        self.covers.append(self.covers[-1] + covers)

    def timeline(self) -> Timeline:
        """What was noted."""
        return Timeline(self.seconds, self.covers)


def bench_ray(
    collection: Path,
    blocks: Sequence[str] | None = None,
    covers: int = 512,
    rounds: int = 2,
    workers: int | None = None,
    bundle: Path | None = None,
) -> pd.DataFrame:
    """Measures both engines on `extract`, or on `score` where a bundle is named, and prints the figures.

    Args:
        collection: real covers.
        blocks: for `extract`: which blocks; None = all that can run.
        covers: how many a round, drawn by a fixed seed; each round has others.
        rounds: alternations; the engines take turns in going first.
        workers: of the ray engine; None = one a core.
        bundle: measure `score` with this model.

    Returns:
        One row a round: covers/s of `local` and `ray` in steady state and with start-up, and their `ratio`.

    Raises:
        UserError: too few covers for the rounds, or for the workers to warm up.
    """
    workers = workers or joblib.cpu_count()
    if covers < 3 * workers * COVERS_PER_CHUNK:
        raise UserError(
            f"bench ray: with {workers} workers ask for at least {3 * workers * COVERS_PER_CHUNK} --covers."
        )
    drawn = draw_covers(collection, covers * rounds)
    warm = workers * COVERS_PER_CHUNK
    rows: list[pa.Table] = []
    sides: dict[str, Callable[[pd.DataFrame], Timeline]] = {
        "local": lambda part: _fresh(part, blocks, bundle),
        "ray": lambda part: _on_ray(part, blocks, bundle, workers, rows),
    }
    rates = []
    for number in range(rounds):
        part = drawn[number * covers : (number + 1) * covers]
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        times = {name: sides[name](part) for name in order}
        rates.append(
            {name: times[name].steady(warm) for name in sides}
            | {f"{name}, with start-up": times[name].overall() for name in sides}
        )
    result = pd.DataFrame(rates)
    result["ratio"] = result["ray"] / result["local"]
    what = "score" if bundle else "extract"
    _print(result, f"{what}: {covers} covers a round, {workers} workers, {joblib.cpu_count()} cores")
    if rows:
        _print_cost(cost_model(pa.concat_tables(rows).to_pandas(), workers))
    return result


def cost_model(rows: pd.DataFrame, workers: int) -> pd.DataFrame:
    """What a cover costs, block by block, by the clocks of the actors while all of them work.

    Args:
        rows: `experiments.cluster.extract.ROW_SCHEMA` of steady parts.
        workers: actors that shared the cores.

    Returns:
        Indexed by block, then "reading, decoding" and "all": covers/s of one core, and core-hours for
        `PRICED_COVERS` covers. The core-hours of the rows above add up to those of "all".
    """
    threads = max(1, joblib.cpu_count() // workers)
    in_all = rows.drop_duplicates("cover_id")["in_all"].mean()
    seconds = rows[rows["block"] != ""].groupby("block", sort=False)["seconds"].mean()
    seconds["reading, decoding"] = in_all - seconds.sum()
    seconds["all"] = in_all
    seconds *= threads
    return pd.DataFrame({"covers/s a core": 1 / seconds, "core-hours": seconds * PRICED_COVERS / 3600})


def _fresh(part: pd.DataFrame, blocks: Sequence[str] | None, bundle: Path | None) -> Timeline:
    """The local engine in a process of its own, from its start."""
    clock = Clock()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        times, done = pool.submit(_locally, part, blocks, bundle).result()
    return Timeline([0.0, *(at - clock.started for at in times)], [0, *done])


def _locally(
    part: pd.DataFrame, blocks: Sequence[str] | None, bundle: Path | None
) -> tuple[list[float], list[int]]:
    """Runs one side; the clock is the machine's, so that the other process can read it."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        if bundle:
            score(bundle, iter(part["path"]), Path(folder) / "scores.parquet", progress=clock.add)
        else:
            extractors = _extractors(blocks)
            last = extractors[-1].name
            extract(
                part,
                extractors,
                Store(Path(folder)),
                lambda block, covers, _: clock.add(covers) if block == last else None,
            )
    return [clock.started + second for second in clock.seconds[1:]], clock.covers[1:]


def _on_ray(
    part: pd.DataFrame,
    blocks: Sequence[str] | None,
    bundle: Path | None,
    workers: int,
    rows: list[pa.Table],
) -> Timeline:
    clock = Clock()

    def done(part_rows: pa.Table) -> None:
        clock.add(len(set(part_rows.column("cover_id").to_pylist())))
        if clock.covers[-1] > workers * COVERS_PER_CHUNK:  # steady by now
            rows.append(part_rows)

    with tempfile.TemporaryDirectory() as folder:
        if bundle:
            out = str(Path(folder) / "scores")
            score_on_ray(
                bundle, iter(part["path"]), out, progress=clock.add, workers=workers, part=COVERS_PER_CHUNK
            )
        else:
            extract_on_ray(
                part, _extractors(blocks), Store(Path(folder)), workers, done=done, size=COVERS_PER_CHUNK
            )
    return clock.timeline()


def _extractors(blocks: Sequence[str] | None) -> list[Extractor]:
    return make_extractors({name: {} for name in blocks} if blocks else None, "packaged")


def _print(result: pd.DataFrame, title: str) -> None:
    table = Table(title=title)
    for column in ("round", *(f"{name}, covers/s" for name in result.columns[:-1]), "ratio"):
        table.add_column(column, justify="right")
    for number, row in enumerate(result.itertuples(index=False), start=1):
        table.add_row(str(number), *(f"{value:.2f}" for value in row))
    table.add_row("median", *(f"{value:.2f}" for value in result.median()))
    console.print(table)


def _print_cost(model: pd.DataFrame) -> None:
    for line in cost_table(model):
        console.print(line, soft_wrap=True)


def cost_table(model: pd.DataFrame) -> list[str]:
    """The lines of the table in experiments/cluster/README.md, for `cost_model`'s result."""
    names = [f"`{name}`" for name in model.index[:-2]] + list(model.index[-2:])
    rows = zip(names, model["covers/s a core"], model["core-hours"], strict=True)
    return [
        f"| block | covers/s a core | core-hours for {PRICED_COVERS // 10**6} million |",
        "|---|---|---|",
        *(f"| {name} | {speed:.1f} | {hours:,.0f} |" for name, speed, hours in rows),
    ]
