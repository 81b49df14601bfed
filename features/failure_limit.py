"""Where most covers fail, something else than a cover is at fault: the run ends and says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from coverfusion.data.errors import UserError

MAX_FAILED = 0.2  # share of covers
ENOUGH_COVERS = 256  # before that many are done, only the end tells
FEW_COVERS = 10  # of fewer than that as many may fail as of these
MOST_REASONS = 3  # that are named
MAX_REASONS = 1000  # that are told apart


class FailureLimit:
    """Counts covers and failures of each block, or of whatever else is tried with a cover.

    Args:
        most: the share of covers that may fail.
        done: block -> covers that were done before, by another run.
    """

    def __init__(self, most: float, done: Mapping[str, int] | None = None) -> None:
        self.most = most
        self._done = Counter(done or {})
        self._failed: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {}

    def add(self, block: str, covers: int, reasons: Iterable[str]) -> None:
        """Counts covers that were tried, and why some of them failed.

        Args:
            block: what was tried.
            covers: how many were tried.
            reasons: one for each that failed.

        Raises:
            UserError: by now so many covers have failed that it is told.
        """
        known = self._reasons.setdefault(block, Counter())
        for reason in reasons:
            self._failed[block] += 1
            if reason in known or len(known) < MAX_REASONS:
                known[reason] += 1
        self._done[block] += covers
        if self._done[block] >= ENOUGH_COVERS:
            self._check(block)

    def check(self) -> None:
        """Raises UserError where a block has failed on more covers than may fail; for the end of a run."""
        for block in self._reasons:
            self._check(block)

    def _check(self, block: str) -> None:
        failed, done = self._failed[block], self._done[block]
        if failed <= self.most * max(done, FEW_COVERS):
            return
        most = self._reasons[block].most_common(MOST_REASONS)
        summary = "; ".join(f"{reason} ({covers:,})" for reason, covers in most)
        raise UserError(
            f"{block} failed on {failed:,} of {done:,} covers, more than {self.most:.0%}: {summary}. "
            f"What was done is kept. Mend the cause, do without it, or let more fail (--max-failed, or "
            f"`max_failed` in a config)."
        )
