"""What `features` reads: the asked films, the past they are judged by, and their outcomes.

Lives here: SQL of the features. Not here: what a feature is (`domain/features.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS
from ayne_dagster.domain.film_facts import PAST_SOURCE_COLUMNS
from ayne_dagster.domain.release_years import calendar_years
from ayne_dagster.domain.tables import FEATURES, FROZEN_FLAGS, OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, with_nullable_types
from ayne_dagster.storage.table_writes import stored_columns
from ayne_dagster.storage.warehouse import Warehouse

RATING_COLUMNS = ("tmdb_id", "imdb_rating", "imdb_votes", "metascore", "fetched_at")
AUDIENCE_COLUMNS = ("tmdb_id", "vote_count", "vote_average", "popularity")


@dataclass(frozen=True)
class FeatureQueries:
    """Questions to one warehouse.

    Attributes:
        warehouse: Where.
    """

    warehouse: Warehouse

    def details(self, years: Sequence[str]) -> pd.DataFrame:
        """The films of these years with `FEATURE_SOURCE_COLUMNS`; list columns are Arrow lists.

        Raises:
            UpstreamMissing: There are no details at all yet.
        """
        return self._films(
            FEATURE_SOURCE_COLUMNS, "release_year IN (SELECT unnest(?))", list(years)
        )

    def past_films(self, years: Sequence[str]) -> pd.DataFrame:
        """The films that can mean something for these years, with `PAST_SOURCE_COLUMNS`.

        Of the years up to the last one asked: those with a revenue, and those of a collection. Of
        a million films these are one in ten.

        Raises:
            UpstreamMissing: There are no details at all yet.
        """
        last = max(calendar_years(years), default=0)
        return self._films(
            PAST_SOURCE_COLUMNS,
            "try_cast(release_year AS INTEGER) <= ? "
            "AND (revenue_usd > 0 OR collection_id IS NOT NULL)",
            last,
        )

    def ratings(self, years: Sequence[str]) -> pd.DataFrame:
        """Every rating of the films of these years, with `RATING_COLUMNS`."""
        return self._beside(OMDB_RATINGS, RATING_COLUMNS, years)

    def audience(self, years: Sequence[str]) -> pd.DataFrame:
        """Votes and popularity at TMDB of the films of these years, with `AUDIENCE_COLUMNS`."""
        return self._beside(TMDB_DETAILS, AUDIENCE_COLUMNS, years)

    def flags(self, years: Sequence[str]) -> pd.DataFrame:
        """Whether the films of these years are frozen: `tmdb_id`, `is_frozen`."""
        return self._beside(FROZEN_FLAGS, ("tmdb_id", "is_frozen"), years)

    def labelled(
        self, until: str | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The `features` of films with an outcome that may be trained on, sorted by tmdb_id.

        Of a million films some ten thousand have one: only these come into memory.

        Args:
            until: Last release year; None: all.
            columns: Columns wanted, in that order; None: all of the contract.

        Returns:
            Rows typed as `load_frame` types them.

        Raises:
            UpstreamMissing: There are no features yet.
        """
        chosen = FEATURES.select(columns) if columns else list(FEATURES.columns)
        qualified = self.warehouse.qualified(FEATURES.name)
        missing = UpstreamMissing(
            f"{FEATURES.name} has never been materialized in {self.warehouse.path}; "
            "materialize it first"
        )
        if not self.warehouse.exists:
            raise missing
        with self.warehouse.reading() as connection:
            stored = stored_columns(connection, qualified)
            if not stored:
                raise missing
            # A column the contract has gained stands in the table after its next write.
            names = ", ".join(
                f'"{c.name}"' if c.name in stored else f'NULL::{c.type.value} AS "{c.name}"'
                for c in chosen
            )
            found = connection.execute(
                f"SELECT {names} FROM {qualified} WHERE is_labelled AND NOT is_unit_suspect "
                "AND release_year <= coalesce(?, release_year) ORDER BY tmdb_id",
                [until],
            ).df()
        return with_nullable_types(found, chosen)

    def years_of_other_code(self, version: int) -> list[str]:
        """The release years with features that another version of the code made, ascending."""
        qualified = self.warehouse.qualified(FEATURES.name)
        if not self.warehouse.exists:
            return []
        with self.warehouse.reading() as connection:
            stored = stored_columns(connection, qualified)
            if not stored:
                return []
            # A column the contract has gained stands in the table after its next write.
            name = "features_code_version"
            made_by = name if name in stored else "NULL"
            found = connection.execute(
                f"SELECT DISTINCT release_year FROM {qualified} "
                f"WHERE {made_by} IS DISTINCT FROM ? ORDER BY release_year",
                [version],
            ).fetchall()
        return [year for (year,) in found]

    def _films(
        self, columns: Sequence[str], condition: str, parameter: list[str] | int
    ) -> pd.DataFrame:
        qualified = self.warehouse.qualified(TMDB_DETAILS.name)
        missing = UpstreamMissing(
            f"{TMDB_DETAILS.name} has never been materialized in {self.warehouse.path}; "
            "materialize it first"
        )
        if not self.warehouse.exists:
            raise missing
        with self.warehouse.reading() as connection:
            if not stored_columns(connection, qualified):
                raise missing
            found = connection.sql(
                f"SELECT {', '.join(columns)} FROM {qualified} WHERE {condition}",
                params=[parameter],
            ).to_arrow_table()
        return found.to_pandas(types_mapper=_keep_lists, date_as_object=False)

    def _beside(
        self, contract: TableContract, columns: Sequence[str], years: Sequence[str]
    ) -> pd.DataFrame:
        """Rows of another table for the films of these years, whatever year that table says."""
        other, details = (
            self.warehouse.qualified(name) for name in (contract.name, TMDB_DETAILS.name)
        )
        with self.warehouse.reading() as connection:
            if not stored_columns(connection, other):
                return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
            return connection.execute(
                f"SELECT {', '.join(columns)} FROM {other} WHERE tmdb_id IN (SELECT tmdb_id FROM "
                f"{details} WHERE release_year IN (SELECT unnest(?)))",
                [list(years)],
            ).df()


def _keep_lists(arrow_type: pa.DataType) -> pd.ArrowDtype | None:
    """Lists stay as they are: as Python objects those of 100,000 films fill 100 MB."""
    return pd.ArrowDtype(arrow_type) if pa.types.is_list(arrow_type) else None
