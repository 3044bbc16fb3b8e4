"""How long `quarantined_answers` keeps what a service said.

Lives here: taking old bodies out. Not here: which answers are kept out of the tables
(`domain/refreshing.py`) and the archive, which forgets its own (`response_archive.py`).
"""

from datetime import datetime

from ayne_dagster.domain.tables import QUARANTINED_ANSWERS
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse, transaction


def forget_bodies(
    warehouse: Warehouse, before: datetime, mirror: ParquetMirror | None, *, purpose: str
) -> int:
    """Take the bodies of older answers out of the table and its mirror; their rows stay.

    TMDB's terms allow its content to be kept for six months, readable or not.

    Args:
        warehouse: Where.
        before: The first moment of an answer whose body stays, UTC.
        mirror: Where the mirror lies, if there is one.
        purpose: Who does it, for others who wait.

    Returns:
        Bodies that went.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was taken out.
    """
    if QUARANTINED_ANSWERS.name not in warehouse.table_names():
        return 0
    quarantine = warehouse.qualified(QUARANTINED_ANSWERS.name)
    older = "WHERE body IS NOT NULL AND answered_at < $before"
    # Asked without the write lock: nearly always there is nothing to do.
    [old] = warehouse.rows(
        f"SELECT count(*) AS bodies FROM {quarantine} {older}", {"before": before}
    )
    if not old["bodies"]:
        return 0
    with warehouse.writing(f"{purpose}, old bodies") as connection:
        with transaction(connection):
            if mirror is not None:
                mirror.owe(QUARANTINED_ANSWERS, ())
            connection.execute(f"UPDATE {quarantine} SET body = NULL {older}", {"before": before})
        if mirror is not None:
            mirror.catch_up(connection, [QUARANTINED_ANSWERS], warehouse.qualified)
    return old["bodies"]
