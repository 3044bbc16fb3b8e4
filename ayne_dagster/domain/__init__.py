"""The rules of the platform as pure code: frames and numbers in, frames and numbers out.

Lives here: table contracts, release years, refresh policy, features, the model. Does not: Dagster,
HTTP, DuckDB, MLflow, the clock, the environment (import-linter enforces it).
"""
