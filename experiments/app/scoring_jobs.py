"""Covers being scored in the background, and results that wait for their visitor."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from coverfusion.experiments.app.loaded_model import LoadedModel
from coverfusion.experiments.app.scored_covers import ScoredCovers, score_uploads
from coverfusion.fusion.uncertainty.decision import Targets

MAX_KEPT = 12  # results that the server remembers
MAX_KEPT_BYTES = 2**30  # of their pictures together
Uploads = Sequence[tuple[str, bytes | memoryview]]
_JOBS: OrderedDict[str, ScoringJob] = OrderedDict()  # the newest last
_LOCK = threading.Lock()


@dataclass
class ScoringJob:
    """Uploads that one model scores.

    Attributes:
        model: shared with other visitors.
        targets: when to abstain, and what the sets of genres guarantee.
        drawn: whether the uploads are the program's own drawings.
        scored: the covers done so far; None before the first.
        total: pictures to score; 0 before it is known.
        error: why it stopped; None where nothing went wrong.
        done: whether it has ended.
    """

    model: LoadedModel
    targets: Targets
    drawn: bool = False
    scored: ScoredCovers | None = None
    total: int = 0
    error: Exception | None = None
    done: bool = False
    began: float = field(default_factory=time.monotonic)
    first: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, uploads: Uploads) -> None:
        """Scores to the end, or until `stop`."""
        try:
            for scored in score_uploads(self.model, uploads, self.targets, self._note_total):
                self.scored, self.last_at = scored, time.monotonic()
                if not self.first:
                    self.first, self.first_at = self.count, self.last_at
                if self._stop.is_set():
                    break
        except Exception as error:  # noqa: BLE001 - it is shown to the visitor, and the server goes on
            self.error = error
        self.done = True

    def _note_total(self, total: int) -> None:
        self.total = total

    def stop(self) -> None:
        """Ends it after the pictures at hand; what was scored stays."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    @property
    def count(self) -> int:
        """Pictures done."""
        return 0 if self.scored is None else len(self.scored.frame)

    @property
    def words(self) -> str:
        """How far it is: "24 of 200, about 70 s left"."""
        if not self.count:
            of_these = f" of {self.total}" if self.total else ""
            waited = f"{time.monotonic() - self.began:.0f} s so far"
            return "Stopping \u2026" if self.stopping else f"Reading the first{of_these} ({waited})"
        of_total = f"{self.count} of {self.total}"
        if self.stopping:
            return f"Stopping \u2026 {of_total} so far"
        if self.count == self.first or not self.total:  # the first pictures wait for the networks to be read
            return of_total
        done, since = self.count - self.first, self.last_at - self.first_at
        left = since / done * (self.total - self.count) - (time.monotonic() - self.last_at)
        return f"{of_total}, about {max(left, 1):.0f} s left"


def key_of(model: LoadedModel, uploads: Uploads, targets: Targets) -> str:
    """A name that only those know who have these files: a digest of all that is scored, and how."""
    digest = hashlib.sha256(f"{model.bundle.digest}{json.dumps(asdict(targets))}".encode())
    for name, content in uploads:
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:32]


def start_scoring(model: LoadedModel, uploads: Uploads, targets: Targets, drawn: bool = False) -> str:
    """Scores uploads in a thread, unless that was done or is being done; returns their key.

    Args:
        model: shared with other visitors.
        uploads: file names and contents, at least one.
        targets: when to abstain, and what the sets of genres guarantee.
        drawn: whether they are the program's own drawings.
    """
    key = key_of(model, uploads, targets)
    with _LOCK:
        known = _JOBS.get(key)
        if known is None or (known.done and (known.error or known.count < known.total)):
            job = _JOBS[key] = ScoringJob(model, targets, drawn)
            threading.Thread(target=job.run, args=(uploads,), daemon=True).start()
        _JOBS.move_to_end(key)
        _forget()
    return key


def job_of(key: str | None) -> ScoringJob | None:
    """What was started under a key; None where it is forgotten."""
    return _JOBS.get(key or "")


def _forget() -> None:
    """Forgets the oldest results that have ended, while there are too many."""
    for key in [key for key, job in _JOBS.items() if job.done][:-1]:
        size = sum(len(one or b"") for job in _JOBS.values() if job.scored for one in job.scored.pictures)
        if len(_JOBS) <= MAX_KEPT and size <= MAX_KEPT_BYTES:
            return
        del _JOBS[key]
