"""What the crash benchmark looks for: rows lost, doubled or halved, files nobody can read."""

from dataclasses import dataclass, field, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ayne_dagster.domain.tables import TABLES
from ayne_dagster.domain.tables.contract import ColumnType
from ayne_dagster.storage.warehouse import Warehouse
from benchmarks.collecting_world import CollectingWorld

_FETCHED = ("discovered_movies", "tmdb_details", "omdb_ratings", "refresh_history")
_COMPARED = ("discovered_movies", "tmdb_details", "omdb_ratings", "frozen_flags")
_WORDS_OF_TIME = {"reason", "stable_fingerprint"}


@dataclass
class Findings:
    """What was found wrong, counted.

    Attributes:
        lost: Rows that were stored and are no longer there.
        doubled: Keys that stand twice.
        halved: Partitions that hold some of a write and not all.
        unreadable: Files that cannot be read.
        differing_tables: Tables that differ from an undisturbed run's.
        over_quota: Times more was sent than counted.
    """

    lost: int = 0
    doubled: int = 0
    halved: int = 0
    unreadable: int = 0
    differing_tables: int = 0
    over_quota: int = 0

    def add(self, other: "Findings") -> None:
        """Count these, too."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def wrong(self) -> int:
        """All of them."""
        return sum(getattr(self, one.name) for one in fields(self))


@dataclass
class Look:
    """Looks at a world again and again, and remembers what was there."""

    world: CollectingWorld
    seen: dict[str, set[tuple]] = field(default_factory=dict)

    def again(self) -> Findings:
        """What is wrong now."""
        found = Findings()
        warehouse = Warehouse(self.world.database)
        if not warehouse.exists:
            return found
        with warehouse.reading() as connection:
            names = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
            for name in names & set(TABLES):
                contract = TABLES[name]
                key = ", ".join(contract.key)
                keys = connection.execute(f"SELECT {key} FROM {name}").fetchall()
                found.doubled += len(keys) - len(set(keys))
                if name in _FETCHED:
                    found.lost += len(self.seen.get(name, set()) - set(keys))
                    self.seen[name] = set(keys)
            if {"discovery_walks", "discovered_movies"} <= names:
                found.halved += connection.execute(_HALF_WALKED).fetchall()[0][0]
            if {"frozen_flags", "tmdb_details"} <= names:
                found.halved += connection.execute(_HALF_FLAGGED).fetchall()[0][0]
        return found


_HALF_WALKED = """
SELECT count(*) FROM discovery_walks AS w
LEFT JOIN (SELECT release_year, count(*) AS films FROM discovered_movies
           WHERE list_contains(sources, 'discover') GROUP BY ALL) AS x USING (release_year)
WHERE w.films_seen <> coalesce(x.films, 0)
"""
# Flags are made of whole years whose films were all asked for: a year with flags for some is half.
_HALF_FLAGGED = """
SELECT count(*) FROM (
  SELECT x.release_year FROM discovered_movies AS x LEFT JOIN frozen_flags AS f USING (tmdb_id)
  GROUP BY ALL HAVING count(f.tmdb_id) NOT IN (0, count(*)))
"""


def tables_differ(one: CollectingWorld, other: CollectingWorld) -> int:
    """Tables, and their mirrors, whose rows differ between two worlds, times aside."""
    differing = 0
    for name in _COMPARED:
        columns = ", ".join(
            column.name
            for column in TABLES[name].columns
            if column.type is not ColumnType.TIMESTAMPTZ and column.name not in _WORDS_OF_TIME
        )
        files = f"{other.mirror.as_posix()}/{name}/*/part.parquet"
        mirror = f"read_parquet('{files}', hive_partitioning = true, hive_types_autocast = false)"
        wanted, found, mirrored = (
            _rows(world, f"SELECT {columns} FROM {source} ORDER BY ALL")
            for world, source in ((one, name), (other, name), (other, mirror))
        )
        differing += (wanted != found) + (found != mirrored)
    return differing


def _rows(world: CollectingWorld, sql: str) -> list[tuple]:
    with Warehouse(world.database).reading() as connection:
        return connection.execute(sql).fetchall()


def unreadable_files(folder: Path) -> int:
    """Parquet files that cannot be read; what is hidden is not finished, and nobody's."""
    bad = 0
    for path in folder.rglob("*.parquet"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        try:
            with pq.ParquetFile(path) as opened:
                opened.read()
        except (pa.ArrowInvalid, OSError):
            bad += 1
    return bad
