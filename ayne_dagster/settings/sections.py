"""The knobs, section by section: name, type, default, unit, description.

A new setting is a field here; `ayne settings` and `docs/configuration.md` follow. Not here: how
values are read (`loading.py`).
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from ayne_dagster.sources.redis_address import NO_REDIS_ADDRESS, is_redis_address


def _empty_is_unset(value: object) -> object:
    """An empty variable (`TMDB__API_KEY=`) means "not given", as in a copied `.env.example`."""
    return None if isinstance(value, str) and not value.strip() else value


def _web_address(value: str) -> str:
    """Refuse what no request can be sent to, before any is tried; the value is not repeated."""
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or any(sign.isspace() for sign in value):
        raise ValueError("is no web address; write http:// or https:// and a host")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]
OptionalCount = Annotated[int | None, BeforeValidator(_empty_is_unset)]
OptionalWebAddress = Annotated[WebAddress | None, BeforeValidator(_empty_is_unset)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_unset)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TmdbSettings(Section):
    """TMDB: lists, discover, details."""

    api_key: OptionalSecret = Field(
        default=None,
        description="TMDB v3 API key (32 hex digits) or API read access token (Bearer).",
    )
    base_url: WebAddress = Field(
        default="https://api.themoviedb.org/3", description="Base URL; the sandbox has its own."
    )
    language: str = Field(
        default="en-US",
        pattern=r"[a-z]{2}-[A-Z]{2}",
        description="Language of titles and overviews.",
    )
    requests_per_second: float = Field(
        default=20.0, ge=0, description="Pace, requests/s (TMDB allows about 40); 0: no limit."
    )
    max_connections: int = Field(
        default=10,
        ge=1,
        le=500,
        description="Requests under way at once, of all processes (TMDB allows 20 per address).",
    )
    timeout_seconds: float = Field(
        default=20.0, gt=0, description="Longest wait for one answer, seconds."
    )
    daily_quota: OptionalCount = Field(
        default=None, ge=1, description="Requests per UTC day; empty: no quota."
    )

    @property
    def stand_in(self) -> str | None:
        """Host and port of what answers instead of TMDB, the sandbox for example; None: TMDB."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        if host == "themoviedb.org" or host.endswith(".themoviedb.org"):
            return None
        return host if parts.port is None else f"{host}:{parts.port}"


class OmdbSettings(Section):
    """OMDb: ratings, awards, US box office."""

    api_key: OptionalSecret = Field(default=None, description="OMDb API key.")
    base_url: WebAddress = Field(default="https://www.omdbapi.com/", description="Base URL.")
    requests_per_second: float = Field(
        default=10.0, ge=0, description="Pace, requests/s; 0: no limit."
    )
    max_connections: int = Field(
        default=8, ge=1, le=500, description="Requests under way at once, of all processes."
    )
    timeout_seconds: float = Field(
        default=20.0, gt=0, description="Longest wait for one answer, seconds."
    )
    daily_quota: OptionalCount = Field(
        default=950,
        ge=1,
        description="Requests per UTC day (a free key has 1,000); empty: no quota.",
    )


class ExportSettings(Section):
    """TMDB's daily export of all film ids: no key needed."""

    is_enabled: bool = Field(
        default=False, description="Whether `tmdb_ids` reads the export (about 25 MB a day)."
    )
    base_url: WebAddress = Field(
        default="https://files.tmdb.org/p/exports", description="Folder of the files."
    )
    min_popularity: float = Field(
        default=1.0,
        ge=0,
        description="Only ids at least so popular are taken for films that discover missed.",
    )
    limit_per_run: int = Field(
        default=1_000, ge=0, description="Most such films added to `discovered_movies` per run."
    )


class ImdbSettings(Section):
    """IMDb's file of ratings: no key needed, personal and non-commercial use only."""

    accept_personal_use: bool = Field(
        default=False,
        description="`true` says: I use IMDb's data sets for myself, not commercially, and "
        "republish nothing made of them. Without it `imdb_ratings` fetches nothing.",
    )
    base_url: WebAddress = Field(
        default="https://datasets.imdbws.com", description="Folder of the files."
    )


class BudgetSettings(Section):
    """Where pace, places and daily quota are shared."""

    backend: Literal["file", "redis"] = Field(
        default="file",
        description="`file`: all processes of this machine share `REQUEST_LEDGER`; `redis`: those "
        "of several machines share a Redis.",
    )
    redis_url: OptionalSecret = Field(
        default=None,
        validate_default=True,
        description="Address of the Redis (`redis://:password@host:6379/0`), for that backend.",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_there_when_needed_and_an_address(
        cls, value: SecretStr | None, info: ValidationInfo
    ) -> SecretStr | None:
        if value is None and info.data.get("backend") == "redis":
            raise ValueError(
                "is not set, and BUDGET__BACKEND is `redis`. Put the address of the Redis into "
                ".env (redis://:password@host:6379/0), or set BUDGET__BACKEND=file: processes of "
                "one machine need no Redis"
            )
        if value is not None and not is_redis_address(value.get_secret_value()):
            raise ValueError(NO_REDIS_ADDRESS)
        return value


class DatabaseSettings(Section):
    """The DuckDB warehouse and its Parquet mirror."""

    path: Path = Field(default=Path("data/ayne.duckdb"), description="The DuckDB file.")
    wait_seconds: float = Field(
        default=120.0, gt=0, description="Longest wait for a file somebody else holds, seconds."
    )
    memory_limit: OptionalText = Field(
        default=None, description="DuckDB memory limit (`4GB`); empty: DuckDB's own."
    )
    threads: OptionalCount = Field(
        default=None, ge=1, description="DuckDB threads; empty: all cores."
    )
    is_mirrored: bool = Field(
        default=True, description="Whether written partitions go to Parquet too."
    )
    mirror_folder: Path = Field(
        default=Path("data/intermediate"), description="Root of the mirror."
    )
    processed_folder: Path = Field(
        default=Path("data/processed"), description="Folder of the final sets for notebooks."
    )


class ArchiveSettings(Section):
    """The raw answers: journal of a run, archive afterwards."""

    folder: Path = Field(default=Path("data/raw/responses"), description="Root of the archive.")
    keep_days: int = Field(
        default=180,
        ge=0,
        le=180,
        description="Raw answers are kept for so many days (TMDB allows six months), unreadable "
        "ones in quarantine as well; 0: only until they stand in the warehouse.",
    )


class DiscoverySettings(Section):
    """Which films are looked for, and how often."""

    min_votes: int = Field(
        default=10, ge=0, description="Only films with at least so many TMDB votes."
    )
    max_pages: OptionalCount = Field(
        default=None, ge=1, description="Most discover pages per year (20 films each); empty: all."
    )
    list_pages: int = Field(
        default=5, ge=1, le=500, description="Pages read of each of the five lists."
    )
    lists_interval_hours: float = Field(
        default=5.0, ge=0, description="The lists are read again after so many hours."
    )
    recent_interval_hours: float = Field(
        default=20.0,
        ge=0,
        description="Last, this and coming years are walked again after so many hours.",
    )
    older_interval_days: float = Field(
        default=30.0, ge=0, description="Older years are walked again after so many days."
    )


class ModelSettings(Section):
    """The revenue model."""

    seed: int = Field(default=42, ge=0, description="Seed of everything random in training.")
    minimum_films: int = Field(
        default=50, ge=20, description="Fewer labelled films train no model."
    )
    first_test_year: OptionalCount = Field(
        default=None,
        ge=1900,
        description="First release year of the test films in the final sets; empty: the newest "
        "year with `MINIMUM_FILMS` labelled films.",
    )


class ExperimentSettings(Section):
    """MLflow."""

    tracking_uri: str = Field(
        default="sqlite:///data/mlflow/mlflow.db", description="MLflow tracking store."
    )
    artifact_folder: Path = Field(
        default=Path("data/mlflow/artifacts"), description="Models and plots."
    )
    name: str = Field(default="ayne_revenue", description="Name of the experiment.")


class LogSettings(Section):
    """Logs."""

    json_lines: bool = Field(
        default=False, description="JSON lines for machines instead of colours."
    )
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level."
    )
