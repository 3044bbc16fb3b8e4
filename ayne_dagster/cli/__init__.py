"""`ayne …`: what people type. One file per command, `main.py` gathers them.

Lives here: options, tables on the screen, exit codes. Not here: anything a Dagster run would not do
as well: `collect` and `demo` run the jobs of `defs/jobs.py`.
"""
