"""What a choice of champion changes beside the registry: the row of `trained_model`.

Lives here: the write, and the refusal where registry and table would not belong together. Not here:
the command (`model.py`) and who may be champion (`defs/champions.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ayne_dagster.cli.collection import Collection

if TYPE_CHECKING:
    from ayne_dagster.settings import Settings
    from ayne_dagster.storage.model_registry import RegisteredVersion


class ModelsElsewhere(RuntimeError):
    """A database was named whose models are those of another one; nothing was changed."""


def refuse_foreign_models(collection: Collection, database: Path | None) -> None:
    """Let nobody change the champions of the settings' database by naming a copy of it.

    Args:
        collection: As `open_collection(database)` gave it.
        database: The database that was named, if any.

    Raises:
        ModelsElsewhere: It is a copy without models of its own.
    """
    from ayne_dagster.settings import load_settings

    if database is None:
        return
    settings = load_settings()
    own = settings.resolve(settings.database.path)
    is_copy = own.resolve() != database.resolve()
    if is_copy and _models_of(settings) == _models_of(collection.settings):
        raise ModelsElsewhere(
            f"{database} has no models of its own: the champion would change among those of {own}, "
            "whose table would not know. Leave --database out, or copy the database together with "
            "the folder `mlflow` into a folder of their own"
        )


def _models_of(settings: "Settings") -> str:
    """Where the models of some settings are, one spelling per place."""
    prefix = "sqlite:///"
    if not settings.tracking_uri.startswith(prefix):
        return settings.tracking_uri
    return str(Path(settings.tracking_uri.removeprefix(prefix)).resolve())


def let_table_name_champion(
    collection: Collection, champion: "RegisteredVersion", *, is_news: bool
) -> None:
    """Let `trained_model` name the champion, from which the next forecasts come.

    Args:
        collection: Where the table is.
        champion: The champion, as the registry has it.
        is_news: Whether it was just chosen. Otherwise nothing is written where the row names it
            already: the row's reason may be that of a newer model that was refused.

    Raises:
        WarehouseBusy: Others held the file; the registry names the champion, the table does not.
    """
    import pandas as pd

    from ayne_dagster.defs.champions import champion_row
    from ayne_dagster.domain.tables import TRAINED_MODEL
    from ayne_dagster.storage.duckdb_io_manager import write_batch
    from ayne_dagster.storage.parquet_mirror import ParquetMirror

    key = f"{champion.year:04d}"
    stored = collection.resources["queries"].stored_rows(TRAINED_MODEL, [key]).get(key)
    if stored is None or not (is_news or stored["champion_uri"] != champion.model_uri):
        return
    database = collection.settings.database
    mirror = ParquetMirror(collection.settings.resolve(database.mirror_folder))
    frame = pd.DataFrame(
        [champion_row(stored, champion)], columns=TRAINED_MODEL.column_names, dtype=object
    )
    write_batch(
        collection.warehouse,
        TRAINED_MODEL,
        frame,
        years=[key],
        mirror=mirror if database.is_mirrored else None,
        purpose="ayne model promote",
    )
