"""Are You Not Entertained? A data platform for movies, as a Dagster asset graph.

The rooms: `domain` (pure rules), `sources` (the outside world in), `storage` (the outside world
out), `charts` (pictures), `sandbox` (a stand-in of the services), `defs` (what Dagster loads) and
`cli` (what people type). `docs/architecture.md` shows who may import whom.
"""
