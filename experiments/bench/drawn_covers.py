"""The covers that a bench measures on, and the one seed of all benches."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError

BENCH_SEED = 0


def draw_covers(collection: Path, count: int) -> pd.DataFrame:
    """Rows of a collection's frame, drawn by a fixed seed.

    Raises:
        UserError: the collection has fewer usable covers.
    """
    frame = read_collection(collection).frame
    if len(frame) < count:
        raise UserError(f"{collection} has {len(frame)} usable covers, not {count}; ask for fewer --covers.")
    return frame.sample(count, random_state=BENCH_SEED).reset_index(drop=True)
