"""Parquet in memory: a table's bytes, and a table of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    """A table as a parquet file holds it; options as of `pyarrow.parquet.write_table`."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_parquet_bytes(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """A table, or the named columns of it, read on this thread.

    With threads some reads from memory abort or hang a process that ends right behind them: Apache Arrow's
    issues 33975 and 50482.

    Raises:
        pyarrow.ArrowException, OSError: it is no parquet, or lacks a column.
    """
    named = None if columns is None else list(columns)
    return pq.read_table(pa.BufferReader(content), columns=named, use_threads=False)
