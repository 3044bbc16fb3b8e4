"""The knobs of freshness: how long an answer stays fresh, the change feed, the history, automation.

Lives here: name, type, default, unit, description. Not here: what the numbers mean
(`domain/refresh_policy.py`) and the other sections (`sections.py`).
"""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ayne_dagster.settings.sections import OptionalCount, Section

TMDB_TERMS_DAYS = 180
"""What is kept of TMDB has to be verified sooner than this: its terms of use."""


class RefreshSettings(Section):
    """How long an answer stays fresh, by age since release."""

    tmdb_days_new: float = Field(
        default=5, gt=0, description="TMDB: unreleased and 0-60 days, days."
    )
    tmdb_days_young: float = Field(default=15, gt=0, description="TMDB: 60-180 days, days.")
    tmdb_days_settling: float = Field(default=30, gt=0, description="TMDB: 180-365 days, days.")
    tmdb_days_old: float = Field(default=90, gt=0, description="TMDB: over 365 days, days.")
    tmdb_days_undated: float = Field(default=30, gt=0, description="TMDB: no release date, days.")
    omdb_days_new: float = Field(
        default=5, gt=0, description="OMDb: unreleased and 0-60 days, days."
    )
    omdb_days_young: float = Field(default=30, gt=0, description="OMDb: 60-180 days, days.")
    omdb_days_settling: float = Field(default=90, gt=0, description="OMDb: 180-365 days, days.")
    omdb_days_old: float = Field(default=180, gt=0, description="OMDb: over 365 days, days.")
    omdb_days_undated: float = Field(default=90, gt=0, description="OMDb: no release date, days.")
    box_office_days_new: float = Field(
        default=5, gt=0, description="Box office: unreleased and 0-60 days, days."
    )
    box_office_days_young: float = Field(
        default=30, gt=0, description="Box office: 60-180 days, days."
    )
    box_office_days_settling: float = Field(
        default=90, gt=0, description="Box office: 180-365 days, days."
    )
    box_office_days_old: float = Field(
        default=180, gt=0, description="Box office: over 365 days, days."
    )
    box_office_days_undated: float = Field(
        default=90, gt=0, description="Box office: no release date, days."
    )
    spread: float = Field(
        default=0.10,
        ge=0,
        lt=1,
        description="Due times are spread by this share of the interval, each way.",
    )
    gap_days_new: float = Field(
        default=1,
        ge=0,
        description="A film TMDB's change feed names is asked for so long after its last answer at "
        "the earliest: unreleased and 0-60 days, days.",
    )
    gap_days_young: float = Field(default=3, ge=0, description="The same: 60-180 days, days.")
    gap_days_settling: float = Field(default=7, ge=0, description="The same: 180-365 days, days.")
    gap_days_old: float = Field(default=11, ge=0, description="The same: over 365 days, days.")
    gap_days_undated: float = Field(default=7, ge=0, description="The same: no release date, days.")
    tmdb_days_not_found: float = Field(
        default=1, gt=0, description="TMDB does not know a film: asked again after, days."
    )
    omdb_days_not_found: float = Field(
        default=30, gt=0, description="OMDb does not know a film: asked again after, days."
    )
    days_unusable: float = Field(
        default=7, gt=0, description="An unreadable answer is asked for again after, days."
    )
    retry_hours: float = Field(
        default=1,
        gt=0,
        description="A film no answer came for after all tries is asked for again after, hours; "
        "four times as long after each further failure in a row.",
    )
    longest_retry_hours: float = Field(
        default=72, gt=0, description="But after no longer than this, hours."
    )
    gone_after_days: float = Field(
        default=1, gt=0, description='Two "not found" so far apart make a film gone, days.'
    )
    cycle_days: float = Field(
        default=1,
        ge=0,
        description="Unchanged refreshes count towards freezing only so far apart, days.",
    )
    frozen_after_days: int = Field(
        default=365, ge=0, description="Younger films never freeze, days."
    )
    frozen_after_cycles: int = Field(
        default=3, ge=1, description="Unchanged refreshes in a row before a film freezes."
    )
    frozen_recheck_days: float = Field(
        default=160,
        gt=0,
        le=160,
        description="What is frozen, or was not named by the change feed, is verified after so "
        "many days (TMDB: < 180); at OMDb no sooner than by its age.",
    )
    limit_per_run: OptionalCount = Field(
        default=None,
        ge=1,
        description="Most films fetched per source and run; empty: all that are due.",
    )

    @model_validator(mode="after")
    def _keeps_terms_of_tmdb(self) -> "RefreshSettings":
        """The film that is stretched most by the spread has to be in time, too."""
        bands = ("new", "young", "settling", "old", "undated")
        names = (*(f"tmdb_days_{band}" for band in bands), "frozen_recheck_days")
        longest = {name: getattr(self, name) * (1 + self.spread) for name in names}
        wrong = [name for name, days in longest.items() if days >= TMDB_TERMS_DAYS]
        if wrong:
            raise ValueError(
                "; ".join(
                    f"REFRESH__{name.upper()} is {getattr(self, name):g}, which REFRESH__SPREAD "
                    f"{self.spread:g} stretches to {longest[name]:g} days"
                    for name in wrong
                )
                + f"; TMDB's terms ask for less than {TMDB_TERMS_DAYS}: lower either"
            )
        return self


class ChangeSettings(Section):
    """TMDB's change feed: which films were edited, day by day."""

    is_enabled: bool = Field(
        default=True, description="Whether the feed decides; without it the plain intervals hold."
    )
    believed_days: float = Field(
        default=3,
        gt=0,
        description="A feed read up to longer ago than this is not believed: the plain intervals "
        "hold until it has caught up, days.",
    )
    keep_days: int = Field(
        default=200, ge=30, description="How long the feed is kept in `tmdb_changes`, days."
    )


class HistorySettings(Section):
    """`refresh_history`: how much of it is kept in full."""

    full_days: OptionalCount = Field(
        default=730,
        ge=30,
        description="Older months are thinned to one row a film and source, changes and first "
        "answers kept, days; empty: nothing is ever thinned.",
    )
    keep_last: int = Field(
        default=12,
        ge=4,
        description="The newest rows of each film and source that are kept whatever their age; "
        "more than `REFRESH__FROZEN_AFTER_CYCLES`.",
    )


class AutomationSettings(Section):
    """Schedules and sensors: what runs by itself, and when."""

    is_on: bool = Field(
        default=False,
        description="Whether schedules and sensors start switched on; the UI overrides it.",
    )
    timezone: str = Field(
        default="UTC", description="Time zone of the schedules, as `Europe/Zurich`."
    )
    quick_cron: str = Field(default="0 */6 * * *", description="When `quick_update` runs, cron.")
    daily_cron: str = Field(default="0 3 * * *", description="When `daily_update` runs, cron.")
    weekly_cron: str = Field(
        default="0 2 * * 0", description="When `weekly_enrichment` runs, cron."
    )
    training_cron: str = Field(default="0 6 * * 0", description="When `train_model` runs, cron.")
    refresh_due_seconds: int = Field(
        default=300, ge=1, description="How often `refresh_due` looks for due films, seconds."
    )
    change_feed_seconds: int = Field(
        default=1800, ge=1, description="How often `read_change_feed` looks for days, seconds."
    )
    retry_minutes: float = Field(
        default=60,
        ge=0,
        description="The same due films are not requested again sooner than this, minutes.",
    )

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is no time zone; write it as `UTC` or `Europe/Zurich`") from error
        return value

    @field_validator("quick_cron", "daily_cron", "weekly_cron", "training_cron")
    @classmethod
    def _is_cron(cls, value: str, info: ValidationInfo) -> str:
        assert info.field_name is not None
        if value == cls.model_fields[info.field_name].default:
            return value
        # Dagster's own rule, or every load of the definitions would end in its traceback. Imported
        # only here: settings are read by commands that never need Dagster.
        from dagster._utils.schedules import is_valid_cron_string

        if not is_valid_cron_string(value):
            raise ValueError(
                f"`{value}` is no cron schedule; write minute, hour, day, month and weekday, as "
                "`0 3 * * *` for 03:00 every day"
            )
        return value
