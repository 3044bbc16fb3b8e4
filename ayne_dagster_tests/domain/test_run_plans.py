"""Which runs are asked for, from what is due."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.release_years import UNDATED, release_year_keys
from ayne_dagster.domain.run_plans import (
    DueYear,
    RunPlan,
    coming_due,
    films_per_source,
    plan_runs,
    quota_without,
    recent_years,
    why_unserved,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEYS = release_year_keys(1900, NOW.date())
FREE: Mapping[Source, int | None] = {Source.TMDB: None, Source.OMDB: None}


def due(
    year: int | str,
    films: int = 1,
    source: Source = Source.TMDB,
    *,
    never_fetched: int = 0,
    days: float = 1,
) -> DueYear:
    since = NOW - timedelta(days=days)
    return DueYear(source, str(year), films, never_fetched, since, since)


def years(plans: list[RunPlan]) -> list[tuple[str, str]]:
    return [(plan.first, plan.last) for plan in plans]


def test_neighbouring_years_share_a_run_whatever_source_they_are_due_at() -> None:
    plans = plan_runs(
        [due(1999), due(2001), due(2000, source=Source.OMDB), due(2010), due(2005)], KEYS, FREE
    )
    assert sorted(years(plans)) == [("1999", "2001"), ("2005", "2005"), ("2010", "2010")]


def test_undated_is_the_neighbour_of_the_last_year() -> None:
    (plan,) = plan_runs([due(UNDATED), due(KEYS[-2])], KEYS, FREE)
    assert plan.years == (KEYS[-2], UNDATED)


def test_no_year_without_a_due_film_is_in_a_run() -> None:
    wanted = ["1950", "1951", "1953", "1960", UNDATED]
    plans = plan_runs([due(year) for year in reversed(wanted)], KEYS, FREE)
    assert sorted(year for plan in plans for year in plan.years) == wanted
    assert len(plans) == 4


def test_nothing_due_is_no_run() -> None:
    assert plan_runs([], KEYS, FREE) == []
    assert plan_runs([due(2000, films=0)], KEYS, FREE) == []


def test_a_source_without_quota_or_without_a_key_is_no_reason_for_a_run() -> None:
    found = [due(2000, source=Source.OMDB), due(2001)]
    assert years(plan_runs(found, KEYS, {Source.TMDB: None, Source.OMDB: 0})) == [("2001", "2001")]
    assert years(plan_runs(found, KEYS, {Source.TMDB: None})) == [("2001", "2001")]
    assert plan_runs(found, KEYS, {Source.TMDB: 0, Source.OMDB: 0}) == []


def test_years_another_run_works_on_are_left_to_it() -> None:
    found = [due(year) for year in (1999, 2000, 2001)]
    assert years(plan_runs(found, KEYS, FREE, under_way=["2000"])) == [
        ("1999", "1999"), ("2001", "2001")
    ]  # fmt: skip


def test_the_film_that_waits_longest_goes_first_and_the_quota_ends_the_row() -> None:
    found = [
        due(1990, 60, Source.OMDB, days=3),
        due(2000, 60, Source.OMDB, days=9),
        due(2010, 60, Source.OMDB, days=6),
        due(2020, 60, Source.OMDB, days=1),
    ]
    quota = {Source.TMDB: None, Source.OMDB: 100}
    assert years(plan_runs(found, KEYS, quota)) == [("2000", "2000"), ("2010", "2010")]
    # A year that TMDB could serve is asked for all the same.
    plans = plan_runs([*found, due(2020, 5, days=1)], KEYS, quota)
    assert years(plans) == [("2000", "2000"), ("2010", "2010"), ("2020", "2020")]


def test_the_same_question_within_the_wait_has_the_same_key_and_later_another() -> None:
    wait = timedelta(minutes=60)
    (plan,) = plan_runs([due(2000, 3), due(2001)], KEYS, FREE)
    (again,) = plan_runs([due(2001), due(2000, 3)], KEYS, FREE)
    key = plan.run_key("refresh", NOW, wait)
    assert key == again.run_key("refresh", NOW + timedelta(minutes=59), wait)
    assert key != plan.run_key("refresh", NOW + timedelta(minutes=60), wait)
    assert key != plan.run_key("daily_update", NOW, wait)
    assert key.startswith("refresh:2000..2001:")


@pytest.mark.parametrize(
    "other",
    [due(2000, 4), due(2000, 3, Source.OMDB), due(2000, 3, never_fetched=1), due(2000, 3, days=2)],
)
def test_another_set_of_due_films_has_another_key(other: DueYear) -> None:
    keys = {
        plan.run_key("refresh", NOW, timedelta(hours=1))
        for found in (due(2000, 3), other)
        for plan in plan_runs([found], KEYS, FREE)
    }
    assert len(keys) == 2


def test_without_a_wait_every_second_is_a_new_question() -> None:
    (plan,) = plan_runs([due(2000)], KEYS, FREE)
    one_second = timedelta(seconds=1)
    assert plan.run_key("refresh", NOW, timedelta()) != plan.run_key(
        "refresh", NOW + one_second, timedelta()
    )


def test_recent_years_begin_with_the_last_and_end_with_undated() -> None:
    expected = ["2025", "2026", "2027", "2028", "2029", UNDATED]
    assert recent_years(KEYS, date(2026, 1, 1)) == expected
    assert recent_years(KEYS, date(2026, 12, 31)) == expected


def test_what_is_asked_for_is_taken_off_the_quota() -> None:
    quota = {Source.TMDB: None, Source.OMDB: 100}
    assert quota_without(quota, [due(2000, 30, Source.OMDB), due(2000, 999)]) == {
        Source.TMDB: None, Source.OMDB: 70
    }  # fmt: skip
    assert quota_without(quota, [due(2000, 300, Source.OMDB)])[Source.OMDB] == 0


def coming(*years: str, films: int = 2) -> list[dict[str, Any]]:
    at = datetime(2026, 11, 22, 4, 10, tzinfo=UTC)
    return [{"release_year": year, "films": films, "due_at": at} for year in years]


def test_words_say_what_is_due_why_it_waits_and_what_comes_next() -> None:
    found = [due(2026, 1_200), due(2025, 1, Source.OMDB)]
    assert films_per_source(found) == "1,200 films at TMDB, 1 film at OMDb"
    assert why_unserved(found, {Source.TMDB: 0}, NOW) == [
        "TMDB: the day's quota is used up until 2026-11-21 00:00 UTC, 1,200 films due",
        "OMDb: OMDB__API_KEY is not set, 1 film due",
    ]
    assert why_unserved(found, FREE, NOW) == []
    assert (
        coming_due({Source.TMDB: coming("2024", "2026"), Source.OMDB: []})
        == "next: 4 films of 2024 and 2026 at TMDB on 2026-11-22 04:10 UTC, "
        "nothing comes due at OMDb"
    )
    assert "4 films of 2024 at" in coming_due({Source.TMDB: coming("2024", films=4)})
    assert "of 2019, 2020 and 2024 at" in coming_due({Source.TMDB: coming("2019", "2020", "2024")})
    many = coming("2019", "2020", "2024", "undated")
    assert "8 films of 2019, 2020 and 2 more years at" in coming_due({Source.TMDB: many})
