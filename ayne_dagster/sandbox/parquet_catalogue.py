"""A catalogue read from a folder of Parquet files: movies, credits, keywords, ratings.

What is missing in a file becomes what the service would send (0, "", null, an empty list). The
tables stay as they are in memory; a film's record is made from its row on request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection as Container
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ayne_dagster.sandbox.catalogue import Catalogue, FilmColumns, Ints, genre_bits
from ayne_dagster.sandbox.film_records import (
    Collection,
    Company,
    Credit,
    Credits,
    Film,
    Keyword,
    Rating,
)
from ayne_dagster.sandbox.growth import revenue_share, vote_share
from ayne_dagster.sandbox.parquet_tables import CatalogueError, GroupedTable, read_table
from ayne_dagster.sandbox.reference_data import GENRES

_EPOCH = date(1970, 1, 1).toordinal()
# Ids made from names lie above every id the services hand out.
_MADE_ID_BASE = 1_000_000_000
# TMDB's own code for a film without (known) language.
_NO_LANGUAGE = "xx"
_GENRE_ID_BY_NAME = {name: genre_id for genre_id, name in GENRES.items()}


def load_parquet_catalogue(
    folder: Path | str,
    *,
    as_of: date,
    seed: int = 42,
    years: Container[int] | None = None,
) -> Catalogue:
    """Load a catalogue from Parquet files.

    Args:
        folder: holds movies.parquet and, if there, credits, keywords and ratings.parquet.
        as_of: the day the numbers belong to.
        seed: makes later changes reproducible.
        years: release years to keep (films without a date then stay out); None keeps all.

    Raises:
        CatalogueError: naming the file, and the column, that is missing or damaged.
    """
    folder = Path(folder)
    movies = read_table(folder, "movies")
    if movies is None:
        raise CatalogueError(f"{folder / 'movies.parquet'}: there is no such file")
    release_day = _release_days(movies, folder / "movies.parquet")
    order = np.lexsort((movies.column("tmdb_id").to_numpy(), release_day))
    if years is not None:
        wanted = np.array(sorted(years), dtype=np.int64)
        first_days = np.array([date(year, 1, 1).toordinal() for year in wanted.tolist()])
        place = np.searchsorted(first_days, release_day[order], side="right") - 1
        last_days = np.array([date(year, 12, 31).toordinal() for year in wanted.tolist()])
        order = order[(place >= 0) & (release_day[order] <= last_days[np.maximum(place, 0)])]
        if not len(order):
            raise CatalogueError(f"{folder / 'movies.parquet'}: no film in the years {wanted}")
    movies = movies.take(pa.array(order)).combine_chunks()
    release_day = release_day[order]
    records = ParquetRecords(folder, movies, release_day, as_of.toordinal())
    columns = _columns(movies, release_day, records, as_of.toordinal())
    return Catalogue(columns, records, as_of=as_of, seed=seed)


class ParquetRecords:
    """Builds the records of films that lie in Arrow tables (the catalogue's film source)."""

    def __init__(self, folder: Path, movies: pa.Table, release_day: Ints, as_of: int) -> None:
        # Python lists: reading one value of an Arrow column costs more than holding them all.
        self._movies: dict[str, list[Any]] = movies.to_pydict()
        self._release_day = release_day
        self._as_of = as_of
        ids = _flat(movies, "tmdb_id")
        self._credits = GroupedTable.read(folder, "credits", ids)
        self._keywords = GroupedTable.read(folder, "keywords", ids)
        ratings = read_table(folder, "ratings")
        self._ratings = ratings
        self._rating_rows: dict[str, int] = {}
        if ratings is not None:
            names = ratings.column("imdb_id").to_pylist()
            self._rating_rows = {imdb_id: row for row, imdb_id in enumerate(names)}

    def has_rating(self, imdb_id: str | None) -> bool:
        """Tell whether the ratings know an imdb id."""
        return imdb_id in self._rating_rows

    def film(self, row: int) -> Film:
        """Return the film in `row`."""

        def value(name: str) -> Any:
            return self._movies[name][row]

        title, path = value("title"), value("poster_path")
        genres = value("genres") or []
        collection = value("belongs_to_collection")
        return Film(
            id=value("tmdb_id"),
            title=title,
            original_title=value("original_title") or title,
            original_language=value("original_language") or _NO_LANGUAGE,
            release_date=value("release_date") or "",
            imdb_id=value("imdb_id") or None,
            overview=value("overview") or "",
            tagline=value("tagline") or "",
            homepage=value("homepage") or "",
            status=self._status(row, value("status")),
            runtime=value("runtime") or 0,
            budget=value("budget") or 0,
            poster_path=path or None,
            backdrop_path=value("backdrop_path") or None,
            genre_ids=tuple(genre_id for genre in genres if (genre_id := _genre_id(genre))),
            companies=tuple(
                Company(item["id"] or made_id(item["name"]), item["name"])
                for item in value("production_companies") or []
                if item["name"]
            ),
            countries=_pairs(value("production_countries"), "iso_3166_1"),
            languages=_pairs(value("spoken_languages"), "iso_639_1"),
            collection=collection
            and Collection(
                collection["id"] or made_id(collection["name"] or ""),
                collection["name"] or "",
                collection["poster_path"] or None,
                collection["backdrop_path"] or None,
            ),
            us_certification=value("us_certification") or "",
            trailer_key=value("trailer_youtube_key") or None,
        )

    def credits(self, row: int) -> Credits:
        """Return cast (in order) and crew."""
        cast: list[Credit] = []
        crew: list[Credit] = []
        for item in self._credits.rows(row):
            name = item["name"] or ""
            credit = Credit(
                item["person_id"] or made_id(name),
                name,
                item["department"],
                job=item["job"] or "",
                character=item["character"] or "",
                order=item["cast_order"] or 0,
                profile_path=item["profile_path"],
            )
            (cast if item["kind"] == "cast" else crew).append(credit)
        cast.sort(key=lambda credit: credit.order)
        return Credits(tuple(cast), tuple(crew))

    def keywords(self, row: int) -> tuple[Keyword, ...]:
        """Return the keywords."""
        return tuple(
            Keyword(item["keyword_id"] or made_id(item["name"]), item["name"])
            for item in self._keywords.rows(row)
        )

    def rating(self, row: int) -> Rating | None:
        """Return what OMDb knows; None for an id the ratings do not hold."""
        place = self._rating_rows.get(self._movies["imdb_id"][row])
        if place is None or self._ratings is None:
            return None
        item = self._ratings.slice(place, 1).to_pylist()[0]
        return Rating(
            imdb_rating=item["imdb_rating"],
            imdb_votes=item["imdb_votes"],
            metascore=item["metascore"],
            rotten_tomatoes=item["rotten_tomatoes"],
            box_office_usd=item["box_office"],
            awards=item["awards"],
            rated=item["rated"],
            year=item["year"],
            kind=item["type"] or "movie",
            title=item["title"],
        )

    def _status(self, row: int, status: str | None) -> str:
        # A film cannot be out before its day, whatever the entry says.
        if self._release_day[row] > self._as_of and status in (None, "Released"):
            return "Post Production"
        return status or "Released"


def made_id(name: str) -> int:
    """Return a stable id for a name without one, above every id the services use."""
    digest = hashlib.blake2b(name.encode(), digest_size=5).digest()
    return _MADE_ID_BASE + int.from_bytes(digest, "big")


def _columns(
    movies: pa.Table, release_day: Ints, records: ParquetRecords, as_of: int
) -> FilmColumns:
    age = as_of - release_day
    votes, revenue = _numbers(movies, "vote_count"), _numbers(movies, "revenue")
    average = movies.column("vote_average").fill_null(0.0).to_numpy()
    popularity = movies.column("popularity").fill_null(0.0).to_numpy()
    # What is known today is a share of the final figure; unreleased films show theirs at once.
    cast_by_now, known_by_now = vote_share(age), revenue_share(age)
    final_votes = np.where(cast_by_now > 0, votes / np.where(cast_by_now > 0, cast_by_now, 1), 0)
    final_revenue = np.where(
        known_by_now > 0, revenue / np.where(known_by_now > 0, known_by_now, 1), revenue
    )
    imdb_ids = [imdb_id or None for imdb_id in movies.column("imdb_id").to_pylist()]
    titles = movies.column("title").to_pylist()
    originals = movies.column("original_title").to_pylist()
    genres = movies.column("genres").to_pylist()
    return FilmColumns(
        id=movies.column("tmdb_id").to_numpy(),
        release_day=release_day,
        runtime=_numbers(movies, "runtime"),
        genre_bits=np.array(
            [genre_bits([_genre_id(genre) for genre in found or []]) for found in genres],
            dtype=np.int64,
        ),
        popularity=popularity,
        vote_average=average,
        vote_count=votes,
        final_vote_count=np.round(final_votes).astype(np.int64),
        revenue_usd=revenue,
        final_revenue_usd=np.round(final_revenue).astype(np.int64),
        language=np.array(
            [code or _NO_LANGUAGE for code in movies.column("original_language").to_pylist()]
        ),
        has_rating=np.array([records.has_rating(imdb_id) for imdb_id in imdb_ids], dtype=bool),
        title=titles,
        original_title=[o or t for o, t in zip(originals, titles, strict=True)],
        imdb_id=imdb_ids,
    )


def _release_days(movies: pa.Table, path: Path) -> Ints:
    """Return release days as ordinals, 0 without a date."""
    text = pa.array([day or None for day in movies.column("release_date").to_pylist()], pa.string())
    try:
        days = text.cast(pa.date32()).cast(pa.int32())
    except pa.ArrowInvalid as error:
        raise CatalogueError(f"{path}: column release_date holds no dates: {error}") from error
    return days.fill_null(-_EPOCH).to_numpy(zero_copy_only=False).astype(np.int64) + _EPOCH


def _numbers(movies: pa.Table, name: str) -> Ints:
    return movies.column(name).fill_null(0).to_numpy().astype(np.int64)


def _flat(table: pa.Table, name: str) -> Any:
    column = table.column(name)
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _genre_id(genre: dict[str, Any]) -> int:
    return genre["id"] or _GENRE_ID_BY_NAME.get(genre["name"], 0)


def _pairs(items: list[dict[str, str]] | None, code: str) -> tuple[tuple[str, str], ...]:
    return tuple((item[code], item["name"] or item[code]) for item in items or [] if item[code])
