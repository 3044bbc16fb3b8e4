"""What a narrow terminal and a pipe see of tables: lines end between words."""

import io
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from rich.console import Console

from ayne_dagster.cli import collect, demo, run, status
from ayne_dagster.cli.console import console, table
from ayne_dagster.cli.job_runs import AssetOutcome, JobOutcome
from benchmarks.reporting import Figures, Goal, Report, print_report

AT = datetime(2026, 5, 20, 12, 30, tzinfo=UTC)
FIGURES = {
    "requests": 1_234, "rows inserted": 12_345, "rows updated": 1_234, "rows unchanged": 12_345,
    "not found": 12, "deferred": 1_234,
}  # fmt: skip


def _runs() -> None:
    made = {
        "job": "weekly_enrichment", "partitions": ["1990", "2029"], "requests": {"x": 12_345},
        "films_answered": 12_345, "rows_inserted": 12_345, "rows_updated": 12_345, "deferred": 950,
        "failed": {}, "seconds": 12_345.0, "error": None,
    }  # fmt: skip
    run._show([made], None)


def _last_runs() -> None:
    made = {
        "run_id": "0a1b2c3d-0000", "job": "weekly_enrichment", "kind": "schedule",
        "status": "canceled", "started_at": AT, "seconds": 1_234.5, "films_processed": 12_345,
        "tmdb_requests": 12_345, "omdb_requests": 950,
    }  # fmt: skip
    status._show_runs({"runs": [made], "run_figures": []})


def _collected() -> None:
    assets = [AssetOutcome(name, FIGURES) for name in ("discovered_movies", "tmdb_details")]
    collect._show(["2025", "2029"], JobOutcome("x", 12.3, assets))


def _demo() -> None:
    stages = dict.fromkeys(("in the catalogue", *demo._STAGES), 12_345)
    film = {
        "title": "The Extraordinary Chronicles of an Underestimated Lighthouse", "tmdb_id": 1,
        "release_date": AT.date(), "budget_usd": 123.4e6, "predicted_revenue_usd": 999.9e6,
        "lower_usd": 123.4e6, "upper_usd": 1.2e9,
    }  # fmt: skip
    model = {
        "release_year": "2025", "train_films": 12_345, "test_films": 1_234, "rmsle": 1.234,
        "rmsle_budget_rule": 2.345, "share_within_factor_two": 0.456,
        "share_within_factor_two_budget_rule": 0.345, "interval_coverage": 0.812,
    }  # fmt: skip
    demo._show({
        "years": [{"release_year": "2025", **stages}], "model": [model], "top forecasts": [film],
        "stored": {"films": 1, "rows": 1, "imdb ids": 1}, "back-test": {"films": 0},
        "expected": {"films": 1, "imdb ids with ratings": 1}, "requests": {"sent": {}},
        "rows changed": {}, "failed checks": [], "seconds": 1.0, "is_complete": True,
        "database": "/home/somebody/projects/with/a/long/path/to/are-you-not-entertained/data/demo/"
        "ayne.duckdb",
    })  # fmt: skip


def _benchmark() -> None:
    columns = ("strategy", "requests a day", "films not asked for", "late by days (median)",
               "late by days (worst)", "answers unchanged")  # fmt: skip
    lines = [("by age and change feed", 1_234.5, 12_345, 12.5, 123.5, 12_345)]
    goals = (Goal("goal", True),)
    report = Report("freshness", "400 days", "x", (), goals, figures=(Figures("", columns, lines),))
    print_report(report, console())


@pytest.mark.parametrize("show", [_runs, _last_runs, _collected, _demo, _benchmark])
def test_eighty_columns_break_no_word(
    show: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`weekly_enrichm` stood above `ent`, and `request` above `s`."""

    def words(columns: int) -> set[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        show()
        shown = capsys.readouterr().out
        lines = [line for line in shown.splitlines() if "/" not in line]  # Paths are not wrapped.
        assert max(map(len, lines)) <= columns
        return set(re.sub("[┃│━─╇┼]", " ", shown).split())

    assert words(80) <= words(400)


def _printed(width: int, *rows: list[str], whole: tuple[str, ...] = ()) -> list[str]:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(table("", ["what", "when"], rows, whole=whole))
    assert isinstance(screen.file, io.StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()][2:]


def test_a_short_column_of_one_long_word_is_not_paid_for_with_that_word():
    assert _printed(24, ["weekly_enrichment", "now and then"]) == [
        "weekly_enrichment │ now",
        "                  │ and",
        "                  │ then",
    ]


def test_where_the_room_is_short_the_rules_lose_their_space_before_a_whole_column_is_broken():
    assert _printed(14, ["weekly", "2026 7"], whole=("when",)) == ["weekly│2026 7"]
    assert _printed(12, ["weekly", "2026 7"], whole=("when",)) == ["weekly│2026", "      │7"]


def test_a_word_longer_than_the_screen_is_shown_to_its_end():
    shown = "".join(_printed(30, ["x" * 70, "now"])).replace("│", "").replace("now", "")
    assert shown.replace(" ", "") == "x" * 70


def test_a_pipe_is_wider_than_eighty_columns_unless_columns_says_so(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert console().width >= 120
    monkeypatch.setenv("COLUMNS", "72")
    assert console().width == 72
