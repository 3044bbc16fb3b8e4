"""What the assets of whole files share: writing in chunks, and the figures of it.

Lives here: the order of the steps. Not here: fetching and reading (`sources`), the write itself
(`storage/chunked_writes.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from ayne_dagster.domain.tables import BULK_READS
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.settings import Settings
from ayne_dagster.sources.bulk_lines import Tally
from ayne_dagster.storage.bulk_queries import BulkQueries
from ayne_dagster.storage.chunked_writes import AtTheEnd, write_chunks
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import WriteReport


@dataclass(frozen=True)
class BulkReport:
    """What a run did with a whole file.

    Attributes:
        reason: What was done, or why nothing was, in words.
        written: What happened to the table.
        tally: Lines of the file.
        requests: Requests sent, retries included.
        warnings: Files that were passed over, and why.
    """

    reason: str
    written: WriteReport
    tally: Tally
    requests: int = 0
    warnings: Sequence[str] = ()

    def metadata(self, stored: int) -> dict[str, Any]:
        """The report as figures for the UI.

        Args:
            stored: Rows of the table now.
        """
        return {
            "requests": self.requests,
            "reason": self.reason,
            "passed over": "; ".join(self.warnings) or "-",
            "dagster/row_count": stored,
            "rows in file": self.tally.rows,
            "bad lines": self.tally.bad_lines,
            "rows inserted": self.written.inserted,
            "rows updated": self.written.updated,
            "rows unchanged": self.written.unchanged,
        }


def write_bulk_table(
    bulk: BulkQueries,
    settings: Settings,
    contract: TableContract,
    frames: Iterable[pd.DataFrame],
    *,
    reason: str,
    tally: Tally | None = None,
    at_the_end: AtTheEnd | None = None,
    advance: Callable[[int], None] = lambda _: None,
    requests: int = 0,
    warnings: Sequence[str] = (),
) -> BulkReport:
    """Write the rows of a whole file; without any, only make sure that the table is there.

    Args:
        bulk: The warehouse.
        settings: Where the mirror lies.
        contract: The table.
        frames: Its rows in chunks.
        reason: For the report.
        tally: Counts the file's lines while they are read.
        at_the_end: Rows of other tables for the last transaction.
        advance: Told the rows of each chunk.
        requests: For the report.
        warnings: For the report.
    """
    options = settings.database
    mirror = ParquetMirror(settings.resolve(options.mirror_folder)) if options.is_mirrored else None
    written = WriteReport(0, 0, 0, 0, 0, ())
    if at_the_end is not None or contract.name not in bulk.warehouse.table_names():
        written = write_chunks(
            bulk.warehouse,
            contract,
            _told(frames, advance),
            at_the_end=at_the_end,
            mirror=mirror,
            purpose=f"{contract.name}, a whole file",
        )
    return BulkReport(reason, written, tally or Tally(), requests, warnings)


def bulk_read_row(
    file: str, file_date: date, tally: Tally, at: datetime
) -> Mapping[TableContract, pd.DataFrame]:
    """The row of `bulk_reads` that says a file was read whole."""
    row = (file, file_date, tally.rows, tally.bad_lines, at)
    return {BULK_READS: pd.DataFrame([row], columns=BULK_READS.column_names, dtype=object)}


def _told(frames: Iterable[pd.DataFrame], advance: Callable[[int], None]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        advance(len(frame))
        yield frame
