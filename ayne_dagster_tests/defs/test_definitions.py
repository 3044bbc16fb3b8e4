"""What Dagster is told: assets, partitions, checks, jobs; read without running anything."""

import json
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from ayne_dagster.definitions import defs
from ayne_dagster.defs import checks, model_checks
from ayne_dagster.defs.change_days import CHANGE_DAY_PARTITIONS
from ayne_dagster.defs.dead_runs import in_process_executor
from ayne_dagster.defs.jobs import JOB_NAMES
from ayne_dagster.defs.partitions import release_year_partitions, year_and_all_before
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.domain.tables import ASSET_TABLES, TABLES, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.settings import Settings
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import detailed, put

GROUPS = {
    "movie_lists": "discovery",
    "discovered_movies": "discovery",
    "tmdb_details": "collection",
    "omdb_ratings": "collection",
    "frozen_flags": "freshness",
    "features": "modelling",
    "trained_model": "modelling",
    "back_test": "modelling",
    "forecasts": "modelling",
    "final_sets": "modelling",
    "tmdb_ids": "discovery",
    "imdb_ratings": "collection",
    "collection_stats": "freshness",
    "tmdb_changes": "freshness",
}
BULK = {"tmdb_ids", "imdb_ratings"}
FEED = {"tmdb_changes"}
STATS = {"collection_stats"}
MODELLING = {"features", "trained_model", "back_test", "forecasts", "final_sets"}
READS = {
    "movie_lists": set(),
    "discovered_movies": {"movie_lists"},
    "tmdb_details": {"discovered_movies"},
    "omdb_ratings": {"tmdb_details"},
    "frozen_flags": {"tmdb_details", "omdb_ratings"},
    "features": {"tmdb_details", "omdb_ratings", "frozen_flags"},
    "trained_model": {"features"},
    "back_test": {"trained_model", "features"},
    "forecasts": {"trained_model", "features"},
    "final_sets": {"features"},
    "tmdb_ids": set(),
    "imdb_ratings": {"tmdb_details"},
    "collection_stats": {"frozen_flags"},
    "tmdb_changes": set(),
}
EVERY_ASSET = pytest.mark.parametrize("table", ASSET_TABLES, ids=lambda table: table.name)


@pytest.fixture(scope="module")
def loaded() -> dg.Definitions:
    return defs()


@pytest.fixture(scope="module")
def specs(loaded: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}


def test_the_definitions_are_valid(loaded: dg.Definitions):
    dg.Definitions.validate_loadable(loaded)


def test_every_asset_table_is_an_asset_and_every_asset_a_table(specs: dict[str, dg.AssetSpec]):
    assert set(specs) == {table.name for table in ASSET_TABLES} == set(GROUPS)


@EVERY_ASSET
def test_every_asset_has_group_description_owner_and_kinds(
    table: TableContract, specs: dict[str, dg.AssetSpec]
):
    spec = specs[table.name]
    assert spec.group_name == GROUPS[table.name]
    assert spec.description is not None
    assert table.title in spec.description
    assert table.grain in spec.description
    assert spec.owners
    assert 1 <= len(spec.kinds) <= 3


@EVERY_ASSET
def test_the_graph_is_the_one_of_the_design(table: TableContract, specs: dict[str, dg.AssetSpec]):
    reads = {dep.asset_key.to_user_string() for dep in specs[table.name].deps}
    assert reads == READS[table.name]


@EVERY_ASSET
def test_the_column_schema_shows_every_column_of_the_contract(
    table: TableContract, specs: dict[str, dg.AssetSpec]
):
    schema = specs[table.name].metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == table.column_names
    assert all(column.description for column in schema.columns)


@pytest.mark.parametrize("name", ["trained_model", "back_test", "forecasts"])
def test_no_model_asset_is_handed_the_features_of_all_years_at_once(
    name: str, loaded: dg.Definitions
):
    """A million films in memory, where the ten thousand with an outcome are asked for."""
    asset = loaded.resolve_assets_def(name)
    handed = {asset.keys_by_input_name[given]: kind for given, kind in asset.op.ins.items()}
    assert handed[dg.AssetKey("features")].to_definition("features").dagster_type.is_nothing


@EVERY_ASSET
def test_a_backfill_of_a_partitioned_asset_is_one_run(table: TableContract, loaded: dg.Definitions):
    """A run per year cost twenty times as much as one run over twenty years."""
    node = loaded.resolve_asset_graph().get(dg.AssetKey(table.name))
    if table.name in FEED:
        assert node.partitions_def == CHANGE_DAY_PARTITIONS
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        return
    if table.year_column is None:
        assert node.partitions_def is None
        return
    assert node.partitions_def == release_year_partitions()
    assert node.backfill_policy == dg.BackfillPolicy.single_run()
    assert node.metadata["partition_expr"] == "release_year"


@EVERY_ASSET
def test_every_table_is_checked_against_its_contract(table: TableContract, loaded: dg.Definitions):
    keys = {key for key in loaded.resolve_asset_graph().asset_check_keys
            if key.asset_key == dg.AssetKey(table.name)}  # fmt: skip
    assert {"key_is_unique", "required_values_are_there", "values_are_plausible"} <= {
        key.name for key in keys
    }


def test_only_checks_that_guard_downstream_block(loaded: dg.Definitions):
    graph = loaded.resolve_asset_graph()
    blocking = {key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert blocking == {
        "key_is_unique",
        "required_values_are_there",
        "no_unit_mistake_is_labelled",
        "no_input_is_known_only_after_release",
    }


def test_every_check_of_the_module_is_loaded(loaded: dg.Definitions):
    """Four decorated checks were never loaded: a module with definitions of its own is not
    searched for more, and a check nobody runs fails nobody."""
    written = {
        key
        for value in (*vars(checks).values(), *vars(model_checks).values())
        if isinstance(value, dg.AssetChecksDefinition)
        for key in value.check_keys
    }
    assert len(written) == 8
    assert written <= set(loaded.resolve_asset_graph().asset_check_keys)


def test_every_check_says_what_it_checks(loaded: dg.Definitions):
    graph = loaded.resolve_asset_graph()
    silent = [key for key in graph.asset_check_keys if not graph.get_check_spec(key).description]
    assert not silent


@pytest.mark.parametrize(
    ("job", "assets"),
    [
        ("collect", {*list(GROUPS)[:5], *STATS}),
        ("quick_update", set(list(GROUPS)[:5])),
        ("daily_update", {*list(GROUPS)[:5], *STATS}),
        ("weekly_enrichment", set(GROUPS) - BULK - FEED),
        ("refresh", {"tmdb_details", "omdb_ratings", "frozen_flags"}),
        ("train_model", MODELLING),
        ("model", MODELLING),
        ("whole_graph", set(GROUPS) - BULK - FEED),
        ("bulk_files", BULK),
        ("change_feed", FEED),
    ],
)
def test_jobs_hold_the_assets_people_expect(loaded: dg.Definitions, job: str, assets: set[str]):
    found = loaded.resolve_job_def(job)
    assert {key.to_user_string() for key in found.asset_layer.executable_asset_keys} == assets
    assert found.description
    partitions = {"bulk_files": None, "change_feed": CHANGE_DAY_PARTITIONS}
    assert found.partitions_def == partitions.get(job, release_year_partitions())


def test_partitions_are_release_years_and_undated():
    keys = release_year_partitions().get_partition_keys()
    assert keys[0] == "1900"
    assert keys[-2:] == [str(datetime.now(UTC).year + 3), UNDATED]


def test_a_year_reads_itself_and_everything_before_and_nothing_after():
    """One year too many and the model has seen the future."""
    mapping = year_and_all_before()
    years = release_year_partitions()
    upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(
        years.subset_with_partition_keys(["1903"]), years, years
    ).partitions_subset
    assert sorted(upstream.get_partition_keys()) == ["1900", "1901", "1902", "1903"]
    undated = mapping.get_upstream_mapped_partitions_result_for_partitions(
        years.subset_with_partition_keys([UNDATED]), years, years
    ).partitions_subset
    assert list(undated.get_partition_keys()) == [UNDATED]


def test_runs_share_one_process_by_default(loaded: dg.Definitions):
    assert loaded.executor is in_process_executor


@pytest.mark.parametrize("job", JOB_NAMES)
def test_the_launchpad_offers_options_and_not_where_the_warehouse_lies(
    loaded: dg.Definitions, job: str
):
    schema = loaded.resolve_job_def(job).run_config_schema.run_config_schema_type
    fields = getattr(schema, "fields", {})
    offered = json.loads(fields["resources"].default_value_as_json_str)
    assert offered["io_manager"] == {"config": {}}
    assert [name for name, given in offered.items() if given.get("config")] in (["options"], [])


def test_a_partition_is_loaded_as_a_value_through_the_io_manager(tmp_path: Path):
    settings = Settings.model_validate(
        {"database": {"path": tmp_path / "films.duckdb", "is_mirrored": False}}
    )
    put(
        Warehouse(tmp_path / "films.duckdb"), TMDB_DETAILS,
        detailed(1, "2001"), detailed(2, "2002"),
    )  # fmt: skip
    details = dg.AssetSpec(TMDB_DETAILS.name, partitions_def=release_year_partitions())
    platform = dg.Definitions(
        assets=[details.with_io_manager_key("io_manager")],
        resources={"io_manager": build_resources(settings)["io_manager"]},
    )
    frame = platform.load_asset_value(details.key, python_type=pd.DataFrame, partition_key="2002")
    assert isinstance(frame, pd.DataFrame)
    assert [*frame["tmdb_id"]] == [2]


def test_operation_tables_are_no_assets(specs: dict[str, dg.AssetSpec]):
    assert {"refresh_history", "discovery_walks", "bulk_reads"} <= set(TABLES) - set(specs)
