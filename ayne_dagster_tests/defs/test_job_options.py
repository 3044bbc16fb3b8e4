"""Options of a run: what a job chooses, what a run config says, what is refused."""

import re
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from ayne_dagster.definitions import defs
from ayne_dagster.defs.job_options import (
    CHOICES,
    Category,
    ModelYears,
    RunOptions,
    Walk,
    run_config_of,
)
from ayne_dagster.defs.jobs import JOB_NAMES, JOBS
from ayne_dagster.domain.release_years import UnknownReleaseYear
from ayne_dagster.domain.tables import COLLECTION_STATS
from ayne_dagster.domain.tables.fetched import LIST_NAMES
from ayne_dagster_tests.conftest import PROJECT

EVERYTHING = RunOptions(
    categories=[Category.popular, Category.upcoming],
    pages_per_category=2,
    walk=Walk.force,
    min_votes=3,
    max_pages=4,
    years=["1999", "undated"],
    enrichment=False,
    only_new=True,
    only_listed=False,
    tmdb_ids=[603],
    refresh_limit=7,
    budget_share=0.25,
    force=True,
    models=ModelYears.recent,
)


def given(config: dict[str, Any]) -> dict[str, Any]:
    return config["resources"]["options"]["config"]


def test_the_categories_are_the_five_lists():
    assert tuple(category.value for category in Category) == LIST_NAMES


def test_what_is_not_said_is_left_to_the_job():
    assert run_config_of("quick_update") == {}
    assert run_config_of("quick_update", RunOptions()) == {}
    quick = RunOptions().of_job("quick_update")
    assert quick.categories == [Category.popular, Category.trending_week]
    assert (quick.walk, quick.only_new, quick.only_listed) == (Walk.none, True, True)
    assert RunOptions().of_job("daily_update").walk is Walk.recent
    weekly = RunOptions().of_job("weekly_enrichment")
    assert (weekly.walk, weekly.models) == (Walk.due, ModelYears.recent)
    for job in ("collect", "whole_graph", "refresh", "__ASSET_JOB"):
        plain = RunOptions().of_job(job)
        assert plain.categories == list(Category), job
        assert (plain.walk, plain.only_new, plain.only_listed) == (Walk.due, False, False), job
        assert (plain.models, plain.force, plain.budget_share) == (ModelYears.all, False, 1.0), job


def test_what_is_said_wins_over_the_jobs_choice():
    options = RunOptions(walk=Walk.due, only_new=False, only_listed=False, categories=[])
    chosen = options.of_job("quick_update")
    assert (chosen.walk, chosen.only_new, chosen.only_listed) == (Walk.due, False, False)
    assert chosen.categories == []


def test_every_option_reaches_the_run_config_as_a_plain_value():
    config = given(run_config_of("collect", EVERYTHING))
    assert set(config) == set(RunOptions.model_fields)
    assert config["categories"] == ["popular", "upcoming"]
    assert config["walk"] == "force"
    assert type(config["walk"]) is str
    assert RunOptions(**config) == EVERYTHING


@pytest.mark.parametrize("job", [name for name in JOB_NAMES if name != "bulk_files"])
def test_dagster_takes_the_run_config_of_every_job_and_of_a_part_of_it(job: str):
    """A part of a job that has no use for an option must not refuse the whole config."""
    config = run_config_of(job, EVERYTHING)
    resolved = defs().resolve_job_def(job)
    validated = dg.validate_run_config(resolved, config)
    assert validated is not None
    for key in resolved.asset_layer.executable_asset_keys:
        part = resolved.get_subset(asset_selection={key})
        dg.validate_run_config(part, config)


def test_every_choice_is_that_of_a_job_and_every_option_is_described():
    assert set(CHOICES) <= set(JOB_NAMES)
    for name, described in RunOptions.model_fields.items():
        assert len(described.description or "") > 20, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pages_per_category", 0),
        ("max_pages", 0),
        ("min_votes", -1),
        ("refresh_limit", 0),
        ("budget_share", 1.5),
        ("budget_share", -0.1),
        ("categories", ["best"]),
        ("walk", "sometimes"),
    ],
)
def test_options_that_mean_nothing_are_refused(name: str, value: Any):
    """`limit: 0` meant no limit at all, and minus one all films but the last."""
    with pytest.raises(ValidationError, match=name):
        RunOptions(**{name: value})


def test_a_job_that_does_not_exist_or_takes_no_options_is_said_so():
    with pytest.raises(ValueError, match="no job 'weekly'; there are quick_update"):
        run_config_of("weekly")
    assert run_config_of("bulk_files", RunOptions()) == {}
    with pytest.raises(ValueError, match="bulk_files takes no options, but was given force"):
        run_config_of("bulk_files", RunOptions(force=True))


def test_years_keep_the_order_of_the_run_and_may_not_leave_it():
    keys = ["1998", "1999", "2000", "undated"]
    assert RunOptions().years_among(keys) == keys
    assert RunOptions(years=["undated", "1999"]).years_among(keys) == ["1999", "undated"]
    with pytest.raises(UnknownReleaseYear, match=r"asks for 2001, and this run has .* 1998 to"):
        RunOptions(years=["1999", "2001"]).years_among(keys)


def test_the_page_of_jobs_names_every_job_and_option_and_what_jobs_choose():
    page = (PROJECT / "docs" / "jobs.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    jobs = {job.name for job in defs().resolve_all_job_defs()} - {"__ASSET_JOB"}
    assert set(rows) == jobs | set(RunOptions.model_fields)
    for job in JOBS:
        measures = COLLECTION_STATS.name in job.assets
        assert ("stats" in rows[job.name]) == measures, job.name
        said = "collection_stats" in job.description or "figures of the coll" in job.description
        assert said == measures, job.name
    for job, chosen in CHOICES.items():
        for option in chosen:
            assert f"`{job}`: " in rows[option], (job, option)
    for option, described in RunOptions.model_fields.items():
        if described.default is not None:
            assert rows[option].startswith(str(described.default).lower()), option
