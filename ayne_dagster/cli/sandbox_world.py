"""The settings under which everything runs against a sandbox and never touches real data.

Lives here: environment variables, which win over `.env` and YAML, for `demo` and `ui --sandbox`.
"""

from pathlib import Path

from ayne_dagster.sandbox.config import SANDBOX_OMDB_KEY, SANDBOX_TMDB_KEY
from ayne_dagster.settings import PROJECT_ROOT

SANDBOX_CONNECTIONS = 6
"""More only make the client's connection pool work harder: 4 gave 345 requests/s, 16 gave 213."""


def sandbox_folder(catalogue: Path | None) -> Path:
    """Where data of the sandbox lies: one place for the generated films, one for a catalogue."""
    return PROJECT_ROOT / "data" / ("demo" if catalogue is None else "demo_catalogue")


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
        "DISCOVERY__MIN_VOTES": "0",
        "DISCOVERY__MAX_PAGES": "",
        "REFRESH__LIMIT_PER_RUN": "",
        "DATABASE__PATH": str(folder / "ayne.duckdb"),
        "DATABASE__MIRROR_FOLDER": str(folder / "intermediate"),
        "REQUEST_LEDGER": str(folder / "request_ledger.sqlite"),
        "EXPERIMENTS__TRACKING_URI": f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').as_posix()}",
        "EXPERIMENTS__ARTIFACT_FOLDER": str(folder / "mlflow" / "artifacts"),
    }
