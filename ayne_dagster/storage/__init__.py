"""The outside world out: the DuckDB warehouse, the Parquet mirror, the experiment log.

Lives here: everything that touches a file. Does not: HTTP, Dagster assets, rules about films.
"""
