"""What a run that died had fetched is stored by one of those that come after it, before all ask."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.refreshes import take_over
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.defs.source_tables import TMDB_TABLE
from ayne_dagster.settings import load_settings
from ayne_dagster.storage.response_archive import ArchivedAnswer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELD_SECONDS = 0.5
"""How long the first of two runs cannot store what it takes over."""


@pytest.fixture
def fetching(project: Path) -> Fetching:
    return build_resources(load_settings(), now=lambda: NOW)["fetching"]


def leave_answers(fetching: Fetching, count: int) -> None:
    """What a run leaves behind that dies before it has stored anything."""
    with fetching.archive.session("tmdb") as journal:
        journal.keep(
            [
                ArchivedAnswer(str(number), NOW - timedelta(hours=1), "not_found")
                for number in range(1, count + 1)
            ]
        )


def stored(fetching: Fetching) -> int:
    return fetching.queries.warehouse.rows("SELECT count(*) AS films FROM refresh_state")[0][
        "films"
    ]


def test_a_run_that_finds_another_taking_over_asks_only_when_that_is_done(fetching: Fetching):
    """Runs of other years do not wait for each other's turn: the second saw the dead run's answers
    in somebody's hands, did not wait, and asked for all of them again."""
    leave_answers(fetching, 3)
    taken: list[int] = []
    seen_after: list[int] = []

    def start_a_run() -> None:
        store = fetching.store(TMDB_TABLE, "a test")
        taken.append(take_over(store, fetching))
        seen_after.append(stored(fetching))

    runs = [threading.Thread(target=start_a_run) for _ in range(2)]
    with fetching.queries.warehouse.writing("somebody else's work"):
        for run in runs:
            run.start()
            run.join(HELD_SECONDS / 2)
    for run in runs:
        run.join(30)
    assert sorted(taken) == [0, 3]
    assert seen_after == [3, 3]
