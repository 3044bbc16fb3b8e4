"""Reads the settings: environment > `.env` > YAML of the environment > default.

Lives here: the layers, where each value came from, and one clear line per wrong value. Nothing is
read at import. Not here: the knobs (`sections.py`).
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from ayne_dagster.domain.release_years import DEFAULT_FIRST_RELEASE_YEAR, FIRST_FILM_YEAR
from ayne_dagster.settings.freshness import (
    AutomationSettings,
    ChangeSettings,
    HistorySettings,
    RefreshSettings,
)
from ayne_dagster.settings.sections import (
    ArchiveSettings,
    BudgetSettings,
    DatabaseSettings,
    DiscoverySettings,
    ExperimentSettings,
    ExportSettings,
    ImdbSettings,
    LogSettings,
    ModelSettings,
    OmdbSettings,
    OptionalWebAddress,
    TmdbSettings,
)

PROJECT_ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS_FOLDER = PROJECT_ROOT / "ayne_dagster" / "environments"

Environment = Literal["development", "staging", "production"]


class SettingsError(ValueError):
    """A setting has a wrong value; the message names it, a line each."""


class Settings(BaseSettings):
    """All settings; `load_settings` reads them."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    environment: Environment = Field(default="development", description="Which YAML file is read.")
    first_release_year: int = Field(
        default=DEFAULT_FIRST_RELEASE_YEAR,
        ge=FIRST_FILM_YEAR,
        description="First release year kept, a calendar year.",
    )
    request_ledger: Path = Field(
        default=Path("data/raw/request_ledger.sqlite"),
        description="File in which all processes share pace and daily quota.",
    )
    bulk_folder: Path = Field(
        default=Path("data/raw/bulk"), description="Where whole files (ids, ratings) are kept."
    )
    instance_folder: Path = Field(
        default=Path("dagster_home"),
        description="Dagster's home of commands and of `ayne ui`: their runs and schedules.",
    )
    clock_url: OptionalWebAddress = Field(
        default=None,
        description="Where the platform reads the time instead of this machine's clock: the "
        "sandbox's `/_sandbox/clock`, for days that pass on command. Empty: this machine.",
    )
    tmdb: TmdbSettings = TmdbSettings()
    omdb: OmdbSettings = OmdbSettings()
    export: ExportSettings = ExportSettings()
    imdb: ImdbSettings = ImdbSettings()
    budget: BudgetSettings = BudgetSettings()
    database: DatabaseSettings = DatabaseSettings()
    archive: ArchiveSettings = ArchiveSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    refresh: RefreshSettings = RefreshSettings()
    changes: ChangeSettings = ChangeSettings()
    history: HistorySettings = HistorySettings()
    automation: AutomationSettings = AutomationSettings()
    model: ModelSettings = ModelSettings()
    experiments: ExperimentSettings = ExperimentSettings()
    logs: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _history_outlasts_freezing(self) -> "Settings":
        needed = self.refresh.frozen_after_cycles
        if self.history.keep_last <= needed:
            # What freezes a film could not be read from a thinned history again.
            raise ValueError(
                f"HISTORY__KEEP_LAST is {self.history.keep_last} and must be more than "
                f"REFRESH__FROZEN_AFTER_CYCLES, which is {needed}"
            )
        return self

    @model_validator(mode="after")
    def _days_are_those_of_one_clock(self) -> "Settings":
        if self.clock_url is not None and self.budget.backend == "redis":
            raise ValueError(
                "CLOCK_URL is set, and BUDGET__BACKEND is `redis`, which counts a day's quota by "
                "the Redis's own days. Set BUDGET__BACKEND=file, or unset CLOCK_URL"
            )
        return self

    def resolve(self, path: Path) -> Path:
        """A path of the settings as an absolute one; relative ones start at the project's root."""
        return path if path.is_absolute() else PROJECT_ROOT / path

    @property
    def tracking_uri(self) -> str:
        """MLflow's store with an absolute path, so that every process finds the same file."""
        prefix = "sqlite:///"
        if not self.experiments.tracking_uri.startswith(prefix):
            return self.experiments.tracking_uri
        path = self.resolve(Path(self.experiments.tracking_uri.removeprefix(prefix)))
        return f"{prefix}{path.as_posix()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Precedence, first wins; `load_settings` has already named the files."""
        return (init_settings,)


def load_settings(
    *, dotenv: Path | None = None, environments_folder: Path = ENVIRONMENTS_FOLDER
) -> Settings:
    """Read the settings.

    Args:
        dotenv: The `.env` file; None: the one in the project's root, if there is one.
        environments_folder: Where `development.yaml`, `staging.yaml`, `production.yaml` lie.

    Raises:
        SettingsError: One line per wrong value, naming the setting and where it came from.
    """
    settings, _ = load_settings_with_origin(dotenv=dotenv, environments_folder=environments_folder)
    return settings


def load_settings_with_origin(
    *, dotenv: Path | None = None, environments_folder: Path = ENVIRONMENTS_FOLDER
) -> tuple[Settings, dict[str, str]]:
    """Read the settings, and where each came from.

    Returns:
        The settings, and per dotted name (`tmdb.api_key`) the origin of its value; names that are
        not in it have their default.

    Raises:
        SettingsError: One line per wrong value.
    """
    dotenv = dotenv or PROJECT_ROOT / ".env"
    layers = _layers(dotenv, environments_folder)
    origin: dict[str, str] = {}
    merged: dict[str, Any] = {}
    for name, values in reversed(layers):
        _merge_into(merged, values, origin, name)
    try:
        return Settings(**merged), origin
    except ValidationError as error:
        raise SettingsError(_one_line_each(error, origin)) from None


def setting_name(path: tuple[str, ...]) -> str:
    """The name under which the environment knows a setting: `TMDB__API_KEY`."""
    return "__".join(part.upper() for part in path)


def _layers(dotenv: Path, environments_folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """The layers, strongest first, each as nested plain values."""
    env = _nested(EnvSettingsSource(Settings))
    file = _nested(DotEnvSettingsSource(Settings, env_file=dotenv)) if dotenv.is_file() else {}
    environment = env.get("environment") or file.get("environment") or "development"
    yaml_path = environments_folder / f"{environment}.yaml"
    values: dict[str, Any] = {}
    if yaml_path.is_file():
        values = _yaml_values(yaml_path)
    return [("environment", env), (dotenv.name, file), (yaml_path.name, values)]


def _yaml_values(path: Path) -> dict[str, Any]:
    """The values of a YAML file of ours; unlike in `.env`, every name in it must be a setting.

    Raises:
        SettingsError: The file cannot be read, or names what is no setting.
    """
    try:
        values = YamlConfigSettingsSource(Settings, yaml_file=path)()
    except (YAMLError, ValueError) as error:
        raise SettingsError(f"{path.name} is no YAML of settings: {error}") from None
    if unknown := [str(name) for name in values if name not in Settings.model_fields]:
        raise SettingsError(
            "\n".join(
                f"{setting_name((name,))} (from {path.name}): there is no such setting; "
                "`ayne settings` lists all"
                for name in unknown
            )
        )
    return values


def _nested(
    source: EnvSettingsSource | DotEnvSettingsSource | InitSettingsSource,
) -> dict[str, Any]:
    try:
        return source()
    except ValueError as error:
        # A section given as a whole (TMDB='...') instead of by its parts.
        raise SettingsError(f"{error}; name single settings, like TMDB__API_KEY") from None


def _merge_into(
    target: dict[str, Any],
    values: dict[str, Any],
    origin: dict[str, str],
    name: str,
    path: tuple[str, ...] = (),
) -> None:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict):
            _merge_into(target.setdefault(key, {}), value, origin, name, here)
        else:
            target[key] = value
            origin[".".join(here)] = name


def _one_line_each(error: ValidationError, origin: dict[str, str]) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        path = tuple(str(part) for part in problem["loc"])
        known = [p for p in (path, path[:2], path[:1]) if ".".join(p) in origin]
        named = known[0] if known else path
        where = origin.get(".".join(named))
        says = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            says = "there is no such setting; `ayne settings` lists all"
        # What concerns two settings names them itself.
        is_named = not path or says.startswith(f"{setting_name(path)}__")
        name = "" if is_named else f"{setting_name(named)}{f' (from {where})' if where else ''}: "
        lines.append(f"{name}{says}")
    return "\n".join(dict.fromkeys(lines))
