"""The final sets on disk: written whole or not at all, read from `features`.

Lives here: counting what there is, writing Parquet and the card by atomic rename. Not
here: which films and columns go where (`domain/final_sets.py`).
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ayne_dagster.domain.final_sets import FeatureCounts, TemporalSplit
from ayne_dagster.domain.frame_check import ARROW_TYPES
from ayne_dagster.domain.tables import FEATURES, FINAL_SETS
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing
from ayne_dagster.storage.table_exports import export_table
from ayne_dagster.storage.table_writes import stored_columns
from ayne_dagster.storage.warehouse import Warehouse

CARD = "DATA_CARD.md"
ALL_FEATURES = "features_v1"


@dataclass(frozen=True)
class FinalSetFiles:
    """The folder of the final sets.

    Attributes:
        warehouse: Where `features` is.
        folder: Where the files go; made when missing.
    """

    warehouse: Warehouse
    folder: Path

    def counts(self) -> tuple[FeatureCounts, str | None, str | None]:
        """Films in `features`, and their first and last release year.

        Raises:
            UpstreamMissing: There are no features yet.
        """
        row = self._ask(
            "SELECT count(*) AS films, "
            "count(*) FILTER (WHERE is_labelled AND NOT is_unit_suspect) AS labelled, "
            "count(*) FILTER (WHERE is_unit_suspect) AS mistakes, "
            "min(release_year) AS first, max(release_year) AS last FROM {features}"
        ).iloc[0]
        counts = FeatureCounts(int(row["films"]), int(row["labelled"]), int(row["mistakes"]))
        first, last = (row["first"], row["last"]) if counts.films else (None, None)
        return counts, first, last

    def write(self, split: TemporalSplit, now: datetime) -> pd.DataFrame:
        """Write all five files; each appears whole or not at all.

        Args:
            split: The four sets.
            now: When, UTC.

        Returns:
            Rows of the FINAL_SETS contract.

        Raises:
            UpstreamMissing: There are no features yet.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        counts, first, last = self.counts()
        whole = self.folder / f"{ALL_FEATURES}.parquet"
        export_table(self.warehouse, FEATURES, whole)
        rows = [self._row(whole, counts.films, len(FEATURES.columns), first, last, now)]
        for name, frame in split.sets.items():
            years = split.release_years[name]
            ends = (years.min(), years.max()) if len(years) else (None, None)
            path = self.folder / f"{name}.parquet"
            _replace(path, lambda partial, frame=frame: pq.write_table(_arrow(frame), partial))
            rows.append(self._row(path, len(frame), len(frame.columns), *ends, now))
        return pd.DataFrame(rows, columns=FINAL_SETS.column_names)

    def write_card(self, card: str) -> Path:
        """Write the data card beside the files."""
        path = self.folder / CARD
        _replace(path, lambda partial: partial.write_text(card, encoding="utf-8"))
        return path

    def _row(
        self, path: Path, rows: int, columns: int, first: str | None, last: str | None,
        now: datetime,
    ) -> dict[str, Any]:  # fmt: skip
        return {
            "set_name": path.stem,
            "rows": rows,
            "columns": columns,
            "first_release_year": first,
            "last_release_year": last,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "written_at": now,
        }

    def _ask(self, sql: str) -> pd.DataFrame:
        qualified = self.warehouse.qualified(FEATURES.name)
        missing = UpstreamMissing(
            f"{FEATURES.name} has never been materialized in {self.warehouse.path}; "
            "materialize it first"
        )
        if not self.warehouse.exists:
            raise missing
        with self.warehouse.reading() as connection:
            if not stored_columns(connection, qualified):
                raise missing
            return connection.execute(sql.format(features=qualified)).df()


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """A frame with the types of the contract, so that an empty set has them too."""
    fields = [
        pa.field(name, ARROW_TYPES[FEATURES.column(name).type])
        if name in FEATURES.column_names
        else pa.field(name, pa.float64())
        for name in frame.columns
    ]
    return pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
