"""The reference pages of `docs/`: tables, settings and commands, generated from the code.

Lives here: pure functions from contracts, settings and commands to markdown, and the command that
writes them (`python -m ayne_dagster.reference_pages`; `--check` only compares). Not here: the pages
people write.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import yaml
from annotated_types import Ge, Gt, Le, Lt
from click.testing import CliRunner
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from ayne_dagster.domain.tables import (
    ASSET_TABLES,
    OPERATION_TABLES,
    Column,
    ColumnType,
    OnMerge,
    TableContract,
    WriteMode,
)
from ayne_dagster.settings import ENVIRONMENTS_FOLDER, Environment, Settings, setting_name

DOCS = Path(__file__).resolve().parent.parent / "docs"
HELP_WIDTH = 100

_GENERATED = "<!-- Generated: change the code, then run python -m ayne_dagster.reference_pages -->"
_ABOUT_TABLES = """\
Each table has one contract in `ayne_dagster/domain/tables/`. The DDL, the check of every frame
before it is written, the asset checks, the column schema in the Dagster UI and this page are made
from it.

Timestamps are UTC. A column that is not required is NULL where the value is unknown; 0 stands for
unknown nowhere but in `budget_reported` and `revenue_reported`, which hold what TMDB sent. All
tables lie in schema `main` of the DuckDB file."""
_ABOUT_SETTINGS = """\
Every setting has a default; `ayne demo` needs none to be set. `ayne settings` shows the values in
force and where each came from, with secrets masked.

## Where a value comes from
The first of these that names a setting wins:

1. an environment variable of the name below (`TMDB__API_KEY`: two underscores join section and
   name; case does not matter)
2. the file `.env` in the project's root (copy `.env.example`)
3. the YAML file of the environment in `ayne_dagster/environments/`; a section is a mapping in it
   (`tmdb:`, with `requests_per_second:` below)
4. the default

Settings are read when Dagster builds its definitions or a command starts: reload the code location
after a change. A wrong value stops the start with a line that names the setting and where it came
from, never the value. An unknown name inside a section is an error everywhere; an unknown name at
the top is an error in YAML and ignored in the environment and in `.env`. An empty value means "not
set" where the table says that it may be. Relative paths start at the project's root."""
_ABOUT_COMMANDS = """\
Run them as `uv run ayne …`, or as `ayne …` in an active environment. `--json` writes one JSON
document to standard output; messages go to standard error. Exit codes: 0 done (nothing to do is
done, too); 1 it could not be done, or not all of it (no key, no model, a failed run): the message
says what to do; 2 what was typed cannot be right (an unknown film, release year, table, job or
version, options that contradict each other); 130 stopped by Ctrl-C."""
_WRITE_MODES = {
    WriteMode.MERGE: "merge by key; rows the run did not bring stay",
    WriteMode.REPLACE: "replace; within the run's partitions the new rows are all there are",
    WriteMode.APPEND: "append; a stored row is never touched",
}
_ON_MERGE = {
    OnMerge.KEEP: "a merge keeps the first value",
    OnMerge.UNION: "a merge unites the lists",
}
_UNITS = {
    "_usd": "US dollars",
    "_minutes": "minutes",
    "_percent": "percent",
    "_log": "natural logarithm",
}
_BOUNDS = ((Ge, "ge", "at least"), (Gt, "gt", "above"), (Le, "le", "at most"), (Lt, "lt", "below"))


def tables_page() -> str:
    """`docs/tables.md`: every table from its contract."""
    tables = [*ASSET_TABLES, *OPERATION_TABLES]
    lines = [
        "# Tables",
        "",
        _GENERATED,
        "",
        _ABOUT_TABLES,
        "",
        *_rows(
            ["table", "what", "one row", "partitioned by"],
            [
                [
                    f"[`{table.name}`](#{table.name})",
                    table.title,
                    table.grain,
                    f"`{table.year_column}`" if table.year_column else "-",
                ]
                for table in tables
            ],
        ),
        "",
        f"The first {len(ASSET_TABLES)} are assets of the same name. "
        + ", ".join(f"`{table.name}`" for table in OPERATION_TABLES)
        + " are written by assets in the same transaction as their own rows.",
    ]
    for table in tables:
        lines += ["", *_table_section(table)]
    return "\n".join(lines) + "\n"


def configuration_page(environments: Mapping[str, Mapping[str, Any]]) -> str:
    """`docs/configuration.md`: every setting, and what the environments change.

    Args:
        environments: Nested values of each environment's YAML file, by its name.
    """
    lines = [
        "# Configuration",
        "",
        _GENERATED,
        "",
        _ABOUT_SETTINGS,
        "",
        "## Environments",
        "`ENVIRONMENT` says which YAML file is read. What the three files change:",
        "",
        *_environment_table(environments),
        "",
        "Keys belong into the environment or into `.env`, never into these files.",
    ]
    sections: list[tuple[str, type[BaseModel]]] = [("General", Settings)]
    sections += [
        (name, field.annotation)
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    for title, model in sections:
        path = () if model is Settings else (title,)
        said = "" if model is Settings else (model.__doc__ or "").strip()
        rows = list(_setting_rows(model, path))
        lines += ["", f"## {title}", *([said, ""] if said else [""])]
        lines += _rows(["setting", "default", "values", "what it is"], rows)
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """`docs/commands.md`: what `ayne --help` and the help of each command say."""
    from ayne_dagster.cli.main import ayne

    lines = ["# Commands", "", _GENERATED, "", _ABOUT_COMMANDS, "", "## ayne", *_help(ayne)]
    context = click.Context(ayne)
    for name in ayne.list_commands(context):
        lines += ["", f"## ayne {name}", *_help(ayne, name)]
        command = ayne.get_command(context, name)
        if isinstance(command, click.Group):
            for part in command.list_commands(context):
                lines += ["", f"### ayne {name} {part}", *_help(ayne, name, part)]
    return "\n".join(lines) + "\n"


def reference_pages() -> dict[str, str]:
    """Every generated page by its file name."""
    environments = {
        name: yaml.safe_load((ENVIRONMENTS_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in get_args(Environment)
    }
    return {
        "tables.md": tables_page(),
        "configuration.md": configuration_page(environments),
        "commands.md": commands_page(),
    }


def outdated_pages(folder: Path) -> list[str]:
    """Names of the pages in a folder that differ from what the code says now."""
    return [
        name
        for name, text in reference_pages().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]


def main(arguments: Sequence[str] | None = None, folder: Path = DOCS) -> int:
    """Write the pages; with `--check` only say which are out of date, and return 1 for them."""
    parser = argparse.ArgumentParser(prog="python -m ayne_dagster.reference_pages")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on differences")
    options = parser.parse_args(arguments)
    outdated = outdated_pages(folder)
    if not options.check:
        for name, text in reference_pages().items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    for name in outdated:
        click.echo(f"docs/{name}: {'out of date' if options.check else 'written'}")
    return 1 if options.check and outdated else 0


def _table_section(table: TableContract) -> list[str]:
    facts = [
        f"One row is {table.grain}.",
        f"Key: {', '.join(f'`{name}`' for name in table.key)}.",
        f"Write mode: {_WRITE_MODES[table.write_mode]}.",
        f"Partition column: `{table.year_column}`." if table.year_column else "Not partitioned.",
    ]
    if table.rows_may_move:
        facts.append("A film whose release year changed moves to its new partition.")
    if table.newest_by:
        facts.append(f"An answer with an older `{table.newest_by}` never overwrites a newer one.")
    return [
        f"## {table.name}",
        f"{table.title}.",
        "",
        *(f"- {fact}" for fact in facts),
        "",
        *_rows(
            ["column", "type", "unit", "required", "limits", "description"],
            [
                [
                    f"`{column.name}`",
                    column.type.value,
                    _unit(column),
                    "yes" if not column.nullable else "",
                    _limits(column),
                    column.description,
                ]
                for column in table.columns
            ],
        ),
    ]


def _unit(column: Column) -> str:
    if column.type is ColumnType.TIMESTAMPTZ:
        return "UTC"
    return next((unit for end, unit in _UNITS.items() if column.name.endswith(end)), "")


def _limits(column: Column) -> str:
    parts = []
    if column.minimum is not None:
        parts.append(f"at least {column.minimum:g}")
    if column.maximum is not None:
        parts.append(f"at most {column.maximum:g}")
    if column.one_of:
        parts.append("one of " + ", ".join(f"`{value}`" for value in column.one_of))
    if column.pattern:
        parts.append(f"like `{column.pattern}`")
    if column.on_merge in _ON_MERGE:
        parts.append(_ON_MERGE[column.on_merge])
    flags = {"unknown does not replace known": column.keeps_known,
             "no change by itself": column.is_bookkeeping}  # fmt: skip
    parts += [words for words, is_so in flags.items() if is_so]
    return "; ".join(parts)


def _environment_table(environments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    flat = {name: dict(_flattened(values)) for name, values in environments.items()}
    names = sorted({setting for values in flat.values() for setting in values})
    columns = [
        [_value(values[name]) if name in values else "" for name in names]
        for values in flat.values()
    ]
    rows = zip((f"`{name}`" for name in names), *columns, strict=True)
    return _rows(["setting", *flat], list(rows))


def _flattened(
    values: Mapping[str, Any] | None, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    for key, value in (values or {}).items():
        if isinstance(value, Mapping):
            yield from _flattened(value, (*path, key))
        else:
            yield setting_name((*path, key)), value


def _setting_rows(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[list[str]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        yield [
            f"`{setting_name((*path, name))}`",
            _value(field.default),
            _setting_limits(field),
            field.description or "",
        ]


def _setting_limits(field: FieldInfo) -> str:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not None]
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in get_args(field.annotation))
    # An optional number keeps its limits inside the union, so all the metadata is looked through.
    words = {int: "whole number", float: "number", bool: "true or false", Path: "path",
             str: "text", SecretStr: "secret"}  # fmt: skip
    parts = [next((word for kind, word in words.items() if kind in kinds), "text")]
    for constraint in _constraints(field):
        for kind, attribute, word in _BOUNDS:
            if isinstance(constraint, kind):
                parts.append(f"{word} {getattr(constraint, attribute):g}")
        if pattern := getattr(constraint, "pattern", None):
            parts.append(f"like `{pattern}`")
    return ", ".join(parts)


def _constraints(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    for kind in get_args(field.annotation):
        yield from getattr(kind, "__metadata__", ())


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value.as_posix() if isinstance(value, Path) else value}`"


def _help(group: click.Group, *path: str) -> list[str]:
    arguments = [*path, "--help"]
    result = CliRunner().invoke(group, arguments, prog_name="ayne", terminal_width=HELP_WIDTH)
    if result.exit_code != 0:
        raise RuntimeError(f"ayne {' '.join(path)} --help: {result.output}")
    return ["```text", *(line.rstrip() for line in result.output.rstrip().splitlines()), "```"]


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A markdown table; bars inside cells are escaped."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(row)} |" for row in cells),
    ]


if __name__ == "__main__":
    sys.exit(main())
