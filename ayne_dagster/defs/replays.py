"""Tables from the archive: details and ratings made again without a request.

Lives here: the order of a replay. Not here: the archive (`storage/response_archive.py`) and what
storing an answer does (`answer_store.py`).
"""

from collections.abc import Sequence

from ayne_dagster.defs.answer_store import StoreReport, in_commits
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.source_tables import OMDB_TABLE, TMDB_TABLE
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.sources.progress import stage

TABLES = {Source.TMDB: TMDB_TABLE, Source.OMDB: OMDB_TABLE}


def replay(
    fetching: Fetching,
    sources: Sequence[Source],
    years: Sequence[str],
) -> dict[Source, StoreReport]:
    """Store every archived answer again, the oldest first.

    Rows that are lost come back, with their history; rows that stand are read anew from the very
    answer they were made of, so that a reader that has learnt something reaches them; rows newer
    than the archive stay as they are.

    Args:
        fetching: Warehouse, archive, turns.
        sources: Which services; details come before ratings, whose films they name.
        years: All partition keys: nobody may fetch meanwhile.

    Returns:
        What was stored, per source.
    """
    reports = {}
    for source in sorted(sources, key=list(TABLES).index):
        store = fetching.store(TABLES[source], f"replay of {source}")
        with (
            fetching.turns.hold(source, years, f"replay of {source}"),
            stage(f"{source} answers", None, "answers") as advance,
        ):
            fetching.set_back_clocks()
            for group in in_commits(fetching.archive.in_order(source)):
                store.store(group, is_rederived=True)
                advance(len(group))
            store.mirror_now()
        reports[source] = store.report
    return reports
