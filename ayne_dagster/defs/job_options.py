"""The options of a run: one typed block in the launchpad, for all assets of the run alike.

Lives here: names, defaults, descriptions, what each job chooses where nothing is given, and the run
config that says the same (schedules, sensors and commands build theirs with `run_config_of`). Not
here: what holds for all runs (`settings/`) and which assets a job has (`jobs.py`).

The block is a resource, not the config of each asset: an option is said once, whatever subset of a
job runs. See `docs/jobs.md` and `docs/decisions/0032-options-of-a-run-are-a-resource.md`.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any

import dagster as dg
from pydantic import Field

from ayne_dagster.domain.release_years import UnknownReleaseYear

OPTIONS = "options"
"""Name of the resource: the launchpad's `resources: options: config:`."""


class Category(StrEnum):
    """One of TMDB's five lists."""

    popular = "popular"
    top_rated = "top_rated"
    upcoming = "upcoming"
    now_playing = "now_playing"
    trending_week = "trending_week"


class Walk(StrEnum):
    """Which years of the run are walked through TMDB's discover."""

    none = "none"
    recent = "recent"
    due = "due"
    force = "force"


class ModelYears(StrEnum):
    """Which years of the run get a model."""

    all = "all"
    recent = "recent"


class RunOptions(dg.ConfigurableResource):
    """What one run may change. An option that is left out is chosen by the job."""

    categories: list[Category] | None = Field(
        default=None,
        description="Which of TMDB's five lists are read: popular, top_rated, upcoming, "
        "now_playing, trending_week. The stored rows of the others stay. Default: all; "
        "quick_update: popular, trending_week.",
    )
    pages_per_category: int | None = Field(
        default=None,
        ge=1,
        le=500,
        description="Pages read of each list, 20 films each. Default: DISCOVERY__LIST_PAGES.",
    )
    walk: Walk | None = Field(
        default=None,
        description="Which of the run's years are walked through TMDB's discover: none; recent "
        "(from last year on, where due); due (every year whose last walk is too old or too "
        "narrow); force (every year). Default: due; quick_update: none; daily_update: recent.",
    )
    min_votes: int | None = Field(
        default=None,
        ge=0,
        description="Discover only films with at least so many TMDB votes. "
        "Default: DISCOVERY__MIN_VOTES.",
    )
    max_pages: int | None = Field(
        default=None,
        ge=1,
        description="Most discover pages per year, 20 films each. Default: DISCOVERY__MAX_PAGES.",
    )
    years: list[str] | None = Field(
        default=None,
        description="Only these release years are walked and asked for, as ['1999', 'undated']; "
        "they must be among the run's partitions. Default: all of these.",
    )
    enrichment: bool = Field(
        default=True, description="Whether TMDB is asked for details and OMDb for ratings."
    )
    only_new: bool | None = Field(
        default=None,
        description="Ask only for films that were never asked for. Default: no; quick_update: yes.",
    )
    only_listed: bool | None = Field(
        default=None,
        description="Ask only for films that are on the lists of `categories` now. Default: no; "
        "quick_update: yes.",
    )
    tmdb_ids: list[int] | None = Field(
        default=None,
        description="Ask only for these films, by TMDB id, where they are due (with `force`: due "
        "or not, frozen or not). Default: every film of the run's years.",
    )
    refresh_limit: int | None = Field(
        default=None,
        ge=1,
        description="Most films asked for at each service; the rest stays due. "
        "Default: REFRESH__LIMIT_PER_RUN.",
    )
    budget_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of what is left of the day's quota of each service that this run may "
        "use for details and ratings, 0 to 1; without a quota there is no limit.",
    )
    force: bool = Field(
        default=False,
        description="Read lists and ask for films whether they are due or not, frozen ones too. "
        "(Discover is forced by `walk: force`.)",
    )
    models: ModelYears | None = Field(
        default=None,
        description="Which of the run's years get a model: all, or the recent alone: last year, "
        "this and the next (the stored models of the others stay, unless they are of another "
        "version of the recipe or their files are gone). Default: all; weekly_enrichment and "
        "train_model: recent.",
    )

    def of_job(self, job_name: str) -> "RunOptions":
        """These options, with the job's own choice where nothing was given.

        Args:
            job_name: The run's job; one without choices of its own (a backfill of assets) takes
                what `collect` takes.
        """
        chosen = CHOICES.get(job_name, {})
        given = {name: value for name in RunOptions.model_fields
                 if (value := getattr(self, name)) is not None}  # fmt: skip
        return RunOptions(**{**_GENERAL, **chosen, **given})

    def years_among(self, partition_keys: Sequence[str]) -> list[str]:
        """The run's release years these options mean, in the order of the partitions.

        Raises:
            UnknownReleaseYear: A year is wanted that is no partition of the run.
        """
        if self.years is None:
            return list(partition_keys)
        strange = [year for year in self.years if year not in partition_keys]
        if strange:
            raise UnknownReleaseYear(
                f"the option `years` asks for {', '.join(strange)}, and this run has the "
                f"partitions {partition_keys[0]} to {partition_keys[-1]}"
            )
        return [key for key in partition_keys if key in self.years]


_GENERAL: Mapping[str, Any] = MappingProxyType(
    {
        "categories": list(Category),
        "walk": Walk.due,
        "only_new": False,
        "only_listed": False,
        "models": ModelYears.all,
    }
)
CHOICES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "quick_update": {
            "categories": [Category.popular, Category.trending_week],
            "walk": Walk.none,
            "only_new": True,
            "only_listed": True,
        },
        "daily_update": {"walk": Walk.recent},
        "weekly_enrichment": {"models": ModelYears.recent},
        "train_model": {"models": ModelYears.recent},
    }
)
"""What a job chooses where a run's config says nothing."""


def run_config_of(job_name: str, options: RunOptions | None = None) -> dict[str, Any]:
    """The run config that the launchpad would hold for these options.

    Args:
        job_name: A job of `jobs.py`.
        options: What is to differ from the job's own choice; None: nothing.

    Returns:
        `{"resources": {"options": {"config": {...}}}}`, with what was given and nothing else; empty
        where nothing was given.

    Raises:
        ValueError: There is no such job, or it takes no options.
    """
    from ayne_dagster.defs.jobs import JOB_NAMES, JOBS_WITHOUT_OPTIONS

    if job_name not in JOB_NAMES:
        raise ValueError(f"there is no job {job_name!r}; there are {', '.join(JOB_NAMES)}")
    given = _given(options) if options is not None else {}
    if given and job_name in JOBS_WITHOUT_OPTIONS:
        raise ValueError(f"the job {job_name} takes no options, but was given {', '.join(given)}")
    return {"resources": {OPTIONS: {"config": given}}} if given else {}


def _given(options: RunOptions) -> dict[str, Any]:
    """What differs from saying nothing, as plain values."""
    given = {}
    for name, described in RunOptions.model_fields.items():
        value = getattr(options, name)
        if value != described.default:
            given[name] = _plain(value)
    return given


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return [_plain(one) for one in value] if isinstance(value, list) else value
