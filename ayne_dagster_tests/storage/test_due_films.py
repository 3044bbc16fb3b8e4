"""The refresh rule in SQL says the same as the rule people read, film by film."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.due_order import due_films
from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, decide
from ayne_dagster.domain.refresh_states import believed_until
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    FAILED_REQUESTS,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_STATE,
    TABLES,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.domain.tables.derived import AGE_BANDS
from ayne_dagster.storage.due_counts import (
    due_years_query,
    freshness_query,
    next_due_query,
    spared_query,
)
from ayne_dagster.storage.due_films import due_query
from ayne_dagster.storage.film_plans import FILMS_TO_PLAN
from ayne_dagster_tests.storage.film_rows import row_of

NOW = datetime(2026, 5, 20, 12, 0, 0, 250_000, tzinfo=UTC)
# Explaining a failure would run the tables a thousand times more.
PHASES = (Phase.generate, Phase.shrink)
YEARS = ["2001", "2002", "undated"]


def midnight(days_ago: int) -> datetime:
    """The beginning of a UTC day."""
    return NOW.replace(hour=0, minute=0, microsecond=0) - timedelta(days=days_ago)


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
_failures = st.one_of(
    st.none(),
    st.none(),
    st.fixed_dictionaries(
        {
            "failed_at": st.one_of(
                _moments,
                st.integers(0, 100 * 3_600_000).map(lambda ms: NOW - timedelta(milliseconds=ms)),
                st.sampled_from([1, 4, 16, 72]).map(lambda hours: NOW - timedelta(hours=hours)),
            ),
            "failures": st.sampled_from([1, 2, 3, 4, 9, 10**6]),
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
# Days before today, or before and after the day of TMDB's last answer: same-day namings matter.
_namings = st.lists(
    st.tuples(
        st.sampled_from(["today", "answered"]), st.integers(-1, 20), st.integers(0, 5 * 86_400_000)
    ),
    max_size=3,
)
_feeds = st.one_of(
    st.none(),
    st.builds(
        lambda length, back: ChangeFeed(midnight(back + length), midnight(back)),
        st.integers(1, 200),
        st.integers(0, 5),
    ),
)
_films = st.fixed_dictionaries(
    {
        "named": _namings,
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
        "failed_tmdb": _failures,
        "failed_omdb": _failures,
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
    is_feed_enabled=st.sampled_from([True, True, True, False]),
)


def imdb_id(number: int | None) -> str | None:
    return None if number is None else f"tt{number:07d}"


def namings(film: dict[str, Any]) -> dict[date, datetime]:
    """The days of the feed that name a film, and when each was read."""
    days = {}
    for of, back, milliseconds in film["named"]:
        of_day = film["tmdb"]["answered_at"] if of == "answered" and film["tmdb"] else NOW
        day = of_day.date() - timedelta(days=back)
        days[day] = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
            days=1, milliseconds=milliseconds
        )
    return days


def rows_of_films(films: dict[int, dict[str, Any]], rated: set[int]) -> dict[TableContract, list]:
    """The films as rows of the tables the planning reads."""
    rows: dict[TableContract, list[dict[str, Any]]] = {
        table: [] for table in (DISCOVERED_MOVIES, TMDB_DETAILS, REFRESH_STATE, FROZEN_FLAGS)
    }
    rows[TMDB_CHANGES], rows[FAILED_REQUESTS] = [], []
    for number, film in films.items():
        for day, seen_at in namings(film).items():
            rows[TMDB_CHANGES].append({"tmdb_id": number, "changed_on": day, "seen_at": seen_at})
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
            of_omdb = {"imdb_id": imdb_id(asked)} if source is Source.OMDB else {}
            if failed := film.get(f"failed_{source}"):
                rows[FAILED_REQUESTS].append(
                    row_of(
                        FAILED_REQUESTS, source=source.value, tmdb_id=number, **of_omdb, **failed
                    )
                )
            if state := film[source.value]:
                rows[REFRESH_STATE].append(
                    row_of(REFRESH_STATE, source=source.value, tmdb_id=number, **of_omdb, **state)
                )
    rows[OMDB_RATINGS] = [
        row_of(OMDB_RATINGS, imdb_id=imdb_id(number), release_year="2001") for number in rated
    ]
    return rows


def same_answer(
    rows: dict[TableContract, list],
    source: Source,
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
) -> int:
    """Ask both rules, hold them equal, and return how many films are due."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, stored in rows.items():
            frame = pd.DataFrame(stored, columns=table.column_names, dtype=object)
            connection.register(table.name, check_frame(frame, table))

        def ask(sql: str, parameters: dict[str, Any]) -> pd.DataFrame:
            names = {name: name for name in TABLES}
            return connection.execute(sql.format(**names), parameters).df()

        plain = ask(FILMS_TO_PLAN, {"years": YEARS, "believed_until": believed_until(now)})
        expected = due_films(plain, source, now, policy, feed)
        for limit in (None, 2):
            due = ask(*due_query(source, YEARS, now, policy, feed, limit=limit))
            wanted = expected.head(len(expected) if limit is None else limit)
            assert due["tmdb_id"].tolist() == wanted["tmdb_id"].tolist()
            for name in set(due.columns) & set(wanted.columns):
                assert plain_values(due[name]) == plain_values(wanted[name]), name

        made = decide(plain, source, now, policy, feed)
        later = made["due_at"][made["due_at"] > now].min()
        [soonest] = ask(*next_due_query(source, YEARS, now, policy, feed))["due_at"]
        assert plain_values(pd.Series([soonest])) == plain_values(pd.Series([later]))
        years = ask(*due_years_query(source, YEARS, now, policy, feed))
        by_year = expected.groupby("release_year")
        counted = by_year["due_at"].agg(["count", "min", "max"]).reset_index()
        names = ["release_year", "films", "due_since", "newest_due_at"]
        assert years[names].to_numpy().tolist() == counted.to_numpy().tolist()
        assert years["never_fetched"].sum() == (expected["why"] == "never_fetched").sum()
        if source is Source.TMDB:
            kept = made["is_spared"] & (made["plain_due_at"] <= now) & (made["due_at"] > now)
            assert ask(*spared_query(YEARS, now, policy, feed))["films"].tolist() == [kept.sum()]
            check_freshness(ask, plain, now, policy, feed)
        return len(expected)


def check_freshness(
    ask: Callable[[str, dict[str, Any]], pd.DataFrame],
    plain: pd.DataFrame,
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None,
) -> None:
    """The state of each year's films, counted by both rules."""
    before = now - timedelta(days=1)
    ours = ask(*freshness_query(YEARS, now, policy, feed, before))
    films = plain.assign(
        due_at=pd.concat(
            [
                due.where(due <= now)
                for due in (decide(plain, one, now, policy, feed)["due_at"] for one in Source)
            ],
            axis=1,
        ).min(axis=1)
    )[decide(plain, Source.TMDB, now, policy, feed)["due_at"].notna()]
    wanted = [
        [
            year,
            len(of),
            (of["due_at"].isna() & ~of["is_frozen"]).sum(),
            (of["due_at"] > before).sum(),
            (of["due_at"] <= before).sum(),
            (of["due_at"].isna() & of["is_frozen"]).sum(),
        ]
        for year, of in films.groupby("release_year")
    ]
    assert ours.to_numpy().tolist() == wanted


def plain_values(values: pd.Series) -> list[Any]:
    return [None if pd.isna(one) else one for one in values]


@given(
    st.dictionaries(st.one_of(st.integers(1, 60), st.integers(1, 2**40)), _films, max_size=25),
    st.sets(st.integers(1, 9)),
    st.sampled_from(Source),
    _policies,
    _feeds,
)
@settings(max_examples=10, phases=PHASES)
def test_both_rules_name_the_same_films_in_the_same_order(
    films: dict[int, dict[str, Any]],
    rated: set[int],
    source: Source,
    policy: RefreshPolicy,
    feed: ChangeFeed | None,
) -> None:
    same_answer(rows_of_films(films, rated), source, NOW, policy, feed)


@pytest.mark.slow
@given(
    st.dictionaries(st.integers(1, 2**40), _films, max_size=200),
    st.sets(st.integers(1, 9)),
    st.sampled_from(Source),
    _policies,
    _feeds,
    st.integers(-720, 720),
)
@settings(max_examples=25, phases=PHASES)
def test_both_rules_agree_over_many_films_and_time_zones(
    films: dict[int, dict[str, Any]],
    rated: set[int],
    source: Source,
    policy: RefreshPolicy,
    feed: ChangeFeed | None,
    minutes: int,
) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(minutes=minutes)))
    same_answer(rows_of_films(films, rated), source, elsewhere, policy, feed)


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
            "changed_at": answered, "named": [],
            **{name: {"answered_at": answered - timedelta(days=90 * (name == "omdb")),
                      "outcome": "row"} for name in ("tmdb", "omdb")},
        }
        for number in range(1, 1001)
    }  # fmt: skip
    due = same_answer(rows_of_films(films, set(films)), source, NOW, policy)
    assert 100 < due < 900
    if source is Source.OMDB:
        # Frozen or not, old films are asked for after the same 180 days there.
        rows = rows_of_films(films, set(films))
        thawed = [{**row, "is_frozen": False} for row in rows[FROZEN_FLAGS]]
        assert same_answer(rows | {FROZEN_FLAGS: thawed}, source, NOW, policy) == due


@pytest.mark.parametrize(
    "feed",
    [
        ChangeFeed(midnight(70), midnight(0)),
        ChangeFeed(midnight(200), midnight(0)),
        pytest.param(ChangeFeed(midnight(300), midnight(4)), marks=pytest.mark.slow),
        pytest.param(None, marks=pytest.mark.slow),
    ],
)
def test_both_rules_agree_on_every_case_of_the_change_feed(feed: ChangeFeed | None) -> None:
    """Chance leaves cases out: named before, on, after the answer's day, often, late, ahead."""
    cases = product(
        [10, 100, 300, 900],
        [0.3, 1, 3, 7, 14, 20, 70, 100, 170],
        [[], [-1], [0], [1], [-95], [-168], [-30, -2]],
        [True, False],
        ["row", "unchanged", "not_found", "unusable"],
    )
    films = {}
    for number, (age, days, offsets, is_frozen, outcome) in enumerate(cases, start=1):
        at = NOW - timedelta(days=days)
        seen = 3_600_000 * (number % 3) * 20
        films[number] = {
            "is_discovered": True, "is_detailed": True, "year": "2001", "other_year": "2001",
            "release_date": NOW.date() - timedelta(days=age), "popularity": 1.0,
            "imdb_number": None, "asked_number": 1, "has_same_id": True, "is_frozen": is_frozen,
            "first_seen_at": at, "last_seen_at": at, "changed_at": at, "omdb": None,
            "tmdb": {"answered_at": at, "outcome": outcome},
            "named": [("answered", back, seen) for back in offsets],
        }  # fmt: skip
    long_gap = RefreshPolicy(gap_days=dict.fromkeys(AGE_BANDS, 40.0))
    for policy in (RefreshPolicy(), long_gap):
        assert same_answer(rows_of_films(films, set()), Source.TMDB, NOW, policy, feed) > 200
