"""Parquet that is in memory already."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq


def read_parquet_bytes(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """A table, or the named columns of it, read on this thread.

    With threads some reads from memory abort or hang a process that ends right behind them: Apache Arrow's
    issues 33975 and 50482.

    Raises:
        pyarrow.ArrowException, OSError: it is no parquet, or lacks a column.
    """
    named = None if columns is None else list(columns)
    return pq.read_table(pa.BufferReader(content), columns=named, use_threads=False)
