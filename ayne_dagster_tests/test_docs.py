"""The pages say what the code says: links, commands, settings, names and snippets are tried out."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import duckdb
import pandas as pd
import pytest

from ayne_dagster import reference_pages
from ayne_dagster.cli.main import ayne
from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.tables import FORECASTS, FROZEN_FLAGS, MOVIE_LISTS, TABLES, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import ColumnType, TableContract
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import create_table_sql
from ayne_dagster_tests.conftest import PROJECT, setting_names

DOCS = PROJECT / "docs"
DECISIONS = DOCS / "decisions"
PAGES = sorted([*DOCS.rglob("*.md"), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"])
EVERY_PAGE = pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(PROJECT)) for page in PAGES]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SNAKE = re.compile(r"_?[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:__[A-Z0-9]+(?:_[A-Z0-9]+)*)+\b")
PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^\]]*\])?==", re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def inline_code(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def commands_said(page: Path) -> Iterator[list[str]]:
    """The words of every `ayne …` command, in code spans and in blocks of commands."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    lines = [line for kind, block in blocks if kind != "python" for line in block.splitlines()]
    for text in [*inline_code(page), *lines]:
        said = re.match(r"\s*(?:\$ )?(?:uv run )?ayne +([^#|&]+)", text)
        if said:
            yield shlex.split(re.split(r"  +", said[1].strip())[0], posix=False)


def wrong_command(words: list[str]) -> str | None:
    """What is wrong with a command's name or options; None where nothing is."""
    context = click.Context(ayne)
    name = words[0]
    if name.startswith("-") or name == "…":
        return None
    command = ayne.get_command(context, name)
    if command is None:
        return f"there is no command {name!r}"
    if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
        part = command.get_command(context, words[1])
        if part is None:
            return f"{name} has no command {words[1]!r}"
        command = part
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = {word.partition("=")[0] for word in words if word.startswith("-")} - known
    return (
        f"{name} has no {sorted(unknown - {'-h', '--help'})}"
        if unknown - {"-h", "--help"}
        else None
    )


@cache
def names_in_the_code() -> set[str]:
    """Every name the code, its settings and its contracts spell out."""
    sources = [*(PROJECT / "ayne_dagster").rglob("*.py"), *(PROJECT / "benchmarks").rglob("*.py"),
               *(PROJECT / "ayne_dagster_tests").rglob("*.py"), PROJECT / "pyproject.toml",
               PROJECT / "dagster_home" / "dagster.yaml"]  # fmt: skip
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in sources if path != Path(__file__).resolve()
    )
    columns = {name for table in TABLES.values() for name in table.column_names}
    return {*re.findall(r"\w+", text), *(path.stem for path in sources), *columns}


@pytest.mark.parametrize("name", reference_pages.reference_pages())
def test_a_generated_page_says_what_the_code_says(name: str):
    """Out of date? Run `python -m ayne_dagster.reference_pages`."""
    assert name not in reference_pages.outdated_pages(DOCS)


def test_the_check_sees_a_page_that_is_missing_or_old(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert reference_pages.main(["--check"], tmp_path) == 1
    assert not list(tmp_path.iterdir())
    assert reference_pages.main([], tmp_path) == 0
    assert reference_pages.main(["--check"], tmp_path) == 0
    page = tmp_path / "tables.md"
    page.write_text(page.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    capsys.readouterr()
    assert reference_pages.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == "docs/tables.md: out of date\n"


def test_every_setting_and_every_column_has_its_line():
    configuration = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in setting_names() if f"\n| `{name}` |" not in configuration] == []
    sections = (DOCS / "tables.md").read_text(encoding="utf-8").split("\n## ")[1:]
    assert [section.splitlines()[0] for section in sections] == list(TABLES)
    for section, table in zip(sections, TABLES.values(), strict=True):
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == table.column_names


def test_every_decision_is_listed_and_numbered_without_gaps():
    pages = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (DECISIONS / "README.md").read_text())
    assert listed == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))


@pytest.mark.parametrize("name", sorted(path.name for path in DECISIONS.glob("[0-9]*.md")))
def test_a_decision_has_its_four_parts(name: str):
    text = (DECISIONS / name).read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Measured"]
    title = text.splitlines()[0].removeprefix(f"# {name[:4]}. ")
    assert f"[{name[:4]}]({name}) | {title} |" in (DECISIONS / "README.md").read_text()


@EVERY_PAGE
def test_every_relative_link_leads_somewhere(page: Path):
    assert broken_links(page) == []


@EVERY_PAGE
def test_every_command_exists_with_its_options(page: Path):
    assert [wrong for words in commands_said(page) if (wrong := wrong_command(words))] == []


@EVERY_PAGE
def test_every_setting_exists(page: Path):
    known = set(setting_names())
    text = page.read_text(encoding="utf-8")
    assert [name for name in SETTING.findall(text) if name not in known] == []


@EVERY_PAGE
def test_every_name_in_backticks_is_spelled_so_in_the_code(page: Path):
    """Assets, tables, columns, functions: a page kept the name of a table that was renamed."""
    spans = [span for span in inline_code(page) if SNAKE.fullmatch(span)]
    assert [name for name in spans if name not in names_in_the_code()] == []


@EVERY_PAGE
def test_every_path_of_the_project_in_backticks_exists(page: Path):
    roots = ("ayne_dagster/", "ayne_dagster_tests/", "docs/", "benchmarks/")
    paths = [span for span in inline_code(page) if span.startswith(roots) and "<" not in span]
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_what_is_wrong_would_be_noticed(tmp_path: Path):
    """The counter-check: a page full of mistakes."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n[a](gone.md) [b](#page) [c](#nowhere) `ayne vanish` `ayne demo --slowly` "
        "`ayne model sing` `ayne model list --loud`\n"
        "```\nuv run ayne export forecasts --to x.csv   # fine\n```\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["gone.md", "#nowhere"]
    wrong = [wrong_command(words) for words in commands_said(page)]
    assert wrong == [
        "there is no command 'vanish'",
        "demo has no ['--slowly']",
        "model has no command 'sing'",
        "model has no ['--loud']",
        None,
    ]
    assert SETTING.findall("`TMDB__APIKEY` and DAGSTER_HOME") == ["TMDB__APIKEY"]


def least_row(table: TableContract, **values: Any) -> dict[str, Any]:
    """A row with the least a contract wants."""
    least: dict[ColumnType, Any] = {
        ColumnType.VARCHAR: "x",
        ColumnType.BOOLEAN: True,
        ColumnType.TIMESTAMPTZ: datetime(2024, 1, 1, tzinfo=UTC),
        ColumnType.DATE: date(2024, 1, 1),
        ColumnType.BIGINT_LIST: [],
        ColumnType.VARCHAR_LIST: [],
    }
    row = {
        column.name: None
        if column.nullable
        else column.one_of[0] if column.one_of else least.get(column.type, 1)
        for column in table.columns
    }  # fmt: skip
    return {**row, **values}


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the mirror of a few films of two years and one without a date."""
    mirror = ParquetMirror(tmp_path / "data" / "intermediate")
    films = [(1, "1999"), (2, "1999"), (3, "2024"), (4, "undated")]
    with duckdb.connect() as connection:
        for table in (TMDB_DETAILS, FROZEN_FLAGS, FORECASTS, MOVIE_LISTS):
            year = {"release_year": ""} if table.year_column else {}
            rows = [
                least_row(table, tmdb_id=number, **dict.fromkeys(year, key))
                for number, key in films
            ]
            frame = pd.DataFrame(rows, columns=table.column_names, dtype=object)
            connection.register("checked", check_frame(frame, table))
            connection.execute(create_table_sql(table, f'"main"."{table.name}"'))
            connection.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM checked")
            years = sorted({key for _, key in films}) if year else []
            mirror.owe(table, years)
            mirror.write(connection, table, f'"main"."{table.name}"', years)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_snippet(library: str, number: int = 0) -> dict[str, Any]:
    """What the names of a snippet are after it has run; the number-th that imports the library."""
    blocks = FENCE.findall((DOCS / "analysts.md").read_text(encoding="utf-8"))
    found = [code for kind, code in blocks if kind == "python" and f"import {library}" in code]
    names: dict[str, Any] = {}
    exec(compile(found[number], "docs/analysts.md", "exec"), names)
    return names


def test_the_layout_is_as_analysts_are_told(mirrored: Path):
    found = {p.relative_to(mirrored).as_posix() for p in mirrored.rglob("*.parquet")}
    assert "data/intermediate/movie_lists/part.parquet" in found
    assert "data/intermediate/tmdb_details/release_year=undated/part.parquet" in found


def test_the_duckdb_snippet_runs(mirrored: Path):
    films = run_snippet("duckdb")["films"]
    assert films["release_year"].tolist() == ["1999", "2024", "undated"]
    assert films["films"].tolist() == [2, 1, 1]


def test_the_pandas_snippet_runs(mirrored: Path):
    names = run_snippet("pandas")
    assert sorted(names["forecasts"]["release_year"]) == ["1999", "1999", "2024", "undated"]
    assert len(names["highest"]) == 4


@pytest.mark.skipif(find_spec("polars") is None, reason="polars is no dependency of the platform")
def test_the_polars_snippet_runs(mirrored: Path):
    frozen = run_snippet("polars")["frozen"]
    assert sorted(frozen.rows()) == [("1999", 2), ("2024", 1), ("undated", 1)]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_direct_dependency_is_pinned_with_hashes():
    """requirements.lock is made by hand: docs/decisions/0014-requirements-lock.md says how."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {canonical(re.split(r"[\[<>=!~;, ]", need)[0]) for need in project["dependencies"]}
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert wanted - {canonical(name) for name in PINNED.findall(lock)} == set()
    pins = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_pins_name_no_address():
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"\w+://|--(?:extra-)?index|--find-links| @ ", lock) == []
