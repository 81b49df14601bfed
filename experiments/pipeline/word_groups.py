"""Groups by rare words: a name that is read on two covers must not carry the genre across folds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\w{4,}")
MOST_COVERS = 5  # a word that stands on more is no artist's name alone
LARGEST_GROUP = 0.05  # proportion of all covers; words link covers in chains, which would end in one group


def group_by_words(groups: Sequence[int] | np.ndarray, texts: Sequence[str | None]) -> np.ndarray:
    """Joins groups whose covers share a rare word: four letters or more, on 2 to 5 covers.

    The rarest words go first. A word that would make a group of more than a twentieth of the covers does not
    join them.

    Args:
        groups: (n,) that are never separated anyway.
        texts: (n,) what was read; None where that is not known.

    Returns:
        (n,) int64 group numbers.
    """
    group = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    covers: dict[str, set[int]] = defaultdict(set)
    for cover, text in enumerate(texts):
        for word in WORD.findall((text or "").casefold()):
            covers[word].add(cover)
    largest = max(2, int(LARGEST_GROUP * len(group)))
    rare = [(len(own), word) for word, own in covers.items() if 2 <= len(own) <= MOST_COVERS]
    members = {number: np.flatnonzero(group == number).tolist() for number in range(group.max() + 1)}
    for _, word in sorted(rare):
        linked = sorted({int(group[cover]) for cover in covers[word]})
        together = [cover for number in linked for cover in members[number]]
        if len(linked) > 1 and len(together) <= largest:
            group[together] = linked[0]
            members[linked[0]] = together
    return group
