"""The services as resources: how a run gets a client, its budget and its clock.

Lives here: from settings to clients. Not here: the clients (`sources`) and the registration with
Dagster (`resources.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ayne_dagster.defs.clock import Clock, utc_now
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, days_by_band
from ayne_dagster.settings import Settings
from ayne_dagster.settings.freshness import RefreshSettings
from ayne_dagster.sources.request_budget import RequestBudget, ServiceLimits, key_hash
from ayne_dagster.sources.sqlite_budget import SqliteRequestBudget

if TYPE_CHECKING:
    # Their HTTP library costs every process that loads definitions; few of them ask a service.
    from ayne_dagster.sources.bulk_files import BulkDownloader
    from ayne_dagster.sources.omdb import OmdbClient
    from ayne_dagster.sources.page_journal import PageJournal
    from ayne_dagster.sources.tmdb import TmdbClient


class MissingCredential(RuntimeError):
    """A service is needed whose key or address is not set."""


@dataclass(frozen=True)
class Services:
    """Clients of both services with one shared request budget.

    Attributes:
        settings: Where keys, addresses and limits come from.
        now: The platform's clock, UTC.
        journal: Pages of discover that a killed run left; None: it walks a year from its beginning.
    """

    settings: Settings
    now: Clock
    journal: "PageJournal | None" = None

    @property
    def has_tmdb_key(self) -> bool:
        """Whether TMDB can be asked at all."""
        return self.settings.tmdb.api_key is not None

    @property
    def has_omdb_key(self) -> bool:
        """Whether OMDb can be asked at all."""
        return self.settings.omdb.api_key is not None

    def require_tmdb_key(self) -> None:
        """Say at once what a run would say at its first step.

        Raises:
            MissingCredential: No key is set.
        """
        _needed(self.settings.tmdb.api_key, "TMDB__API_KEY", "TMDB")

    def tmdb(self, journal: "PageJournal | None" = None) -> "TmdbClient":
        """A TMDB client; use it as an async context manager.

        Args:
            journal: Where it keeps pages of discover.

        Raises:
            MissingCredential: No key is set.
        """
        from ayne_dagster.sources.tmdb import TmdbClient

        section = self.settings.tmdb
        return TmdbClient(
            credential=_needed(section.api_key, "TMDB__API_KEY", "TMDB"),
            credential_setting="TMDB__API_KEY",
            base_url=section.base_url,
            language=section.language,
            max_connections=section.max_connections,
            timeout_seconds=section.timeout_seconds,
            budget=self.budget(),
            now=self.now,
            journal=journal,
        )

    def omdb(self) -> "OmdbClient":
        """An OMDb client; use it as an async context manager.

        Raises:
            MissingCredential: No key is set.
        """
        from ayne_dagster.sources.omdb import OmdbClient

        section = self.settings.omdb
        return OmdbClient(
            credential=_needed(section.api_key, "OMDB__API_KEY", "OMDb"),
            credential_setting="OMDB__API_KEY",
            base_url=section.base_url,
            max_connections=section.max_connections,
            timeout_seconds=section.timeout_seconds,
            budget=self.budget(),
            now=self.now,
        )

    def bulk_files(self) -> "BulkDownloader":
        """Fetches whole files that need no key; use it as a context manager."""
        from ayne_dagster.sources.bulk_files import BulkDownloader

        return BulkDownloader(now=self.now)

    @contextmanager
    def logged(self, run_id: str) -> Iterator[None]:
        """Log what is asked in this block as the settings say, every line with the run's id."""
        from ayne_dagster.logs import configure_logs, log_context

        logs = self.settings.logs
        configure_logs(json_lines=logs.json_lines, level=logs.level, logger_name="ayne_dagster")
        with log_context(run_id=run_id):
            yield

    def budget(self) -> RequestBudget:
        """The budget all processes share; a client closes the one it was given.

        Raises:
            MissingCredential: Redis was chosen without its address.
        """
        limits = {}
        for source, section in (
            (Source.TMDB, self.settings.tmdb),
            (Source.OMDB, self.settings.omdb),
        ):
            limits[source.value] = ServiceLimits(
                requests_per_second=section.requests_per_second,
                daily_quota=section.daily_quota,
                key_hash=key_hash(section.api_key) if section.api_key else "",
                max_connections=section.max_connections,
            )
        if self.settings.budget.backend == "redis":
            from ayne_dagster.sources.redis_budget import RedisRequestBudget

            url = self.settings.budget.redis_url
            if url is None:
                raise MissingCredential(
                    "BUDGET__REDIS_URL is not set, and BUDGET__BACKEND is `redis`. Put the address "
                    "of the Redis into .env (redis://:password@host:6379/0), or set "
                    "BUDGET__BACKEND=file: processes of one machine need no Redis"
                )
            return RedisRequestBudget(url, limits)
        path = self.settings.resolve(self.settings.request_ledger)
        # Where days pass on command, requests still are real seconds apart.
        real = self.now if self.settings.clock_url is None else utc_now
        return SqliteRequestBudget(path, limits, now=real, days=self.now)


def refresh_policy(settings: Settings) -> RefreshPolicy:
    """The refresh policy with the numbers of the settings."""
    days, changes = settings.refresh, settings.changes
    return RefreshPolicy(
        interval_days={
            Source.TMDB: _days_by_band(days, "tmdb"),
            Source.OMDB: _days_by_band(days, "omdb"),
        },
        box_office_days=_days_by_band(days, "box_office"),
        gap_days=_days_by_band(days, "gap"),
        feed_believed_days=changes.believed_days,
        is_feed_enabled=changes.is_enabled,
        spread=days.spread,
        not_found_days={
            Source.TMDB: days.tmdb_days_not_found,
            Source.OMDB: days.omdb_days_not_found,
        },
        unusable_days=days.days_unusable,
        retry_hours=days.retry_hours,
        longest_retry_hours=days.longest_retry_hours,
        frozen_recheck_days=days.frozen_recheck_days,
        frozen_after_days=days.frozen_after_days,
        frozen_after_cycles=days.frozen_after_cycles,
        gone_after_days=days.gone_after_days,
        cycle_days=days.cycle_days,
    )


def _days_by_band(days: RefreshSettings, kind: str) -> dict[str, float]:
    """The five settings `<kind>_days_<band>`."""
    bands = ("new", "young", "settling", "old", "undated")
    return days_by_band(**{band: getattr(days, f"{kind}_days_{band}") for band in bands})


def _needed(key: SecretStr | None, setting: str, service: str) -> SecretStr:
    if key is None:
        raise MissingCredential(
            f"{setting} is not set, and {service} is needed here. Put it into .env (see "
            ".env.example), or work without keys: `ayne demo`, `ayne ui --sandbox`"
        )
    return key
