"""Every number of the refresh rule is a setting that reaches the policy."""

import pytest

from ayne_dagster.defs.services import refresh_policy
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.settings import Settings
from ayne_dagster.settings.freshness import ChangeSettings, RefreshSettings

# A run's limit is an option of jobs, and how long days are kept is the feed's own affair.
_OTHER = {"refresh.limit_per_run", "changes.keep_days"}
NUMBERS = [
    f"{section}.{name}"
    for section, of in (("refresh", RefreshSettings), ("changes", ChangeSettings))
    for name in of.model_fields
    if f"{section}.{name}" not in _OTHER
]


def test_the_defaults_of_the_settings_are_those_of_the_policy():
    assert refresh_policy(Settings()) == RefreshPolicy()


@pytest.mark.parametrize("setting", NUMBERS)
def test_every_number_of_the_rule_is_a_setting(setting: str):
    """`cycle_days` and the days of a film not found once stood in the policy only."""
    section, name = setting.split(".")
    settings = Settings()
    part = getattr(settings, section)
    value = getattr(part, name)
    changed = part.model_copy(update={name: not value if value is True else value / 2 + 0.25})
    other = settings.model_copy(update={section: changed})
    assert refresh_policy(other) != refresh_policy(settings)
