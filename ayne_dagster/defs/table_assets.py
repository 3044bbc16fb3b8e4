"""What all table assets have in common: name, partitions, metadata, freshness.

Lives here: keyword arguments of `@dg.asset`. Not here: what an asset does (`assets/`).
"""

from typing import Any

import dagster as dg

from ayne_dagster.charts.column_schema import column_schema
from ayne_dagster.defs.freshness import freshness_policy
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.domain.tables.contract import TableContract


def table_asset(
    contract: TableContract, *, group: str, kinds: set[str], description: str
) -> dict[str, Any]:
    """The arguments of `@dg.asset` for the asset of a table.

    Args:
        contract: The table; the asset carries its name.
        group: Stage of the graph in the UI.
        kinds: Small icons in the UI, at most three.
        description: What the asset does, for people, in markdown.
    """
    arguments: dict[str, Any] = {
        "name": contract.name,
        "group_name": group,
        "kinds": kinds,
        "description": f"**{contract.title}.** {description}\n\nOne row is {contract.grain}.",
        "owners": ["team:ayne"],
        "freshness_policy": freshness_policy(contract.name),
        "metadata": {
            "dagster/column_schema": column_schema(contract),
            "write mode": contract.write_mode.value,
            "key": ", ".join(contract.key),
        },
    }
    if contract.year_column is not None:
        arguments["metadata"]["partition_expr"] = contract.year_column
        arguments["partitions_def"] = release_year_partitions()
        arguments["backfill_policy"] = dg.BackfillPolicy.single_run()
    return arguments
