"""The benchmark of crashes fails where one kill costs too much, and where nothing was put to it."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from benchmarks.crash import Disturbed, report_of
from benchmarks.crash_checks import Findings
from benchmarks.crash_repeats import Repeats, Sent, note_requests, read_notes, repeats_of

KILLS = [f"process {number}" for number in range(120)]


def collection(*repeated: int, **changed: int) -> Disturbed:
    """A collection with 120 kills, of which the first ones cost so many requests."""
    costs = [*repeated, *(0 for _ in KILLS[len(repeated) :])]
    by_kill = {
        name: {f"GET /3/movie/{n}" for n in range(cost)}
        for name, cost in zip(KILLS, costs, strict=True)
    }
    done = Disturbed(
        kills=Counter({"writing": len(KILLS)}),
        repeats=Repeats(by_kill=by_kill),
        quota=300,
        counted_of_quota=300,
        sent_of_quota=296,
    )
    return replace(done, **changed)


def missed(run: Disturbed) -> list[str]:
    return [goal.words for goal in report_of([run], [collection()], 1_000).goals if not goal.is_met]


def test_a_collection_in_which_every_kill_costs_little_meets_every_goal() -> None:
    assert missed(collection(50, 50, 49)) == []


def test_one_kill_that_repeats_more_than_fifty_fails_whatever_the_others_cost() -> None:
    """A thousand requests of one kill of 105 were 9.5 a kill, and the goal was met."""
    [words] = missed(collection(51))
    assert "51" in words


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"counted_of_quota": 299}, "quota"),
        ({"sent_of_quota": 301}, "quota"),
        ({"refused": 1}, "quota"),
    ],
)
def test_a_quota_that_does_not_bind_or_is_exceeded_fails(
    changed: dict[str, int], told: str
) -> None:
    """With 5,000 allowed and 600 wanted, no quota could have been exceeded."""
    [words] = missed(collection(**changed))
    assert told in words


def test_a_request_sent_again_though_nobody_was_killed_fails() -> None:
    run = collection()
    run.repeats.by_the_living = 1
    assert len(missed(run)) == 1


def test_a_request_no_process_noted_fails() -> None:
    """Repeats are counted in the notes: what is not in them would never be counted."""
    run = collection()
    run.not_noted = 1
    assert len(missed(run)) == 1


def test_what_was_lost_fails() -> None:
    run = collection()
    run.findings = Findings(lost=1)
    assert len(missed(run)) == 1


def test_each_repeated_request_counts_for_the_kill_of_who_had_sent_it_last() -> None:
    sent = [
        Sent(1, "a", "film 1"),
        Sent(2, "a", "film 2"),
        Sent(3, "b", "film 9"),
        # a is killed; c takes over, tries once more, and is killed, too.
        Sent(4, "c", "film 1"),
        Sent(5, "c", "film 1"),
        Sent(6, "d", "film 1"),
        Sent(7, "d", "film 2"),
        # b came to its end: nobody had to ask for this.
        Sent(8, "d", "film 9"),
    ]
    found = repeats_of(reversed(sent), killed={"a", "c", "e"})
    assert found.by_kill == {"a": {"film 1", "film 2"}, "c": {"film 1"}, "e": set()}
    assert (found.most, found.mean) == (2, 1.0)
    assert (found.by_the_living, found.retries) == (1, 1)


def test_a_request_is_noted_before_it_is_sent_and_without_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    async def send(_self: httpx.AsyncHTTPTransport, _request: httpx.Request) -> httpx.Response:
        seen.append(len(read_notes(tmp_path)))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", send)
    note_requests(tmp_path / "one.tsv", "one")

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport()) as client:
            await client.get("http://127.0.0.1/3/movie/5?language=en&api_key=deadbeef")
            await client.get("http://127.0.0.1/?apikey=sandbox0&i=tt0000005")

    asyncio.run(ask())
    assert seen == [1, 2]
    assert [one.request for one in read_notes(tmp_path)] == [
        "GET /3/movie/5?language=en",
        "GET /?i=tt0000005",
    ]
