"""Who is meant by a name: ids of people, companies and collections among the stored films.

Lives here: SQL that looks names up. Not here: what is made of them (`cli/facts_given.py`).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from ayne_dagster.storage.movie_queries import MovieQueries

LIKE_ENOUGH = 0.9
"""Jaro-Winkler similarity of a name worth suggesting: a slip of a letter or two."""

SUGGESTIONS = 3


class Role(Enum):
    """Whose name it is, as people call it; its value says where ids and names stand in details."""

    DIRECTOR = ("director_ids", "directors")
    WRITER = ("writer_ids", "writers")
    CAST = ("cast_ids", "cast_names")
    COMPANY = ("company_ids", "companies")
    COLLECTION = ("[collection_id]", "[collection]")


@dataclass(frozen=True)
class Named:
    """Somebody or something of a name.

    Attributes:
        id: TMDB's id.
        name: The name as stored.
        films: Stored films in that role.
    """

    id: int
    name: str
    films: int


@dataclass(frozen=True)
class NameQueries(MovieQueries):
    """Questions about names of one warehouse."""

    def of_name(self, role: Role, name: str) -> list[Named]:
        """Everybody of that name in that role, who has most films first.

        Case and accents do not matter; several of one name are told apart by their ids.
        """
        return self._named(role, f"{_plain('name')} = {_plain('$name')}", {"name": name})

    def of_id(self, role: Role, number: int) -> list[Named]:
        """Who has that id in that role; empty where no stored film has."""
        return self._named(role, "id = $id", {"id": number})

    def like(self, role: Role, name: str) -> list[str]:
        """Stored names much like this one, the likest first: what may have been meant."""
        likeness = f"jaro_winkler_similarity({_plain('name')}, {_plain('$name')})"
        rows = self._rows(
            f"SELECT name, {likeness} AS likeness FROM ({_pairs(role)}) GROUP BY name "
            "HAVING likeness >= $least ORDER BY likeness DESC, name LIMIT $most",
            {"name": name, "least": LIKE_ENOUGH, "most": SUGGESTIONS},
        )
        return [row["name"] for row in rows]

    def _named(self, role: Role, condition: str, parameters: dict[str, Any]) -> list[Named]:
        rows = self._rows(
            f"SELECT id, any_value(name ORDER BY name) AS name, count(*) AS films "
            f"FROM ({_pairs(role)}) WHERE {condition} GROUP BY id ORDER BY films DESC, id",
            parameters,
        )
        return [Named(row["id"], row["name"], row["films"]) for row in rows]


def _pairs(role: Role) -> str:
    """SQL of ids and names of a role, one row per film and name."""
    ids, names = role.value
    return (
        f"SELECT id, name FROM (SELECT unnest({ids}) AS id, unnest({names}) AS name "
        "FROM {tmdb_details}) WHERE id IS NOT NULL AND name IS NOT NULL"
    )


def _plain(text: str) -> str:
    return f"strip_accents(lower({text}))"
