"""What a model has learnt from and is not told of one cover: its back and metadata."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from coverfusion.experiments.scoring.known_backs import WITHOUT_BACK, WITHOUT_FRONT
from coverfusion.experiments.scoring.known_metadata import KnownMetadata
from coverfusion.fusion.bundle import Bundle


def lacking(bundle: Bundle, known: Mapping[str, str], back: bool, front: bool = True) -> list[str]:
    """Warnings of what is missing, as sentences; none where nothing is.

    Args:
        bundle: the model.
        known: column of the manifest -> its text; "" counts as missing.
        back: whether its back is there and can be read.
        front: the same of its front. One of the two is there.
    """
    there = {column: [text] for column, text in known.items() if text}
    said = KnownMetadata(bundle, pd.DataFrame(there) if there else None).words()
    sides = [] if back else [WITHOUT_BACK]
    if not front:
        sides = [WITHOUT_FRONT]
    return [*said, *sides] if bundle.two_sided else said
