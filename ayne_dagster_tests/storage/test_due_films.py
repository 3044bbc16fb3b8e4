"""The refresh rule in SQL says the same as the rule people read, film by film."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, due_films
from ayne_dagster.domain.refresh_states import believed_until
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_STATE,
    TABLES,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.due_films import due_query
from ayne_dagster.storage.film_plans import FILMS_TO_PLAN
from ayne_dagster_tests.storage.film_rows import row_of

NOW = datetime(2026, 5, 20, 12, 0, 0, 250_000, tzinfo=UTC)
# Explaining a failure would run the tables a thousand times more.
PHASES = (Phase.generate, Phase.shrink)
YEARS = ["2001", "2002", "undated"]

_moments = st.one_of(
    st.integers(0, 400 * 86_400_000).map(lambda ms: NOW - timedelta(milliseconds=ms)),
    # A clock that was ahead, by more than is believed and by just as much.
    st.sampled_from([400, 1 + 1 / 86_400, 1]).map(lambda days: NOW + timedelta(days=days)),
    # Intervals of the policy, to the second: where a wrong comparison would show.
    st.sampled_from([1, 5, 7, 15, 30, 90, 150, 180]).map(lambda days: NOW - timedelta(days=days)),
)
_outcomes = st.sampled_from(["row", "unchanged", "not_found", "unusable"])
_maybe_moment = st.one_of(st.none(), _moments)
_states = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "answered_at": _moments,
            "outcome": _outcomes,
            "not_found_since": _maybe_moment,
            "gone_at": st.one_of(st.none(), st.none(), _moments),
            "last_row_at": _maybe_moment,
        }
    ),
)
_days = st.one_of(
    st.none(),
    st.integers(-20, 800).map(lambda age: NOW.date() - timedelta(days=age)),
    st.sampled_from([-1, 0, 60, 61, 180, 181, 365, 366]).map(
        lambda age: NOW.date() - timedelta(days=age)
    ),
)
_films = st.fixed_dictionaries(
    {
        "is_discovered": st.booleans(),
        "is_detailed": st.booleans(),
        "year": st.sampled_from([*YEARS, "1999"]),
        "other_year": st.sampled_from(YEARS),
        "release_date": _days,
        "popularity": st.one_of(st.none(), st.sampled_from([0.0, 1.5, 99.0])),
        "imdb_number": st.one_of(st.none(), st.integers(1, 9)),
        "asked_number": st.integers(1, 9),
        "has_same_id": st.booleans(),
        "tmdb": _states,
        "omdb": _states,
        "is_frozen": st.sampled_from([True, False, None]),
        "first_seen_at": _moments,
        # A moment ahead of the clock: two machines never agree on the time.
        "last_seen_at": st.one_of(_moments, st.just(NOW + timedelta(hours=1))),
        "changed_at": _moments,
    }
)
_policies = st.builds(
    RefreshPolicy,
    spread=st.sampled_from([0.0, 0.1, 0.25, 1 / 3]),
    unusable_days=st.sampled_from([7.0, 0.3]),
    frozen_recheck_days=st.sampled_from([150.0, 2.0]),
)


def imdb_id(number: int | None) -> str | None:
    return None if number is None else f"tt{number:07d}"


def rows_of_films(films: dict[int, dict[str, Any]], rated: set[int]) -> dict[TableContract, list]:
    """The films as rows of the tables the planning reads."""
    rows: dict[TableContract, list[dict[str, Any]]] = {
        table: [] for table in (DISCOVERED_MOVIES, TMDB_DETAILS, REFRESH_STATE, FROZEN_FLAGS)
    }
    for number, film in films.items():
        shared = {"tmdb_id": number, "release_year": film["year"]}
        if film["is_discovered"] or not film["is_detailed"]:
            more = {name: film[name] for name in ("popularity", "first_seen_at", "last_seen_at")}
            found = row_of(DISCOVERED_MOVIES, **shared, **more, release_date=film["release_date"])
            rows[DISCOVERED_MOVIES].append(found)
        if film["is_detailed"]:
            more = {"imdb_id": imdb_id(film["imdb_number"]), "changed_at": film["changed_at"],
                    "release_date": film["release_date"], "popularity": 4.0}  # fmt: skip
            shared["release_year"] = film["other_year"]
            rows[TMDB_DETAILS].append(row_of(TMDB_DETAILS, **shared, **more))
        if film["is_frozen"] is not None:
            rows[FROZEN_FLAGS].append(
                row_of(FROZEN_FLAGS, **shared, is_frozen=film["is_frozen"], age_band="undated")
            )
        asked = film["imdb_number"] if film["has_same_id"] else film["asked_number"]
        for source in Source:
            if state := film[source.value]:
                of_omdb = {"imdb_id": imdb_id(asked)} if source is Source.OMDB else {}
                rows[REFRESH_STATE].append(
                    row_of(REFRESH_STATE, source=source.value, tmdb_id=number, **of_omdb, **state)
                )
    rows[OMDB_RATINGS] = [
        row_of(OMDB_RATINGS, imdb_id=imdb_id(number), release_year="2001") for number in rated
    ]
    return rows


def same_answer(
    rows: dict[TableContract, list], source: Source, now: datetime, policy: RefreshPolicy
) -> int:
    """Ask both rules, hold them equal, and return how many films are due."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, stored in rows.items():
            frame = pd.DataFrame(stored, columns=table.column_names, dtype=object)
            connection.register(table.name, check_frame(frame, table))
        names = {name: name for name in TABLES}
        asked = {"years": YEARS, "believed_until": believed_until(now)}
        plain = connection.execute(FILMS_TO_PLAN.format(**names), asked).df()
        expected = due_films(plain, source, now, policy)
        for limit in (None, 2):
            sql, parameters = due_query(source, YEARS, now, policy, limit=limit)
            due = connection.execute(sql.format(**names), parameters).df()
            wanted = expected.head(len(expected) if limit is None else limit)
            assert due["tmdb_id"].tolist() == wanted["tmdb_id"].tolist()
            for name in set(due.columns) & set(wanted.columns):
                ours, theirs = due[name].tolist(), wanted[name].tolist()
                assert [None if pd.isna(one) else one for one in ours] == [
                    None if pd.isna(one) else one for one in theirs
                ], name
        return len(expected)


@given(
    st.dictionaries(st.one_of(st.integers(1, 60), st.integers(1, 2**40)), _films, max_size=25),
    st.sets(st.integers(1, 9)),
    st.sampled_from(Source),
    _policies,
)
@settings(max_examples=15, phases=PHASES)
def test_both_rules_name_the_same_films_in_the_same_order(
    films: dict[int, dict[str, Any]], rated: set[int], source: Source, policy: RefreshPolicy
) -> None:
    same_answer(rows_of_films(films, rated), source, NOW, policy)


@pytest.mark.slow
@given(
    st.dictionaries(st.integers(1, 2**40), _films, max_size=200),
    st.sets(st.integers(1, 9)),
    st.sampled_from(Source),
    _policies,
    st.integers(-720, 720),
)
@settings(max_examples=50, phases=PHASES)
def test_both_rules_agree_over_many_films_and_time_zones(
    films: dict[int, dict[str, Any]],
    rated: set[int],
    source: Source,
    policy: RefreshPolicy,
    minutes: int,
) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(minutes=minutes)))
    same_answer(rows_of_films(films, rated), source, elsewhere, policy)


@pytest.mark.parametrize("source", Source)
def test_a_film_is_due_from_the_second_both_rules_say(source: Source) -> None:
    """Rounding in one of the two would show here first: a thousand films, each at its second."""
    policy = RefreshPolicy()
    answered = NOW - timedelta(days=90)
    films = {
        number: {
            "is_discovered": True, "is_detailed": True, "year": "2001", "other_year": "2001",
            "release_date": answered.date() - timedelta(days=500), "popularity": 1.0,
            "imdb_number": number, "asked_number": number, "has_same_id": True,
            "is_frozen": number % 3 == 0, "first_seen_at": answered, "last_seen_at": answered,
            "changed_at": answered,
            **{name: {"answered_at": answered - timedelta(days=90 * (name == "omdb")),
                      "outcome": "row"} for name in ("tmdb", "omdb")},
        }
        for number in range(1, 1001)
    }  # fmt: skip
    due = same_answer(rows_of_films(films, set(films)), source, NOW, policy)
    assert 100 < due < 900
