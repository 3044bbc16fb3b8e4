"""The outside world in: clients of the services, typed answers in, normalised rows out.

Lives here: asking, pacing, classifying, reading. Not here: storing (`storage`), and when a film is
due (`domain`). No dagster and no duckdb.
"""
