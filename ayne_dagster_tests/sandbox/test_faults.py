"""Each fault alone against the app: what it sends, whom it hits, and that it is counted."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.faults.cases import CASES, NOT_SERVED
from ayne_dagster.sandbox.faults.plan import FaultPlan
from ayne_dagster.sandbox.server import running_sandbox
from ayne_dagster_tests.sandbox.conftest import Client

PARTS = {"append_to_response": "credits,keywords"}
EXPORT = "/p/exports/movie_ids_05_19_2026.json.gz"


def with_faults(catalogue: Catalogue, *faults: dict[str, Any], seed: int = 1) -> Client:
    return Client(catalogue, faults=FaultPlan.of({"seed": seed, "faults": list(faults)}))


@pytest.fixture(scope="module")
def film(catalogue: Catalogue) -> int:
    return int(catalogue.columns.id[0])


@pytest.fixture(scope="module")
def title(catalogue: Catalogue) -> str:
    columns = catalogue.columns
    return next(
        i for i, rated in zip(columns.imdb_id, columns.has_rating, strict=True) if i and rated
    )


def asked_for(client: Client, service: str, film: int, title: str) -> httpx.Response:
    """A request that case's service has a good answer to."""
    if service == "omdb":
        return client.omdb(i=title)
    if service in ("exports", "imdb"):
        return client.ask(EXPORT if service == "exports" else "/title.ratings.tsv.gz")
    return client.tmdb(f"movie/{film}", **PARTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_can_be_switched_on_alone_and_is_counted(
    catalogue: Catalogue, film: int, title: str, case: Any
) -> None:
    for kind in case.kinds or (None,):
        fault = {"case": case.number or case.name} | ({"kinds": kind} if kind else {})
        if case.seconds is not None:
            fault["seconds"] = 0
        client, quiet = with_faults(catalogue, fault), Client(catalogue)
        for service in case.services:
            ask = (
                (lambda c: c.tmdb("discover/movie", page=2))
                if "discover" in case.paths
                else (lambda c, service=service: asked_for(c, service, film, title))
            )
            good = ask(quiet)
            assert good.status_code == 200
            if case.name == "connection_broken":
                with pytest.raises((ConnectionResetError, httpx.TransportError)):
                    ask(client)
                continue
            met = ask(client)
            is_same = (met.status_code, met.content, met.headers["content-type"] if met.content
                       else "") == (200, good.content, good.headers["content-type"])  # fmt: skip
            assert is_same == (case.name == "slow"), (case.name, kind, met.content[:200])
        counts = client.ask("/_sandbox/stats").json()["faults"]
        assert counts == {case.name: len(case.services)}
        client.ask("/_sandbox/reset_stats", method="POST")
        assert client.ask("/_sandbox/stats").json()["faults"] == {}


def test_the_cases_are_those_of_the_table_each_once() -> None:
    numbers = [case.number for case in CASES if case.number] + [n for n, _, _ in NOT_SERVED]
    assert sorted(numbers) == list(range(1, 26))
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"case": 1, "kinds": "code_10"}, 401, '"status_code":10'),
        ({"case": 2, "kinds": "code_34_without_success"}, 404, '{"status_code":34'),
        ({"case": 2, "kinds": "code_6"}, 404, '"status_code":6'),
        ({"case": 5, "kinds": "errors"}, 422, '{"errors":['),
        ({"case": 6, "kinds": "code_27"}, 400, '"status_code":27'),
        ({"case": 7, "statuses": 502, "kinds": "json"}, 502, '"status_code":43'),
        ({"case": 7, "statuses": 504, "kinds": "html"}, 504, "<html>"),
        ({"case": 7, "kinds": "empty", "statuses": 503}, 503, ""),
        ({"case": 9}, 200, '"success":false,"status_code":21'),
        ({"case": 12}, 304, ""),
        ({"case": 13, "kinds": "null"}, 200, ":null"),
    ],
)
def test_tmdb_fails_in_its_own_words(
    catalogue: Catalogue, film: int, fault: dict[str, Any], status: int, words: str
) -> None:
    answer = with_faults(catalogue, fault).tmdb(f"movie/{film}", **PARTS)
    assert answer.status_code == status
    assert words in answer.text
    assert bool(answer.content) == bool(words)


@pytest.mark.parametrize(
    ("form", "value"),
    [("absent", None), ("zero", "0"), ("seconds", "3"), ("huge", "86400"), ("date", "GMT")],
)
def test_retry_after_comes_in_every_form(
    catalogue: Catalogue, film: int, form: str, value: str | None
) -> None:
    client = with_faults(catalogue, {"case": 3, "retry_after": form, "seconds": 3})
    answer = client.tmdb(f"movie/{film}")
    assert (answer.status_code, answer.json()["status_code"]) == (429, 25)
    said = answer.headers.get("retry-after")
    assert said == value or (form == "date" and value in said)


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"case": 15, "statuses": 403}, 403, "Request limit reached!"),
        ({"case": 16, "kinds": "absent"}, 401, "No API key provided."),
        ({"case": 17, "kinds": "error_getting_data"}, 200, "Error getting data."),
        ({"case": 18}, 200, 'string "011f8539" to'),
        ({"case": 19, "statuses": 522}, 522, "<html>"),
    ],
)
def test_omdb_fails_in_its_own_words(
    catalogue: Catalogue, title: str, fault: dict[str, Any], status: int, words: str
) -> None:
    answer = with_faults(catalogue, fault).omdb(i=title)
    assert answer.status_code == status
    assert words in answer.text


def test_omdb_answers_for_another_title(catalogue: Catalogue, title: str) -> None:
    answer = with_faults(catalogue, {"case": "other_title"}).omdb(i=title).json()
    assert answer["Response"] == "True"
    assert answer["imdbID"] != title


def test_a_truncated_answer_is_a_beginning_of_the_good_one(catalogue: Catalogue, film: int) -> None:
    damaged = with_faults(catalogue, {"case": 8, "kinds": "truncated"}).tmdb(f"movie/{film}")
    good = Client(catalogue).tmdb(f"movie/{film}")
    assert good.content.startswith(damaged.content)
    assert 0 < len(damaged.content) < len(good.content)
    assert damaged.headers["etag"] != good.headers["etag"]


def test_a_missing_part_is_missing_and_can_be_had_alone(catalogue: Catalogue, film: int) -> None:
    client = with_faults(catalogue, {"case": 13, "kinds": "absent"})
    body = client.tmdb(f"movie/{film}", **PARTS).json()
    [missing] = {"credits", "keywords"} - set(body)
    assert client.tmdb(f"movie/{film}/{missing}").status_code == 200
    # Asked for nothing more, a film has nothing to miss.
    assert client.tmdb(f"movie/{film}").json()["id"] == film


def test_a_page_repeats_the_last_film_of_the_page_before(catalogue: Catalogue) -> None:
    client = with_faults(catalogue, {"case": 11, "kinds": "repeated"})
    pages = [client.tmdb("discover/movie", page=number).json()["results"] for number in (1, 2)]
    assert pages[1][0]["id"] == pages[0][-1]["id"]
    assert len(pages[1]) == 20


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("empty", ([], 600)), ("no_results", ([], 0)), ("total_moved", (20, 600))],
)
def test_a_page_moves(catalogue: Catalogue, kind: str, expected: Any) -> None:
    client = with_faults(catalogue, {"case": 11, "kinds": kind})
    page = client.tmdb("discover/movie", page=3).json()
    if kind == "total_moved":
        assert len(page["results"]) == expected[0]
        assert 0 < abs(page["total_results"] - expected[1]) <= 2
    else:
        assert (page["results"], page["total_results"]) == expected


def test_odd_values_are_where_they_are_told_to_be(catalogue: Catalogue, film: int) -> None:
    def body(kind: str) -> dict[str, Any]:
        client = with_faults(catalogue, {"case": 10, "kinds": kind})
        return client.tmdb(f"movie/{film}").json()

    assert body("null_flag")["adult"] is None
    assert body("empty_date")["release_date"] == ""
    assert body("odd_date")["release_date"].endswith(" 18:00:03 UT")
    assert body("negative_money")["budget"] == -12
    assert isinstance(body("whole_number")["popularity"], int)
    assert "a_key_of_next_year" in body("new_key")


def test_bulk_files_are_cut_shrunk_or_have_a_line_nobody_can_read(catalogue: Catalogue) -> None:
    def content(kind: str) -> bytes:
        return with_faults(catalogue, {"case": 22, "kinds": kind}).ask(EXPORT).content

    good = gzip.decompress(Client(catalogue).ask(EXPORT).content).splitlines()
    with pytest.raises(EOFError):
        gzip.decompress(content("truncated"))
    shrunk = gzip.decompress(content("shrunk")).splitlines()
    assert len(shrunk) == int(0.7 * len(good))
    lines = gzip.decompress(content("bad_line")).splitlines()
    assert len(lines) == len(good) + 1
    with pytest.raises(json.JSONDecodeError):
        [json.loads(line) for line in lines]


def test_faults_hit_the_requests_they_name_and_nothing_else(
    catalogue: Catalogue, film: int, title: str
) -> None:
    other = int(catalogue.columns.id[1])
    client = with_faults(
        catalogue,
        {"case": 7, "ids": [film], "statuses": 500},
        {"case": 7, "path": "/3/discover/*", "statuses": 503},
        {"case": 8, "services": "omdb"},
    )
    assert client.tmdb(f"movie/{film}").status_code == 500
    assert client.tmdb(f"movie/{film}/credits").status_code == 500
    assert client.tmdb(f"movie/{other}").status_code == 200
    assert client.tmdb("discover/movie").status_code == 503
    assert client.tmdb("movie/popular").status_code == 200
    assert client.ask("/_sandbox/health").status_code == 200


def test_first_means_the_first_times_the_same_request_comes(
    catalogue: Catalogue, film: int
) -> None:
    client = with_faults(catalogue, {"case": 7, "first": 2})
    other = int(catalogue.columns.id[1])
    statuses = [client.tmdb(f"movie/{one}").status_code for one in (film, other, film, film, other)]
    assert [status >= 500 for status in statuses] == [True, True, True, False, True]


def fates(catalogue: Catalogue, ids: list[int], **options: Any) -> dict[int, int]:
    plan = [{"case": 7, "rate": 0.3, "statuses": 500}, {"case": 3, "rate": 0.2}]
    client = with_faults(catalogue, *plan, **options)
    return {one: client.tmdb(f"movie/{one}").status_code for one in ids}


def test_the_same_seed_hits_the_same_requests_in_whatever_order_they_come(
    catalogue: Catalogue,
) -> None:
    """With one counter for all, ten connections at once would make every run another one."""
    ids = catalogue.columns.id.tolist()[:120]
    once = fates(catalogue, ids)
    assert fates(catalogue, ids[::-1]) == once
    assert fates(catalogue, ids, seed=2) != once


def test_rates_are_shares_of_all_requests_and_add_up(catalogue: Catalogue) -> None:
    """Drawn one after the other, the second of two shares would be one of what is left."""
    seen = list(fates(catalogue, catalogue.columns.id.tolist()).values())
    assert len(seen) == 600
    assert 0.25 < seen.count(500) / 600 < 0.35
    assert 0.16 < seen.count(429) / 600 < 0.24


def test_the_key_does_not_change_a_requests_fate(catalogue: Catalogue) -> None:
    ids = catalogue.columns.id.tolist()[:60]
    token = SandboxConfig().tmdb_keys[1]
    client = with_faults(
        catalogue, {"case": 7, "rate": 0.3, "statuses": 500}, {"case": 3, "rate": 0.2}
    )
    headers = {"authorization": f"Bearer {token}"}
    by_token = {one: client.ask(f"/3/movie/{one}", headers=headers).status_code for one in ids}
    assert by_token == fates(catalogue, ids)


@pytest.mark.slow
def test_connections_really_break() -> None:
    """An exception inside the app would have been a polite 500."""
    ends = {
        "reset": httpx.ReadError,
        "closed": httpx.RemoteProtocolError,
        "cut_off": httpx.RemoteProtocolError,
        "silent": httpx.ReadTimeout,
    }
    faults = [
        {"case": 14, "kinds": kind, "first": 1, "seconds": 1, "ids": number}
        for number, kind in enumerate(ends, 1)
    ]
    config = SandboxConfig(films=20, faults={"faults": faults})
    with running_sandbox(config) as sandbox, httpx.Client(trust_env=False, timeout=0.5) as web:
        for number, end in enumerate(ends.values(), 1):
            address = f"{sandbox.tmdb_base_url}/movie/{number}?api_key={sandbox.tmdb_key}"
            with pytest.raises(end):
                web.get(address)
            assert web.get(address).status_code in (200, 404)
        assert sandbox.stats()["faults"] == {"connection_broken": 4}
