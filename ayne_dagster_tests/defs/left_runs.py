"""Runs a daemon left behind: records only, nobody executes them."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from ayne_dagster.defs.open_runs import range_tags


def left_run(job: str, status: dg.DagsterRunStatus, years: Sequence[str]) -> dg.DagsterRun:
    """A run over these years; one in a queue must say where its job is."""
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("ayne"), "__repository__")
    return dg.DagsterRun(
        job, status=status, tags=range_tags(years), remote_job_origin=RemoteJobOrigin(place, job)
    )
