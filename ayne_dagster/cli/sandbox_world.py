"""The settings under which everything runs against a sandbox and never touches real data.

Lives here: environment variables, which win over `.env` and YAML, for `demo` and `ui --sandbox`,
and the same as lines of a file for `sandbox`.
"""

import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path

from ayne_dagster.sandbox.config import SANDBOX_OMDB_KEY, SANDBOX_TMDB_KEY
from ayne_dagster.settings import PROJECT_ROOT

DEFAULT_FILMS = 1_500
DEFAULT_SEED = 42
SANDBOX_CONNECTIONS = 6
"""More only make the client's connection pool work harder: 4 gave 345 requests/s, 16 gave 213."""


def sandbox_folder(
    catalogue: Path | None, *, films: int, seed: int, years: tuple[int, int] | None
) -> Path:
    """Where data of a sandbox lies: a place for each set of films, so that they never mix.

    Args:
        catalogue: The folder served, or None for generated films.
        films: How many are generated.
        seed: Their seed.
        years: Their release years; None: the default ones.
    """
    if catalogue is not None:
        name = f"{catalogue.resolve().name}_{_short_hash(str(catalogue.resolve()))}"
    elif (films, seed, years) == (DEFAULT_FILMS, DEFAULT_SEED, None):
        return PROJECT_ROOT / "data" / "demo"
    else:
        span = "_{}_{}".format(*years) if years else ""
        name = f"{films}_{seed}{span}"
    return PROJECT_ROOT / "data" / f"demo_{name}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def sandbox_environment(url: str, folder: Path, *, first_year: int) -> dict[str, str]:
    """The variables that point a process at a sandbox and at a folder of its own.

    Args:
        url: The sandbox's address, without a path.
        folder: Where database, mirror, ledger and models go.
        first_year: First release year the sandbox has films of.
    """
    folder = folder.resolve()
    return {
        "ENVIRONMENT": "development",
        "FIRST_RELEASE_YEAR": str(first_year),
        "TMDB__API_KEY": SANDBOX_TMDB_KEY,
        "TMDB__BASE_URL": f"{url}/3",
        "TMDB__REQUESTS_PER_SECOND": "0",
        "TMDB__MAX_CONNECTIONS": str(SANDBOX_CONNECTIONS),
        "TMDB__DAILY_QUOTA": "",
        "OMDB__API_KEY": SANDBOX_OMDB_KEY,
        "OMDB__BASE_URL": f"{url}/",
        "OMDB__REQUESTS_PER_SECOND": "0",
        "OMDB__MAX_CONNECTIONS": str(SANDBOX_CONNECTIONS),
        "OMDB__DAILY_QUOTA": "",
        "EXPORT__IS_ENABLED": "true",
        "EXPORT__BASE_URL": f"{url}/p/exports",
        # The sandbox's ratings are invented: nobody's terms bind them.
        "IMDB__ACCEPT_PERSONAL_USE": "true",
        "IMDB__BASE_URL": url,
        "BULK_FOLDER": str(folder / "bulk"),
        "INSTANCE_FOLDER": str(folder / "dagster_home"),
        "DISCOVERY__MIN_VOTES": "0",
        "DISCOVERY__MAX_PAGES": "",
        "REFRESH__LIMIT_PER_RUN": "",
        "DATABASE__PATH": str(folder / "ayne.duckdb"),
        "DATABASE__MIRROR_FOLDER": str(folder / "intermediate"),
        "DATABASE__PROCESSED_FOLDER": str(folder / "processed"),
        "ARCHIVE__FOLDER": str(folder / "raw" / "responses"),
        "REQUEST_LEDGER": str(folder / "request_ledger.sqlite"),
        "EXPERIMENTS__TRACKING_URI": f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').as_posix()}",
        "EXPERIMENTS__ARTIFACT_FOLDER": str(folder / "mlflow" / "artifacts"),
    }


def environment_lines(environment: Mapping[str, str]) -> list[str]:
    """The variables as `NAME=value`, quoted as shells and readers of `.env` files understand it."""
    return [f"{name}={_quoted(value)}" for name, value in environment.items()]


def _quoted(value: str) -> str:
    if "'" not in value:
        return shlex.quote(value) if value else ""
    # How a shell writes an apostrophe in single quotes, readers of `.env` do not understand.
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
