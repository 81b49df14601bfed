"""What a model has learnt from and is not told of one cover: its back and metadata."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from coverfusion.experiments.scoring.known_backs import WITHOUT_BACKS
from coverfusion.experiments.scoring.known_metadata import KnownMetadata
from coverfusion.fusion.bundle import Bundle


def lacking(bundle: Bundle, known: Mapping[str, str], back: bool) -> list[str]:
    """Warnings of what is missing, as sentences; none where nothing is.

    Args:
        bundle: the model.
        known: column of the manifest -> its text; "" counts as missing.
        back: whether its back is there.
    """
    there = {column: [text] for column, text in known.items() if text}
    said = KnownMetadata(bundle, pd.DataFrame(there) if there else None).words()
    return said if back or not bundle.two_sided else [*said, WITHOUT_BACKS]
