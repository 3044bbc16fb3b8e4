"""Reading the Parquet files of a catalogue: which columns must be there, and clear errors.

Only tables here; films are made from them next door.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_TEXT, _ID, _COUNT, _DECIMAL = pa.string(), pa.int64(), pa.int32(), pa.float64()


def _named(id_type: pa.DataType, *more: str) -> pa.StructType:
    return pa.struct([("id", id_type), ("name", _TEXT), *((name, _TEXT) for name in more)])


def _coded(code: str) -> pa.StructType:
    return pa.struct([(code, _TEXT), ("name", _TEXT)])


SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "movies": {
        "tmdb_id": _ID, "imdb_id": _TEXT, "title": _TEXT, "original_title": _TEXT,
        "original_language": _TEXT, "overview": _TEXT, "tagline": _TEXT, "homepage": _TEXT,
        "status": _TEXT, "release_date": _TEXT, "runtime": _COUNT, "budget": _ID,
        "revenue": _ID, "popularity": _DECIMAL, "vote_average": _DECIMAL, "vote_count": _COUNT,
        "poster_path": _TEXT, "backdrop_path": _TEXT, "genres": pa.list_(_named(_COUNT)),
        "production_companies": pa.list_(_named(_ID)),
        "production_countries": pa.list_(_coded("iso_3166_1")),
        "spoken_languages": pa.list_(_coded("iso_639_1")),
        "belongs_to_collection": _named(_ID, "poster_path", "backdrop_path"),
        "us_certification": _TEXT, "trailer_youtube_key": _TEXT,
    },
    "credits": {
        "tmdb_id": _ID, "kind": _TEXT, "person_id": _ID, "name": _TEXT, "job": _TEXT,
        "department": _TEXT, "character": _TEXT, "cast_order": _COUNT, "profile_path": _TEXT,
    },
    "keywords": {"tmdb_id": _ID, "keyword_id": _ID, "name": _TEXT},
    "ratings": {
        "imdb_id": _TEXT, "imdb_rating": _DECIMAL, "imdb_votes": _ID, "metascore": _COUNT,
        "rotten_tomatoes": _COUNT, "box_office": _ID, "awards": _TEXT, "rated": _TEXT,
        "year": _TEXT, "type": _TEXT, "title": _TEXT,
    },
}  # fmt: skip
# Columns without which a row means nothing.
_NEVER_NULL: dict[str, tuple[str, ...]] = {
    "movies": ("tmdb_id", "title"),
    "credits": ("tmdb_id", "kind", "name"),
    "keywords": ("tmdb_id", "name"),
    "ratings": ("imdb_id",),
}


class CatalogueError(ValueError):
    """A file of a Parquet catalogue cannot be used; the message names file and column."""


def read_table(folder: Path, name: str) -> pa.Table | None:
    """Return one table with exactly the columns of its schema, None when there is no file.

    Raises:
        CatalogueError: when the file is damaged, or a column is missing, of a wrong type, or
            empty where it must not be.
    """
    path = folder / f"{name}.parquet"
    if not path.is_file():
        return None
    schema = SCHEMAS[name]
    try:
        # Opened by hand: a folder's other files must not be read as one data set.
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file)
            present = set(parquet.schema_arrow.names)
            if missing := [column for column in schema if column not in present]:
                raise CatalogueError(f"{path}: missing column {', '.join(missing)}")
            table = parquet.read(columns=list(schema))
    except (pa.ArrowException, OSError) as error:
        raise CatalogueError(f"{path}: this is no readable Parquet file: {error}") from error
    columns = [_cast(path, table, column, kind) for column, kind in schema.items()]
    table = pa.table(columns, names=list(schema))
    for column in _NEVER_NULL[name]:
        if table.column(column).null_count:
            raise CatalogueError(f"{path}: column {column} holds empty values")
    if name == "movies" and len(table.column("tmdb_id").unique()) != len(table):
        raise CatalogueError(f"{path}: column tmdb_id holds the same film twice")
    return table


def _cast(path: Path, table: pa.Table, column: str, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return table.column(column).cast(kind)
    except (pa.ArrowException, ValueError) as error:
        found = table.column(column).type
        raise CatalogueError(f"{path}: column {column} is {found}, expected {kind}") from error


class GroupedTable:
    """A table with many rows per film, ordered so that a film's rows are one slice."""

    def __init__(self, table: pa.Table | None, starts: np.ndarray, stops: np.ndarray) -> None:
        self._table = table
        self._starts = starts
        self._stops = stops

    @classmethod
    def read(cls, folder: Path, name: str, film_ids: Any) -> GroupedTable:
        """Read a table and find the slice of every film of `film_ids` (an Arrow array)."""
        table = read_table(folder, name)
        if table is None:
            return cls(None, np.empty(0), np.empty(0))
        ids, wanted = table.column("tmdb_id").to_numpy(), film_ids.to_numpy()
        kept = np.flatnonzero(np.isin(ids, wanted))
        table = table.take(pa.array(kept[np.argsort(ids[kept], kind="stable")])).combine_chunks()
        ids = table.column("tmdb_id").to_numpy()
        return cls(
            table, np.searchsorted(ids, wanted, "left"), np.searchsorted(ids, wanted, "right")
        )

    def rows(self, row: int) -> list[dict[str, Any]]:
        """Return the rows of the film in place `row`."""
        if self._table is None:
            return []
        start, stop = int(self._starts[row]), int(self._stops[row])
        return self._table.slice(start, stop - start).to_pylist()
