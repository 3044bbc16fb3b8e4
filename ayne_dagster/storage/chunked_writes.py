"""A table written in chunks: for rows too many to be held at once.

Lives here: one transaction per chunk, totals, one mirror at the end. Each chunk is whole or absent;
a killed write leaves the chunks before it, and the next one merges all of them again. So this is
for merged tables, where a row written twice is the same row. Not here: what a write does to rows
(`table_writes.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pandas as pd

from ayne_dagster.domain.frame_check import empty_frame
from ayne_dagster.domain.tables.contract import TableContract, WriteMode
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import WriteReport
from ayne_dagster.storage.warehouse import Warehouse

AtTheEnd = Callable[[], Mapping[TableContract, pd.DataFrame]]


def write_chunks(
    warehouse: Warehouse,
    contract: TableContract,
    chunks: Iterable[pd.DataFrame],
    *,
    at_the_end: AtTheEnd | None = None,
    mirror: ParquetMirror | None = None,
    purpose: str,
) -> WriteReport:
    """Check and merge rows chunk by chunk, then mirror the table once.

    Args:
        warehouse: Where.
        contract: An unpartitioned table that is merged.
        chunks: Its rows; a key may come again in a later chunk. None at all: the table is made.
        at_the_end: Rows of other tables for the transaction of the last chunk: they say that all
            chunks are there. Called when the last chunk was taken.
        mirror: Where the mirror lies, if there is one.
        purpose: Who writes, for others who wait.

    Returns:
        What happened to the table, over all chunks.

    Raises:
        ContractViolation: A chunk breaks the contract; the chunks before it are written.
        ValueError: The table is partitioned or not merged.
    """
    if contract.write_mode is not WriteMode.MERGE or contract.year_column is not None:
        raise ValueError(f"{contract.name} cannot be written in chunks")
    total = WriteReport(0, 0, 0, 0, 0, ())

    def write(frame: pd.DataFrame, *, is_last: bool) -> None:
        nonlocal total
        report = write_batch(
            warehouse,
            contract,
            frame,
            years=None,
            also=at_the_end() if is_last and at_the_end else None,
            mirror=mirror if is_last else None,
            purpose=purpose,
        )
        total = replace(
            total,
            inserted=total.inserted + report.inserted,
            updated=total.updated + report.updated,
            unchanged=total.unchanged + report.unchanged,
        )
        if mirror is not None and report.is_changed and not is_last:
            # Noted now and made once: the file of a million rows is not rewritten per chunk.
            mirror.owe(contract, ())

    waiting: pd.DataFrame | None = None
    for chunk in chunks:
        if waiting is not None:
            write(waiting, is_last=False)
        waiting = chunk
    write(empty_frame(contract) if waiting is None else waiting, is_last=True)
    return total
