"""Cuts of windows: whatever is cut, each film stands in exactly one part."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ayne_dagster.sources.discover_windows import Place, Window
from ayne_dagster.sources.http_client import Answer
from ayne_dagster.sources.sightings import Sightings
from ayne_dagster.sources.tmdb_payloads import MoviePage

FIRST = date(2020, 1, 1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLACES = st.builds(
    Place,
    st.integers(0, 60).map(lambda n: FIRST + timedelta(days=n)),
    st.integers(0, 40),
    st.sampled_from(["en", "fr"]),
)


def seen(places: Sequence[Place], at: datetime = NOON, window: Window | None = None) -> Sightings:
    films = [
        {
            "id": number,
            "release_date": place.day.isoformat(),
            "vote_count": place.votes,
            "original_language": place.language,
        }
        for number, place in enumerate(places, 1)
    ]
    payload = {"page": 1, "results": films, "total_pages": 1, "total_results": len(films)}
    sightings = Sightings(0)
    wide = Window(FIRST, FIRST + timedelta(days=366))
    sightings.add(window or wide, Answer(MoviePage.model_validate(payload), payload, at, 1))
    return sightings


@settings(max_examples=60)
@given(st.lists(PLACES, max_size=80), st.integers(1, 20), PLACES, st.integers(1, 80))
def test_every_cut_makes_up_its_window_exactly_and_goes_on_to_an_end(
    places: list[Place], size: int, other: Place, days: int
) -> None:
    """Seen or not, a place of the window stands in one part: nothing falls between two of them."""
    sightings = seen(places)
    window = Window(FIRST, FIRST + timedelta(days=days - 1))
    for _ in range(100):
        parts = sightings.cut(window, size)
        if not parts or parts[0].language is not None:
            break
        assert len(parts) > 1
        for place in (*places, other):
            holding = [part for part in parts if part.holds(place)]
            assert len(holding) == window.holds(place)
        assert sum(sightings.count(part) for part in parts) == sightings.count(window)
        window = max(parts, key=sightings.count)
    else:
        raise AssertionError(f"{window} is cut for ever")


def test_parts_of_a_window_too_large_make_it_up_exactly() -> None:
    year = Window(date(2020, 1, 1), date(2020, 12, 31), min_votes=10)
    one, other = year.parts(("en",))
    assert one.first_day == year.first_day
    assert other.first_day - one.last_day == timedelta(days=1)
    assert other.last_day == year.last_day
    day = Window(date(2020, 1, 1), date(2020, 1, 1), language="en")
    low, high = day.parts(())
    assert (low.min_votes, low.max_votes, high.min_votes, high.max_votes) == (0, 0, 1, None)
    assert low.parts(()) == []


def test_a_film_stands_where_it_was_asked_for_whatever_it_says_of_itself() -> None:
    """A filter and the figures come from caches of different ages; it was counted over there."""
    asked = Window(date(2020, 3, 1), date(2020, 3, 31), min_votes=10, language="en")
    sightings = seen([Place(date(2021, 7, 1), 9, "fr")], window=asked)
    assert sightings.count(asked) == 1
    assert sightings.rows[0]["release_date"] == date(2021, 7, 1)


def test_the_newest_sighting_counts_and_the_first_time_stays() -> None:
    old, new = Place(date(2020, 1, 5), 1, "en"), Place(date(2020, 2, 5), 2, "en")
    january = Window(date(2020, 1, 1), date(2020, 1, 31))
    february = Window(date(2020, 2, 1), date(2020, 2, 29))
    earlier = NOON - timedelta(hours=2)
    for order in (((old, earlier), (new, NOON)), ((new, NOON), (old, earlier))):
        sightings = Sightings(0)
        for place, at in order:
            film = {"id": 1, "release_date": place.day.isoformat(), "vote_count": place.votes}
            payload = {"page": 1, "results": [film], "total_pages": 1, "total_results": 1}
            answer = Answer(MoviePage.model_validate(payload), payload, at, 1)
            sightings.add(january if place is old else february, answer)
        (row,) = sightings.rows
        assert row["release_date"] == new.day
        assert (row["first_seen_at"], row["last_seen_at"]) == (earlier, NOON)
        assert (sightings.count(january), sightings.count(february)) == (0, 1)
