"""The final sets on disk: written whole or not at all, read from `features`.

Lives here: counting what there is, writing Parquet and the card by atomic rename. Not
here: which films and columns go where (`domain/final_sets.py`).
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ayne_dagster.domain.final_sets import FeatureCounts, TemporalSplit
from ayne_dagster.domain.frame_check import ARROW_TYPES
from ayne_dagster.domain.tables import FEATURES, FINAL_SETS
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, with_nullable_types
from ayne_dagster.storage.table_exports import export_table
from ayne_dagster.storage.warehouse import Warehouse

CARD = "DATA_CARD.md"
ALL_FEATURES = "features_v1"


@dataclass(frozen=True)
class StagedFeatures:
    """All features of one moment, in a file that is not in its place yet.

    Attributes:
        path: The file.
        labelled: Its films with an outcome that may be trained on, sorted by tmdb_id.
        counts: How many films it holds.
        first_year: First release year; None: there is no film.
        last_year: Last release year.
    """

    path: Path
    labelled: pd.DataFrame
    counts: FeatureCounts
    first_year: str | None
    last_year: str | None


@dataclass(frozen=True)
class FinalSetFiles:
    """The folder of the final sets.

    Attributes:
        warehouse: Where `features` is.
        folder: Where the files go; made when missing.
    """

    warehouse: Warehouse
    folder: Path

    @contextmanager
    def staged(self) -> Iterator[StagedFeatures]:
        """`features` as they stand at one moment: everything else is taken from this file.

        Read again for each set, a run that writes meanwhile would give sets, counts and card of
        different films. The file goes away with the block, unless `write` put it in place.

        Raises:
            UpstreamMissing: There are no features yet.
        """
        if not self.warehouse.exists:
            raise UpstreamMissing(
                f"{FEATURES.name} has never been materialized in {self.warehouse.path}; "
                "materialize it first"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f".{ALL_FEATURES}.{os.getpid()}.staged.parquet"
        try:
            export_table(self.warehouse, FEATURES, path)
            yield _read_staged(path)
        finally:
            path.unlink(missing_ok=True)

    def write(self, staged: StagedFeatures, split: TemporalSplit, now: datetime) -> pd.DataFrame:
        """Write all five files; each appears whole or not at all.

        Args:
            staged: What the sets were made of.
            split: The four sets.
            now: When, UTC.

        Returns:
            Rows of the FINAL_SETS contract.
        """
        whole = self.folder / f"{ALL_FEATURES}.parquet"
        staged.path.replace(whole)
        ends = (staged.first_year, staged.last_year)
        rows = [self._row(whole, staged.counts.films, len(FEATURES.columns), *ends, now)]
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
            "sha256": _sha256(path),
            "written_at": now,
        }


def _read_staged(path: Path) -> StagedFeatures:
    """What is in a file of all features; of the films only those with an outcome are loaded."""
    with duckdb.connect(":memory:") as connection:
        films, with_outcome, mistakes, first, last = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE is_labelled AND NOT is_unit_suspect), "
            "count(*) FILTER (WHERE is_unit_suspect), min(release_year), max(release_year) "
            "FROM read_parquet(?)",
            [str(path)],
        ).fetchall()[0]
        labelled = connection.execute(
            "SELECT * FROM read_parquet(?) WHERE is_labelled AND NOT is_unit_suspect "
            "ORDER BY tmdb_id",
            [str(path)],
        ).df()
    return StagedFeatures(
        path=path,
        labelled=with_nullable_types(labelled, FEATURES.columns),
        counts=FeatureCounts(films, with_outcome, mistakes),
        first_year=first,
        last_year=last,
    )


def _sha256(path: Path) -> str:
    """Hash of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
