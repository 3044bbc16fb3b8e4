"""Every knob of the platform, typed.

Lives here: the knobs (`sections.py`) and how they are read (`loading.py`). Nested names are joined
with two underscores: `TMDB__API_KEY`.
"""

from ayne_dagster.settings.loading import (
    ENVIRONMENTS_FOLDER,
    PROJECT_ROOT,
    Environment,
    Settings,
    SettingsError,
    load_settings,
    load_settings_with_origin,
    setting_name,
)

__all__ = [
    "ENVIRONMENTS_FOLDER",
    "PROJECT_ROOT",
    "Environment",
    "Settings",
    "SettingsError",
    "load_settings",
    "load_settings_with_origin",
    "setting_name",
]
