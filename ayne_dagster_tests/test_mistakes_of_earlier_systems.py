"""Mistakes of the systems before this one that concern refreshing, each a test of its name.

Each is shown on a real DuckDB file with the parts a run is made of: discovery's merge, the plan of
what is due, the comparison of answers, the write, the flags. The mistake of runs that never ended
(8) is shown where runs are recorded.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.freezing import flag_films
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.refreshing import FilmAnswer, apply_answers
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    REFRESH_STATE,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.sources.tmdb_payloads import MovieDetails
from ayne_dagster.sources.tmdb_rows import details_row
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.due_queries import DueQueries
from ayne_dagster.storage.warehouse import Warehouse

YEAR = "2019"
RELEASED = date(2019, 5, 1)
START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RefreshPolicy()
TABLE_OF = {Source.TMDB: TMDB_DETAILS, Source.OMDB: OMDB_RATINGS}


class Collection:
    """A warehouse of films of one year, and the steps of a run over it."""

    def __init__(self, path: Path) -> None:
        self.warehouse = Warehouse(path)
        self.queries = DueQueries(self.warehouse)

    def discover(self, at: datetime, *films: int) -> None:
        """See films in TMDB's discover."""
        rows = [
            {"tmdb_id": film, "release_year": YEAR, "title": f"Film {film}",
             "release_date": RELEASED, "popularity": float(film), "sources": ["discover"],
             "first_seen_at": at, "last_seen_at": at}
            for film in films
        ]  # fmt: skip
        self._write(DISCOVERED_MOVIES, rows)

    def answer(
        self, source: Source, at: datetime, films: Sequence[int],
        outcome: FetchOutcome = FetchOutcome.ROW, **values: Any,
    ) -> None:  # fmt: skip
        """Store what a source says of films: details as TMDB sends them, or ratings."""
        table = TABLE_OF[source]
        answers = [
            FilmAnswer(film, _imdb_id(film), outcome, at, self._row(source, film, at, values)
                       if outcome is FetchOutcome.ROW else None)
            for film in films
        ]  # fmt: skip
        made = apply_answers(
            answers,
            self.queries.stored_rows(table, [_key(source, film) for film in films]),
            self.queries.refresh_states(source, films),
            source=source,
            contract=table,
        )
        write_batch(
            self.warehouse, table, made.rows, years=[YEAR], purpose="a test",
            also={REFRESH_HISTORY: made.history, REFRESH_STATE: made.states},
        )  # fmt: skip

    def _row(
        self, source: Source, film: int, at: datetime, values: dict[str, Any]
    ) -> dict[str, Any]:
        if source is Source.OMDB:
            given = {"imdb_id": _imdb_id(film), "tmdb_id": film, "imdb_rating": 7.0,
                     "fetched_at": at, **values}  # fmt: skip
            return {**dict.fromkeys(OMDB_RATINGS.column_names), **given, "release_year": YEAR}
        sent = {"id": film, "imdb_id": _imdb_id(film), "title": f"Film {film}",
                "release_date": RELEASED.isoformat(), "popularity": film, **values}  # fmt: skip
        return {**details_row(MovieDetails.model_validate(sent), at), "release_year": YEAR}

    def flag(self, at: datetime) -> dict[int, bool]:
        """Write the flags; which films are frozen."""
        flags = flag_films(self.queries.films_to_plan([YEAR], at), at, POLICY)
        write_batch(self.warehouse, FROZEN_FLAGS, flags, years=[YEAR], purpose="a test")
        return dict(zip(flags["tmdb_id"].tolist(), flags["is_frozen"].tolist(), strict=True))

    def due(self, source: Source, at: datetime, limit: int | None = None) -> list[int]:
        return self.queries.due(source, [YEAR], at, POLICY, limit)["tmdb_id"].tolist()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.warehouse.rows(sql)

    def _write(self, table: TableContract, rows: list[dict[str, Any]]) -> None:
        frame = pd.DataFrame(rows, columns=table.column_names, dtype=object)
        write_batch(self.warehouse, table, frame, years=[YEAR], purpose="a test")


def _imdb_id(film: int) -> str:
    return f"tt{film:07d}"


def _key(source: Source, film: int) -> Any:
    return film if source is Source.TMDB else _imdb_id(film)


def days(count: float) -> datetime:
    return START + timedelta(days=count)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "ayne.duckdb")


def test_mistake_01_rediscovery_wiped_flags_and_timestamps_and_gave_new_ids(
    collection: Collection,
) -> None:
    collection.discover(days(0), 1, 2)
    for cycle in range(4):
        collection.answer(Source.TMDB, days(cycle * 100), [1, 2])
    frozen = collection.flag(days(301))
    assert frozen == {1: True, 2: True}
    before = collection.rows("SELECT * FROM frozen_flags ORDER BY tmdb_id")
    fetched = collection.rows("SELECT tmdb_id, fetched_at FROM tmdb_details ORDER BY tmdb_id")

    collection.discover(days(302), 2, 1)
    seen = collection.rows("SELECT * FROM discovered_movies ORDER BY tmdb_id")
    assert [(row["tmdb_id"], row["first_seen_at"], row["last_seen_at"]) for row in seen] == [
        (1, days(0), days(302)),
        (2, days(0), days(302)),
    ]
    assert collection.rows("SELECT * FROM frozen_flags ORDER BY tmdb_id") == before
    assert fetched == collection.rows(
        "SELECT tmdb_id, fetched_at FROM tmdb_details ORDER BY tmdb_id"
    )
    assert collection.due(Source.TMDB, days(302)) == []


def test_mistake_02_nothing_wrote_the_imdb_id_back_and_omdb_was_asked_on_every_run(
    collection: Collection,
) -> None:
    collection.discover(days(0), 1, 2)
    assert collection.due(Source.OMDB, days(0)) == []
    collection.answer(Source.TMDB, days(0), [1, 2])
    assert sorted(collection.due(Source.OMDB, days(0.1))) == [1, 2]
    collection.answer(Source.OMDB, days(0.1), [1])
    collection.answer(Source.OMDB, days(0.1), [2], FetchOutcome.NOT_FOUND)
    assert collection.due(Source.OMDB, days(0.2)) == []
    # Another answer of TMDB takes nothing of that back, not even one that has lost the id.
    collection.answer(Source.TMDB, days(1), [1, 2], imdb_id=None)
    assert collection.due(Source.OMDB, days(1)) == []
    [known] = collection.rows("SELECT count(imdb_id) AS films FROM tmdb_details")
    assert known["films"] == 2


def test_mistake_03_freezing_looked_at_age_only(collection: Collection) -> None:
    collection.discover(days(0), 1, 2, 3)
    for cycle in range(4):
        at = days(cycle * 95)
        collection.answer(Source.TMDB, at, [1], vote_count=cycle)
        collection.answer(Source.TMDB, at, [2], title=f"Title {cycle}")
        # Three refreshes within an hour are one.
        collection.answer(Source.TMDB, days(285) + timedelta(minutes=20 * cycle), [3])
        assert collection.flag(at + timedelta(hours=2))[1] == (cycle == 3)
    assert collection.flag(days(286)) == {1: True, 2: False, 3: False}


def test_mistake_07_a_cap_dropped_films_for_good_and_a_failed_call_wiped_good_values(
    collection: Collection,
) -> None:
    collection.discover(days(0), 1, 2, 3, 4, 5)
    asked = []
    for _ in range(3):
        capped = collection.due(Source.TMDB, days(1), limit=2)
        collection.answer(Source.TMDB, days(1), capped, budget=9_000_000)
        asked += capped
    assert sorted(asked) == [1, 2, 3, 4, 5]
    assert collection.due(Source.TMDB, days(1)) == []

    before = collection.rows("SELECT * FROM tmdb_details ORDER BY tmdb_id")
    later = days(120)
    for outcome in (FetchOutcome.FAILED, FetchOutcome.DEFERRED, FetchOutcome.UNUSABLE):
        collection.answer(Source.TMDB, later, [1], outcome)
    collection.answer(Source.TMDB, later, [2], budget=0)
    after = collection.rows("SELECT * FROM tmdb_details ORDER BY tmdb_id")
    assert after[0] == before[0]
    assert after[1]["budget_usd"] == 9_000_000
    # Two that failed and were deferred are still due; what could not be read waits a week.
    collection.answer(Source.TMDB, later, [3], FetchOutcome.FAILED)
    assert sorted(collection.due(Source.TMDB, later)) == [3, 4, 5]


def test_mistake_09_zero_budget_and_zero_revenue_were_taken_as_numbers(
    collection: Collection,
) -> None:
    collection.answer(Source.TMDB, days(0), [1], budget=0, revenue=0)
    collection.answer(Source.TMDB, days(0), [2], budget=5_000_000, revenue=9_000_000)
    [free, paid] = collection.rows(
        "SELECT budget_usd, revenue_usd, budget_reported FROM tmdb_details ORDER BY tmdb_id"
    )
    assert (free["budget_usd"], free["revenue_usd"], free["budget_reported"]) == (None, None, 0)
    assert (paid["budget_usd"], paid["revenue_usd"]) == (5_000_000, 9_000_000)
    details = collection.warehouse.frame("SELECT * FROM tmdb_details")
    features = build_features(details, [YEAR]).set_index("tmdb_id")
    assert features["budget_usd"].isna().tolist() == [True, False]
    assert features["is_labelled"].tolist() == [False, True]
