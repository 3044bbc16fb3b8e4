"""The rooms keep to their order, and the house to its habits."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from ayne_dagster.domain.tables import ASSET_TABLES
from ayne_dagster_tests.conftest import PROJECT, setting_names

PACKAGE = PROJECT / "ayne_dagster"
MODULES = sorted(PACKAGE.rglob("*.py"))
HOMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools", "stuff"}
LONGEST_FILE_LINES = 350


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package in `root`, with the project's own contracts."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()",
         "--no-cache", "--no-logo", "--config", str(root / "pyproject.toml")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its contracts in a folder of the test's own."""
    shutil.copytree(
        PACKAGE, tmp_path / "ayne_dagster", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


@cache
def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def dotted(module: Path) -> str:
    parts = module.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_imports_go_one_way():
    """domain <- sources, storage, charts <- defs <- definitions, cli; see pyproject.toml."""
    result = lint_imports(PROJECT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("domain/freezing.py", "import duckdb", "The domain computes"),
        ("domain/freezing.py", "import os", "The domain computes"),
        ("domain/freezing.py", "from ayne_dagster.redaction import redact", "Imports go one way"),
        ("sources/tmdb.py", "import ayne_dagster.storage.warehouse", "Imports go one way"),
        ("storage/warehouse.py", "import ayne_dagster.sources.tmdb", "Imports go one way"),
        ("sources/omdb.py", "import ayne_dagster.settings", "Imports go one way"),
        ("sources/omdb.py", "import dagster", "Sources ask services"),
        ("sandbox/app.py", "import ayne_dagster.sources.tmdb_payloads", "Imports go one way"),
        ("sandbox/app.py", "import ayne_dagster.domain.tables", "The sandbox shares nothing"),
        ("defs/jobs.py", "import ayne_dagster.sandbox.config", "What runs in production"),
        ("defs/jobs.py", "import httpx", "Definitions are thin"),
        ("defs/jobs.py", "import ayne_dagster.cli.main", "Imports go one way"),
        ("sharing.py", "", "Imports go one way"),
    ],
)
def test_a_planted_break_is_caught(copy: Path, module: str, line: str, broken: str):
    """Contracts that catch nothing look exactly like contracts that hold."""
    path = copy / "ayne_dagster" / module
    before = path.read_text(encoding="utf-8") if path.exists() else '"""A room of no place."""\n'
    path.write_text(f"{before}\n{line}\n", encoding="utf-8")
    result = lint_imports(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert any(text.startswith(broken) and text.rstrip().endswith("BROKEN") for text in lines)


def test_every_module_has_found_its_room():
    homeless = [dotted(module) for module in MODULES if HOMELESS & set(module.stem.split("_"))]
    assert homeless == []


def test_every_module_opens_with_its_sign():
    """Its first line is a sentence; the lines that are not, or that are missing, are shown."""
    signs = {dotted(module): ast.get_docstring(parsed(module)) or "" for module in MODULES}
    assert len(signs) > 100
    unclear = {
        name: sign.partition("\n")[0]
        for name, sign in signs.items()
        if not sign.partition("\n")[0].rstrip().endswith((".", "?", ":"))
    }
    assert unclear == {}


def test_no_module_asks_to_be_two():
    lines = {dotted(m): len(m.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    assert {name: n for name, n in lines.items() if n > LONGEST_FILE_LINES} == {}


def test_asset_file_asset_and_table_share_one_name():
    files = {path.stem for path in (PACKAGE / "defs" / "assets").glob("*.py")} - {"__init__"}
    assert files == {table.name for table in ASSET_TABLES}
    for name in sorted(files):
        tree = ast.parse((PACKAGE / "defs" / "assets" / f"{name}.py").read_text(encoding="utf-8"))
        functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list]
        assert [f.name for f in functions if "asset" in ast.unparse(f.decorator_list[0])] == [name]


def test_the_plot_of_an_asset_lies_in_a_file_of_its_name():
    plots = {path.stem for path in (PACKAGE / "charts").glob("*.py")}
    assert {table.name for table in ASSET_TABLES} <= plots


def test_every_way_to_load_the_project_names_the_same_module():
    """`dagster` reads pyproject.toml first: a broken workspace.yaml went unnoticed."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text(encoding="utf-8"))
    loaded = workspace["load_from"][0]["python_module"]
    named = {
        loaded["module_name"],
        project["dg"]["project"]["code_location_target_module"],
        project["dagster"]["module_name"],
    }
    assert named == {"ayne_dagster.definitions"}
    assert loaded["location_name"] == project["dagster"]["code_location_name"]


IMPORT_ALL = """
import importlib, json, sys, threading
threads = threading.active_count()
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
assert threading.active_count() == threads, threading.enumerate()
print("imported")
"""


def test_nothing_reads_a_setting_or_starts_a_thread_at_import(tmp_path: Path):
    """Keys read at import were read before .env was loaded, and stayed wrong until a restart.

    Files of assets are the one exception: Dagster wants partition keys when it loads them.
    """
    names = [dotted(m) for m in MODULES if "defs.assets" not in dotted(m)]
    names = [name for name in names if not name.endswith("__main__")]
    hostile = dict.fromkeys(setting_names(), "no value any setting takes")
    result = run_python(tmp_path, IMPORT_ALL, json.dumps(names), **hostile)
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.strip() == "imported"
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_environment_would_be_noticed(tmp_path: Path):
    """The counter-check: with these values, whoever reads the settings fails."""
    hostile = dict.fromkeys(setting_names(), "no value any setting takes")
    code = "import ayne_dagster.settings as s; s.load_settings()"
    result = run_python(tmp_path, code, **hostile)
    assert "SettingsError" in result.stderr


def test_no_module_touches_the_environment_outside_a_function():
    touched = {dotted(module): environment_at_import(parsed(module)) for module in MODULES}
    assert {name: found for name, found in touched.items() if found} == {}


def test_a_touch_of_the_environment_at_import_is_found_and_one_in_a_function_is_not():
    tree = ast.parse("import os\nKEY = os.environ['K']\nclass C:\n    home = os.getenv('H')\n")
    assert environment_at_import(tree) == ["os.environ", "os.getenv"]
    assert environment_at_import(ast.parse("def f():\n    return os.environ\n")) == []


def environment_at_import(tree: ast.Module) -> list[str]:
    """What a module reads of the environment when it is imported, as it spells it."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    at_import = [node for node in tree.body if not isinstance(node, functions)]
    inside = {
        id(deep)
        for node in at_import
        for function in ast.walk(node)
        if isinstance(function, functions)
        for deep in ast.walk(function)
    }
    return [
        ast.unparse(node)
        for top in at_import
        for node in ast.walk(top)
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and id(node) not in inside
    ]


def run_python(folder: Path, code: str, *arguments: str, **env: str):
    """Run code in a fresh process that sees the project and these variables."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, **env, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )


def loaded_after(modules: str, folder: Path) -> set[str]:
    """Top-level packages a fresh process holds after importing some modules."""
    names = "sorted({name.split('.')[0] for name in sys.modules})"
    result = run_python(folder, f"import {modules}, sys, json; print(json.dumps({names}))")
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout))


def test_help_is_instant_because_nothing_heavy_is_imported_for_it(tmp_path: Path):
    heavy = {"dagster", "mlflow", "sklearn", "pandas", "duckdb", "matplotlib", "httpx", "pydantic"}
    assert not heavy & loaded_after("ayne_dagster.cli.main", tmp_path)
