"""`ayne settings`: every knob, its value, and where the value came from."""

from collections.abc import Iterator
from typing import Any

import click
from pydantic import BaseModel, SecretStr

from ayne_dagster.cli.console import console, print_json, table
from ayne_dagster.cli.options import json_option


@click.command("settings")
@click.option("--section", help="Only this section (tmdb, omdb, database ...).")
@json_option
def command(section: str | None, as_json: bool) -> None:
    """Show every setting, its value, unit and meaning, and where the value came from.

    The environment wins over .env, .env over the YAML file of the environment, that over the
    defaults. Secrets are masked.
    """
    from ayne_dagster.settings import load_settings_with_origin

    settings, origin = load_settings_with_origin()
    rows = [row for row in _rows(settings, origin) if section in (None, row["section"])]
    if not rows:
        known = sorted({row["section"] for row in _rows(settings, origin)} - {""})
        raise click.BadParameter(f"there is no section {section!r}; there are {', '.join(known)}")
    if as_json:
        print_json(rows)
        return
    console().print(
        table(
            "Settings",
            ["name", "value", "from", "what it is"],
            [[row["name"], row["value"], row["from"], row["description"]] for row in rows],
        )
    )


def _rows(
    model: BaseModel, origin: dict[str, str], path: tuple[str, ...] = ()
) -> Iterator[dict[str, Any]]:
    from ayne_dagster.settings import setting_name

    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        here = (*path, name)
        if isinstance(value, BaseModel):
            yield from _rows(value, origin, here)
            continue
        yield {
            "name": setting_name(here),
            "section": path[0] if path else "",
            "value": _masked(value),
            "from": origin.get(".".join(here), "default"),
            "description": field.description or "",
        }


def _masked(value: Any) -> str | int | float | bool | None:
    if isinstance(value, SecretStr):
        return "********"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)
