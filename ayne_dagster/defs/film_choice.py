"""Which of the due films a run asks for: what its options leave of them, and why the rest waits.

Lives here: options and the day's budget applied to due films. Not here: what is due
(`domain/refresh_policy.py`), the options (`job_options.py`) and the asking (`refreshes.py`).
"""

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import Why
from ayne_dagster.storage.fetch_queries import FetchQueries

LEFT_BY_LIMIT = "the run's limit"
LEFT_BY_SHARE = "the run's share of the day's budget"
LEFT_BY_OPTION = "enrichment is off in this run"


@dataclass(frozen=True)
class Chosen:
    """The films a run asks a source for.

    Attributes:
        films: One row per id to ask for, the most urgent first; columns of `queries.due`.
        due: Films the choice was made from: due, and meant by the run's options.
        not_meant: Due films the options leave out.
        left: Ids that are meant and left for later.
        left_by: Why, in words; None where none is left.
        kept_back: Films whose interval is over and that TMDB's change feed says are unchanged; None
            where the feed has no say.
        named_in_vain: Films named by id that are not asked for; None where none was named.
    """

    films: pd.DataFrame = field(default_factory=pd.DataFrame)
    due: int = 0
    not_meant: int = 0
    left: int = 0
    left_by: str | None = None
    kept_back: int | None = None
    named_in_vain: int | None = None

    def metadata(self) -> dict[str, Any]:
        """The choice as figures for the UI."""
        figures = {"films due": self.due, "due but left out by the options": self.not_meant}
        if self.kept_back is not None:
            figures["kept back by the change feed"] = self.kept_back
        if self.named_in_vain is not None:
            figures["named but not due or not of these years"] = self.named_in_vain
        return figures


def choose_films(
    source: Source,
    years: Sequence[str],
    key_column: str,
    options: RunOptions,
    fetching: Fetching,
) -> Chosen:
    """The films to ask for now.

    Args:
        source: Whom to ask.
        years: Partition keys.
        key_column: Column with the id the source wants; films can share one.
        options: What the run says.
        fetching: Warehouse, policy, settings, budget.
    """
    queries, now = fetching.queries, fetching.services.now()
    # A film never asked for is due anyway: forcing would only hide which ones these are.
    is_forced = options.force and not options.only_new
    due = queries.due(source, years, now, fetching.policy, force=is_forced)
    if is_forced:
        # Whoever forces it doubts what is stored: the whole answer is wanted.
        due = due.drop(columns="etag", errors="ignore")
    meant = _meant(source, due, options, queries)
    ids = meant.drop_duplicates(key_column)
    most, left_by = _most(source, options, fetching)
    films = ids if most is None else ids.head(most)
    left = len(ids) - len(films)
    named = options.tmdb_ids
    kept_back = source is Source.TMDB and not is_forced
    return Chosen(
        films=films,
        due=len(meant),
        not_meant=len(due) - len(meant),
        left=left,
        left_by=left_by if left else None,
        kept_back=queries.spared_by_feed(years, now, fetching.policy) if kept_back else None,
        named_in_vain=None if named is None else len(set(named)) - len(meant),
    )


def _meant(
    source: Source, due: pd.DataFrame, options: RunOptions, queries: FetchQueries
) -> pd.DataFrame:
    """Those of the due films the options mean, in the same order."""
    if options.tmdb_ids is not None:
        due = due[due["tmdb_id"].isin(options.tmdb_ids)]
    if options.only_listed:
        wanted = set(options.categories or ())
        listed = {film["tmdb_id"] for film in queries.listed_films() if film["list_name"] in wanted}
        due = due[due["tmdb_id"].isin(listed)]
    if options.only_new:
        due = due[due["why"] == Why.NEVER_FETCHED.value]
    return due


def _most(source: Source, options: RunOptions, fetching: Fetching) -> tuple[int | None, str | None]:
    """Most ids asked for, None: any number; and what says so."""
    if not options.enrichment:
        return 0, LEFT_BY_OPTION
    bounds = [
        (options.refresh_limit or fetching.settings.refresh.limit_per_run, LEFT_BY_LIMIT),
        (_share_of_the_day(source, options.budget_share, fetching.services), LEFT_BY_SHARE),
    ]
    known = [(most, words) for most, words in bounds if most is not None]
    return min(known, key=lambda bound: bound[0], default=(None, None))


def _share_of_the_day(source: Source, share: float, services: Services) -> int | None:
    """Requests this share of what is left of the day comes to; None: no limit."""
    if share == 1:
        return None
    with closing(services.budget()) as budget:
        left = budget.left_today(source.value)
    # 0.29 of 100 is 29, whatever floating point says.
    return None if left is None else math.floor(round(share * left, 6))
