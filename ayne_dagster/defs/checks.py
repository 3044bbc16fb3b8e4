"""Asset checks: generated from the contracts, and the domain's own.

Lives here: check definitions. Blocking where a downstream asset would be poisoned: a repeated key,
a missing key or year. The rest warns. Not here: the checks of leaks and drift (`model_checks.py`),
the SQL (`storage/contract_checks.py`, `storage/movie_queries.py`).
See https://docs.dagster.io/guides/test/asset-checks.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from ayne_dagster.defs.model_checks import model_checks
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.tables import ASSET_TABLES, FEATURES, FORECASTS, OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.contract_checks import check_stored_rows
from ayne_dagster.storage.movie_queries import MovieQueries

OLDEST_ROW_DAYS = {TMDB_DETAILS.name: 180, OMDB_RATINGS.name: 200}
"""TMDB's terms: content may not be cached for longer than six months without asking again. OMDb's
have no such rule; its longest interval is 180 days and a tenth, so an older row was forgotten."""
LEAST_SHARE_WITH_DETAILS = 0.95


def contract_checks(contract: TableContract) -> dg.AssetChecksDefinition:
    """The checks every table has: keys unique, required values there, values plausible."""
    key = ", ".join(contract.key)
    required = ", ".join(column.name for column in contract.columns if not column.nullable)

    @dg.multi_asset_check(
        name=f"{contract.name}_contract",
        specs=[
            dg.AssetCheckSpec(
                "key_is_unique",
                asset=contract.name,
                blocking=True,
                description=f"No two rows share their key ({key}).",
            ),
            dg.AssetCheckSpec(
                "required_values_are_there",
                asset=contract.name,
                blocking=True,
                description=f"No row lacks one of: {required}.",
            ),
            dg.AssetCheckSpec(
                "values_are_plausible",
                asset=contract.name,
                description="Every value lies within the range, the list or the pattern of its "
                "column.",
            ),
        ],
    )
    def check(queries: dg.ResourceParam[MovieQueries]) -> Iterator[dg.AssetCheckResult]:
        found = check_stored_rows(queries.warehouse, contract)
        yield dg.AssetCheckResult(
            check_name="key_is_unique",
            asset_key=contract.name,
            passed=found.repeated_keys == 0,
            metadata={"rows": found.rows, "repeated keys": found.repeated_keys},
        )
        yield dg.AssetCheckResult(
            check_name="required_values_are_there",
            asset_key=contract.name,
            passed=not found.missing,
            metadata={"rows": found.rows, "rows without a value": found.missing},
        )
        yield dg.AssetCheckResult(
            check_name="values_are_plausible",
            asset_key=contract.name,
            passed=not found.implausible,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rows": found.rows, "rows outside": found.implausible},
        )

    return check


@dg.asset_check(
    asset=TMDB_DETAILS.name,
    description=f"At least {LEAST_SHARE_WITH_DETAILS:.0%} of the discovered films of the years "
    "collected so far have details.",
)
def films_have_details(queries: dg.ResourceParam[MovieQueries]) -> dg.AssetCheckResult:
    """Warn when a cap, a quota or failures left films without details."""
    discovered, detailed = queries.details_coverage()
    share = detailed / discovered if discovered else 1.0
    return dg.AssetCheckResult(
        passed=share >= LEAST_SHARE_WITH_DETAILS,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"discovered": discovered, "with details": detailed, "share": round(share, 4)},
    )


@dg.asset_check(
    asset=TMDB_DETAILS.name,
    description="No budget or revenue of 1-999 dollars: such figures are thousands or millions "
    "typed as dollars. They are kept, flagged, and never trained on.",
)
def money_is_no_unit_mistake(queries: dg.ResourceParam[MovieQueries]) -> dg.AssetCheckResult:
    """Warn about unit mistakes, with the films concerned."""
    films = queries.unit_mistakes()
    return dg.AssetCheckResult(
        passed=not films,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "films": len(films),
            "examples": ", ".join(f"{film['title']} ({film['tmdb_id']})" for film in films[:10]),
        },
    )


def row_age_check(contract: TableContract) -> dg.AssetChecksDefinition:
    """The check that no row of a fetched table is older than the terms allow."""

    @dg.asset_check(
        name="rows_are_recent",
        asset=contract.name,
        description=f"No row was fetched more than {OLDEST_ROW_DAYS[contract.name]} days ago.",
    )
    def check(
        queries: dg.ResourceParam[MovieQueries], services: dg.ResourceParam[Services]
    ) -> dg.AssetCheckResult:
        days = OLDEST_ROW_DAYS[contract.name]
        old = queries.rows_older_than(contract, services.now(), days)
        return dg.AssetCheckResult(
            passed=old == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rows older": old, "days": days},
        )

    return check


@dg.asset_check(
    asset=FORECASTS.name,
    description="Every forecast lies inside its own interval.",
)
def forecasts_lie_in_their_intervals(
    queries: dg.ResourceParam[MovieQueries],
) -> dg.AssetCheckResult:
    """Fail where an interval excludes its own centre."""
    outside = queries.forecasts_outside_interval()
    return dg.AssetCheckResult(passed=outside == 0, metadata={"films": outside})


@dg.asset_check(
    asset=FEATURES.name,
    blocking=True,
    description="No unit mistake carries a label: it would teach the model a figure a million "
    "times too small.",
)
def no_unit_mistake_is_labelled(queries: dg.ResourceParam[MovieQueries]) -> dg.AssetCheckResult:
    """Block training where a unit mistake would be learned."""
    labelled = queries.labelled_unit_mistakes()
    return dg.AssetCheckResult(passed=labelled == 0, metadata={"films": labelled})


def checks() -> dg.Definitions:
    """All checks: a new one has to be named here."""
    generated: Sequence[dg.AssetChecksDefinition] = [
        *(contract_checks(contract) for contract in ASSET_TABLES),
        row_age_check(TMDB_DETAILS),
        row_age_check(OMDB_RATINGS),
    ]
    own: Sequence[dg.AssetChecksDefinition] = [
        films_have_details,
        money_is_no_unit_mistake,
        no_unit_mistake_is_labelled,
        forecasts_lie_in_their_intervals,
        *model_checks(),
    ]
    return dg.Definitions(asset_checks=[*generated, *own])
