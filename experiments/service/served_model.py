"""What the paths of a service share: the model, the thread that owns it, and those that decode."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pandas as pd
import PIL.Image

from coverfusion.data.decoder_process import DECODER
from coverfusion.experiments.scoring.lacking import lacking
from coverfusion.experiments.scoring.score import score_chunk
from coverfusion.experiments.service.batches import Batches
from coverfusion.experiments.service.limits import Limits
from coverfusion.experiments.service.metrics import Metrics
from coverfusion.experiments.service.schemas import ScoredPicture, scored_picture
from coverfusion.experiments.service.uploads import Picture
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import table_of
from coverfusion.fusion.bundle import Bundle
from coverfusion.fusion.uncertainty.decision import Targets

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
STOP_SECONDS = 5  # of the service's grace, for threads whose work nobody waits for any more
_log = logging.getLogger("uvicorn.error")


@dataclass
class Service:
    """What the paths of one application share."""

    bundle: Bundle
    extractors: Sequence[Extractor]
    limits: Limits
    metrics: Metrics
    targets: Targets
    batches: Batches[Picture] = field(init=False)
    threads: ThreadPoolExecutor = field(init=False)  # they decode
    slow: ThreadPoolExecutor = field(init=False)  # one that decodes what may take long
    decoders: list[threading.Thread] = field(init=False, default_factory=list)  # the threads themselves
    starting: str = "The model is being loaded."  # why it is not ready; empty once it is

    def __post_init__(self) -> None:
        self.batches = Batches(self.score, self.limits.waiting, self.metrics.batch)

    def start(self) -> None:
        """Starts the threads; the model's begins with loading the weights."""
        self.threads, self.slow = (
            ThreadPoolExecutor(
                count, name, initializer=lambda: self.decoders.append(threading.current_thread())
            )
            for name, count in (("decode", CORES), ("decode-slow", 1))
        )
        self.slow.submit(DECODER.start)  # the first picture would wait for it, and says why if it fails
        self.batches.start(self.warm_up)

    def stop(self) -> None:
        """Ends the threads; those that work on do so for STOP_SECONDS at most.

        Requests have been answered or given up by then: nobody waits for what is still being worked on.
        """
        end = time.monotonic() + STOP_SECONDS
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.slow.shutdown(wait=False, cancel_futures=True)
        self.batches.stop(STOP_SECONDS)
        for thread in self.decoders:
            thread.join(max(0.0, end - time.monotonic()))
        if self.is_decoding():
            _log.warning("A picture took too long to decode; it is given up.")

    def is_decoding(self) -> bool:
        """Whether a thread decodes that cannot be ended."""
        return any(thread.is_alive() for thread in self.decoders)

    def score(self, pictures: Sequence[Picture]) -> list[ScoredPicture]:
        """All genres of decoded pictures; to be called on the model's thread."""
        chunk = [(picture.cover_id, picture.name, picture.image) for picture in pictures]
        backs = [("", "", picture.back) for picture in pictures] if self.bundle.two_sided else None
        known = pd.DataFrame([dict(picture.known) for picture in pictures], dtype=object).fillna("")
        rows = score_chunk(
            self.bundle, self.extractors, chunk, len(self.bundle.classes), self.targets, known, backs
        )
        scored = [scored_picture(row, self.bundle) for row in rows.to_dict("records")]
        return [
            row.model_copy(update={"warning": self._warning(picture)})
            for row, picture in zip(scored, pictures, strict=True)
        ]

    def _warning(self, picture: Picture) -> str | None:
        front, back = (isinstance(side, PIL.Image.Image) for side in (picture.image, picture.back))
        return " ".join(lacking(self.bundle, picture.known, back, front)) or None

    def warm_up(self) -> None:
        """Loads the weights, with as many threads for torch as there are cores."""
        import torch

        torch.set_num_threads(CORES)
        try:
            image = PIL.Image.effect_noise((300, 300), 64).convert("RGB")
            self.bundle.predict_proba(table_of([image], self.extractors)[0])
            self.starting = ""
        except Exception as error:  # noqa: BLE001 - whatever fails, /v1/health says so and the process lives
            self.starting = f"The model cannot be loaded: {type(error).__name__}."
            _log.exception("The model cannot be loaded")
