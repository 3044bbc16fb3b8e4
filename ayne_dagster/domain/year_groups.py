"""Partitions taken together in groups of bounded size.

Lives here: the grouping. Whole partitions stay together, so that each is written as a whole.
"""

from collections.abc import Mapping

FILMS_AT_ONCE = 100_000
"""Films held in memory at once, some 0.3 GB as flags or features; the largest year has 60,000."""


def group_partitions(rows: Mapping[str, int], most: int = FILMS_AT_ONCE) -> list[list[str]]:
    """Split partitions, in their order, into groups of at most so many rows.

    Args:
        rows: Rows per partition; empty partitions count too, for they have to be cleared.
        most: Rows of a group. A partition larger than that is a group of its own.
    """
    groups: list[list[str]] = []
    size = 0
    for partition, count in rows.items():
        if not groups or size + count > most:
            groups.append([])
            size = 0
        groups[-1].append(partition)
        size += count
    return groups
