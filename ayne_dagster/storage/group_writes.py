"""Derived tables written group by group: bounded memory, and still never half a partition.

Lives here: the writing and its figures. Not here: what the rows are, and what one write does
(`table_writes.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ayne_dagster.domain.tables import RELEASE_YEAR
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import WriteReport
from ayne_dagster.storage.warehouse import Warehouse


@dataclass
class GroupWriter:
    """Writes whole partitions of one table, several at a time, and counts what came of it.

    Each group is one transaction. A run that dies between two of them leaves every partition as it
    was or as it should be, and its rerun changes nothing in those that are done.

    Attributes:
        warehouse: Where.
        contract: The table.
        mirror: Where the mirror lies, if there is one.
        purpose: Who writes, for others who wait.
        rows: Rows written so far, by partition.
    """

    warehouse: Warehouse
    contract: TableContract
    mirror: ParquetMirror | None
    purpose: str
    rows: Counter[str] = field(default_factory=Counter)
    _reports: list[WriteReport] = field(default_factory=list)

    def write(self, years: Sequence[str], frame: pd.DataFrame) -> None:
        """Write the partitions of a group.

        Args:
            years: The partitions; what is stored of them goes where the frame does not name it.
            frame: All their rows.

        Raises:
            ContractViolation: The frame breaks its contract; nothing of the group was written.
            WarehouseBusy: The file was held for too long; nothing of the group was written.
        """
        report = write_batch(
            self.warehouse,
            self.contract,
            frame,
            years=years,
            mirror=self.mirror,
            purpose=self.purpose,
        )
        self._reports.append(report)
        self.rows.update(dict.fromkeys(years, 0))
        self.rows.update(str(year) for year in frame[RELEASE_YEAR])

    def figures(self) -> dict[str, Any]:
        """What the writes did in all, as the I/O manager says it of one write."""
        return {
            "dagster/table_name": f"{self.warehouse.schema}.{self.contract.name}",
            "dagster/storage_kind": "duckdb",
            "rows in frame": self.rows.total(),
            "rows inserted": sum(report.inserted for report in self._reports),
            "rows updated": sum(report.updated for report in self._reports),
            "rows unchanged": sum(report.unchanged for report in self._reports),
            "rows deleted": sum(report.deleted for report in self._reports),
            "rows moved to another year": sum(report.moved for report in self._reports),
        }
