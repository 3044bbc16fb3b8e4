"""Everything Dagster loads: assets, checks, jobs, resources.

Lives here: thin Dagster. Not here: rules (`domain`), HTTP (`sources`), SQL (`storage`), pictures
(`charts`).
"""
