"""Many fits at once, one core each: the folds are shared out to worker processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, ProcessPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from math import ceil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from coverfusion.data.errors import UserError
from coverfusion.data.registry import loaded_plugins, registered_in_script, use_plugins
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.fusion.blocks import reused_transforms
from coverfusion.fusion.categories import holds_strings

POLL_SECONDS = 0.5  # seconds between looks at what is done
_fits: CachedFits | None = None  # of this worker process
_main_lock = threading.Lock()


def fit_all(
    fits: CachedFits,
    models: Sequence[Model],
    parts: Sequence[Part],
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Does every fit that is not kept yet; `fits.predictions` then finds all of them.

    Transforms of blocks are fitted once a fold and reused (`fusion.blocks.reused_transforms`). A worker
    has one core, so that the cores are never shared; the features are one memory-mapped file for all.

    Args:
        fits: where predictions are kept.
        models: what to fit on each part.
        parts: the folds.
        workers: processes; None: one a core.
        progress: called now and then with the number of fits that are done.

    Raises:
        UserError: a worker process died (out of memory, say); what is done is kept.
    """
    workers = workers or joblib.cpu_count()
    missing = [(part, [m for m in models if not fits.kept(m, part)]) for part in parts]
    every = len(models) * len(parts)
    report = progress or (lambda done: None)
    report(every - sum(len(wanted) for _, wanted in missing))
    if workers == 1:
        for part, wanted in missing:
            _fit(fits, part, wanted, lambda: report(_done(fits, models, parts)))
        return
    pieces = _pieces([(part, wanted) for part, wanted in missing if wanted], workers)
    if not pieces:
        return
    features = fits.folder / "features.npy"
    text = [name for name in fits.frame if holds_strings(name)]
    numbers = fits.frame.drop(columns=text)
    np.save(features, numbers.to_numpy(dtype=np.float32))
    facts = {
        "features": features,
        "index": fits.frame.index,
        "columns": numbers.columns,
        "text": fits.frame[text],
        "folder": fits.folder,
        "covers": fits.covers.reset_index(),
        "parameters": fits.parameters,
        "seed": fits.seed,
        "pictures": fits.pictures,
        "prior": fits.prior,
        "plugins": loaded_plugins(),
    }
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    context = multiprocessing.get_context("spawn")  # a forked copy of running BLAS threads may hang
    counter = context.Value("i", 0)
    with ProcessPoolExecutor(min(workers, len(pieces)), context, _start, (facts, cores, counter)) as pool:
        with nullcontext() if registered_in_script() else _main_unseen():
            waiting = {pool.submit(_fit_piece, part, wanted) for part, wanted in pieces}
        try:
            while waiting:
                finished, waiting = wait(waiting, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
                for future in finished:
                    future.result()
                report(_done(fits, models, parts))
        except BrokenExecutor as error:
            raise UserError(
                f"A worker process stopped (out of memory?): {error} Start again to go on where it was."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    features.unlink()


@contextmanager
def _main_unseen() -> Iterator[None]:
    """Processes that start here do not run the caller's script again, which need not guard its main part."""
    main = sys.modules["__main__"]
    with _main_lock:
        file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
        main.__dict__.pop("__file__", None)
        main.__spec__ = None
        try:
            yield
        finally:
            main.__spec__ = spec
            if file is not None:
                main.__file__ = file


def _done(fits: CachedFits, models: Sequence[Model], parts: Sequence[Part]) -> int:
    return sum(fits.kept(model, part) for part in parts for model in models)


def _pieces(missing: list[tuple[Part, list[Model]]], workers: int) -> list[tuple[Part, list[Model]]]:
    """One piece a fold, or several where there are more workers than folds."""
    cuts = ceil(workers / max(len(missing), 1))
    return [(part, wanted[cut::cuts]) for part, wanted in missing for cut in range(cuts) if wanted[cut::cuts]]


def _start(facts: Mapping[str, Any], cores: list[int], counter: Any) -> None:
    """Makes this worker's view of the fits and gives it a core of its own."""
    global _fits
    with counter.get_lock():
        number = counter.value
        counter.value += 1
    if cores:
        os.sched_setaffinity(0, {cores[number % len(cores)]})
    threadpool_limits(1)
    _one_torch_thread()
    use_plugins(facts["plugins"])
    values = np.load(facts["features"], mmap_mode="r")
    frame = pd.DataFrame(values, facts["index"], facts["columns"], copy=False).join(facts["text"])
    _fits = CachedFits(
        Path(facts["folder"]),
        frame,
        facts["covers"],
        facts["parameters"],
        facts["seed"],
        keep_models=False,
        pictures=facts["pictures"],
        prior=facts["prior"],
    )


def _one_torch_thread() -> None:
    """Whether torch is loaded already, or by a classifier that needs it: for most it would load in vain."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _fit_piece(part: Part, models: list[Model]) -> None:
    assert _fits is not None  # made by _start
    _fit(_fits, part, models, lambda: None)


def _fit(fits: CachedFits, part: Part, models: Sequence[Model], done: Callable[[], None]) -> None:
    with reused_transforms():
        for model in models:
            fits.predictions(model, part)
            done()
