"""Every decision in words, as `ayne due --explain` shows them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.due_reasons import Decision, explain
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, Why, days_by_band
from ayne_dagster_tests.domain.planned_films import NOW, answered, failed, planned, released

EXACT = RefreshPolicy(spread=0.0)
FEED = ChangeFeed(datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC))
NAMED = {"named_at": datetime(2026, 5, 17, 1, 0, tzinfo=UTC), "named_on": date(2026, 5, 16)}
TMDB, OMDB = Source.TMDB, Source.OMDB


def told(
    film: dict[str, Any],
    source: Source = TMDB,
    feed: ChangeFeed | None = FEED,
    policy: RefreshPolicy = EXACT,
    **how: Any,
) -> Decision:
    [decision] = explain(planned(film), source, NOW, policy, feed, **how)
    return decision


def gone(**more: Any) -> dict[str, Any]:
    return released(900, **answered(2, "not_found"), tmdb_gone_at=NOW - timedelta(days=2), **more)


ASKED_50 = "last answer 2026-03-31 12:00 UTC, 50 days ago"
CASES: list[tuple[dict[str, Any], Source, str]] = [
    (released(3), TMDB, "due since 2024-02-03 04:05 UTC: never fetched"),
    (
        released(3, **answered(0)), OMDB,
        ("not due until 2026-05-25 12:00 UTC: 0-60 days: every 5 days; "
        "last answer 2026-05-20 12:00 UTC, just now"),
    ),
    (
        released(900, **answered(50)), OMDB,
        f"not due until 2026-09-27 12:00 UTC: over 365 days: every 180 days; {ASKED_50}",
    ),
    (
        {"release_date": None, **answered(50)}, OMDB,
        f"not due until 2026-06-29 12:00 UTC: no release date: every 90 days; {ASKED_50}",
    ),
    (
        released(900, **answered(50), **NAMED), TMDB,
        ("due since 2026-05-17 01:00 UTC: TMDB's change feed named it on 2026-05-16; films so "
        f"named are asked for 11 days after their last answer (over 365 days); {ASKED_50}"),
    ),
    (
        # Kept back past its interval until it was named: overdue since then only.
        released(900, **answered(120), **NAMED), TMDB,
        ("due since 2026-05-17 01:00 UTC: TMDB's change feed named it on 2026-05-16; films so "
        "named are asked for 11 days after their last answer (over 365 days); last answer "
        "2026-01-20 12:00 UTC, 120 days ago"),
    ),
    (
        released(900, **answered(170), **NAMED), TMDB,
        ("due since 2026-05-10 12:00 UTC: verified again after 160 days; only then TMDB's change "
        "feed named it on 2026-05-16; last answer 2025-12-01 12:00 UTC, 170 days ago"),
    ),
    (
        released(300, **answered(50)), TMDB,
        ("not due until 2026-09-07 12:00 UTC: TMDB's change feed has not named it since its last "
        "answer; verified again after 160 days; by its age alone (180-365 days, every 30 days) it "
        f"was due 2026-04-30 12:00 UTC; {ASKED_50}"),
    ),
    (
        released(900, is_frozen=True, **answered(50)), TMDB,
        ("not due until 2026-09-07 12:00 UTC: frozen, and TMDB's change feed has not named it "
        f"since its last answer; verified again after 160 days; {ASKED_50}"),
    ),
    (
        released(900, is_frozen=True, **answered(50)), OMDB,
        f"not due until 2026-09-27 12:00 UTC: frozen, verified again after 180 days; {ASKED_50}",
    ),
    (
        released(900, **answered(50, "unusable")), TMDB,
        "due since 2026-04-07 12:00 UTC: the answer could not be read; asked again after 7 days; "
        + ASKED_50,
    ),
    (
        released(900, **answered(0.5, "not_found")), TMDB,
        ("not due until 2026-05-21 00:00 UTC: TMDB did not know it; asked again after 1 day; "
        "last answer 2026-05-20 00:00 UTC, 12 hours ago"),
    ),
    (
        gone(), TMDB,
        ("never due: TMDB no longer has it (not found twice, gone since 2026-05-18 12:00 UTC); the "
        "row stays, refreshes stop"),
    ),
    (
        gone(last_seen_at=NOW), TMDB,
        ("due since 2026-05-19 12:00 UTC: gone, and seen on a list or in discover since; asked "
        "again after 1 day; last answer 2026-05-18 12:00 UTC, 2 days ago"),
    ),
    (
        released(3, imdb_id=None, **answered(0)), OMDB,
        "never due: it has no imdb id, and OMDb is asked by one",
    ),
    (
        released(3, **failed(1, 3)), TMDB,
        ("not due until 2026-05-21 03:00 UTC: failed 3 times in a row, last 2026-05-20 11:00 UTC "
        "(TMDB gave no answer); that is its next try"),
    ),
    (
        released(3, **failed(1)), TMDB,
        "due since 2026-05-20 12:00 UTC: never fetched, failed once in a row",
    ),
    (
        released(900, **answered(200), **failed(2)), OMDB,
        ("due since 2026-05-20 11:00 UTC: over 365 days: every 180 days; "
        "last answer 2025-11-01 12:00 UTC, 200 days ago, failed once since"),
    ),
    (
        released(10, **answered(-1 / 24)), OMDB,
        ("not due until 2026-05-25 13:00 UTC: 0-60 days: every 5 days; "
        "last answer 2026-05-20 13:00 UTC, ahead of the clock"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("film", "source", "words"), CASES)
def test_every_decision_has_its_words(film: dict[str, Any], source: Source, words: str):
    assert told(film, source).words == words


@pytest.mark.parametrize(
    ("feed", "policy", "words"),
    [
        (None, EXACT, "the change feed was never read"),
        (FEED, RefreshPolicy(spread=0.0, is_feed_enabled=False), "the change feed is switched off"),
        (
            ChangeFeed(FEED.since, datetime(2026, 5, 10, tzinfo=UTC)),
            EXACT,
            "the change feed is not believed, it was read up to 2026-05-10 00:00 UTC",
        ),
        (
            ChangeFeed(datetime(2026, 5, 1, tzinfo=UTC), FEED.until),
            EXACT,
            "the change feed is known without a gap since 2026-05-01 00:00 UTC only",
        ),
    ],
)
def test_where_the_feed_does_not_decide_the_words_say_why(
    feed: ChangeFeed | None, policy: RefreshPolicy, words: str
):
    assert told(released(900, **answered(50)), feed=feed, policy=policy).words == (
        f"not due until 2026-06-29 12:00 UTC: over 365 days: every 90 days; {words}; {ASKED_50}"
    )


@pytest.mark.parametrize("feed", [None, ChangeFeed(FEED.since, datetime(2026, 5, 1, tzinfo=UTC))])
def test_a_film_due_by_its_interval_before_it_was_named_says_so(feed: ChangeFeed | None):
    """In an outage of the feed nothing had kept it back."""
    assert told(released(900, **answered(120), **NAMED), feed=feed).words == (
        "due since 2026-04-20 12:00 UTC: over 365 days: every 90 days; last answer "
        "2026-01-20 12:00 UTC, 120 days ago"
    )


def test_a_named_film_with_a_gap_longer_than_its_interval_names_the_interval():
    long = days_by_band(new=40, young=40, settling=40, old=40, undated=40)
    policy = RefreshPolicy(spread=0.0, gap_days=long)
    words = told(released(300, **answered(33)), policy=policy).words
    assert "verified again after 160 days" in words
    words = told(released(300, **answered(33), **NAMED), policy=policy).words
    assert words.startswith(
        "due since 2026-05-17 12:00 UTC: TMDB's change feed named it on 2026-05-16; films so named "
        "are asked for 30 days after their last answer (180-365 days);"
    )


def test_a_spread_interval_says_what_it_is_for_this_film():
    words = told(released(900, **answered(50)), OMDB, policy=RefreshPolicy()).words
    assert "every 180 days, 184.2 with its spread;" in words


def test_omdb_asked_for_its_box_office_says_so():
    money = days_by_band(new=2, young=2, settling=2, old=60, undated=2)
    words = told(released(900, **answered(50)), OMDB, policy=RefreshPolicy(
        spread=0.0, box_office_days=money)).words  # fmt: skip
    assert ": over 365 days: every 60 days, by its box office (ratings alone: every 180 days);" in (
        words
    )


def test_a_forced_film_is_due_and_keeps_the_words_it_would_have():
    film = released(900, **answered(50))
    plain, forced = told(film, OMDB), told(film, OMDB, is_forced=True)
    assert not plain.is_due
    assert forced.is_due
    assert forced.why is Why.FORCED
    assert forced.words == f"asked for because it is forced; else: {plain.words}"
    assert not told(released(3, imdb_id=None), OMDB, is_forced=True).is_due


def test_a_decision_carries_its_facts_as_plain_values():
    decision = told(released(900, is_frozen=True, **answered(50), **NAMED))
    assert decision == Decision(
        source=TMDB, tmdb_id=1, is_due=True, why=Why.NAMED, due_at=NAMED["named_at"],
        fetched_at=NOW - timedelta(days=50), age_band="over 365 days", is_frozen=True,
        is_spared=False, named_on=date(2026, 5, 16), words=decision.words,
    )  # fmt: skip
    assert told(gone()).due_at is None
    assert told(released(900, **answered(50))).is_spared
    assert told(released(900, **answered(50), **NAMED), OMDB).named_on is None
