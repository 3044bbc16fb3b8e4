"""What every test stands on: no settings of this machine, no network, no traces in the project.

Lives here: guards that hold for the whole session. Not here: worlds that tests share
(`defs/conftest.py`, `sandbox/conftest.py`).
"""

import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings
from pydantic import BaseModel

import ayne_dagster.cli.job_runs
import ayne_dagster.cli.sandbox_world
import ayne_dagster.settings
import ayne_dagster.settings.loading
from ayne_dagster.settings import Settings, setting_name
from ayne_dagster.storage.mlflow_store import MlflowStore

PROJECT = Path(__file__).resolve().parent.parent
_NOT_OURS = {".git", ".venv", ".hypothesis", ".ruff_cache", ".pytest_cache", ".import_linter_cache",
             "__pycache__", "htmlcov", "build", "dist", "docs", "demo",
             "demo_catalogue"}  # fmt: skip
_WRITTEN_BY_PEOPLE = (".py", ".md", ".toml", ".yaml", ".yml", ".lock")
_MAKERS = ("test_champions.py", "test_model.py")
"""Each makes what the tests of its folder share; nobody else needs it for a while."""
_BEFORE = pytest.StashKey[set[Path]]()

hypothesis_settings.register_profile("project", deadline=None, database=None, max_examples=60)
hypothesis_settings.load_profile("project")


class OutsideWorld(AssertionError):
    """A test wanted to leave this machine."""


def pytest_configure(config: pytest.Config) -> None:
    """Remember what lies in the project before the first test; workers leave that to their head."""
    if not hasattr(config, "workerinput"):
        config.stash[_BEFORE] = _written_files()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is long in the making: a second worker would wait for it, at its lock."""
    items.sort(key=lambda item: item.path.name not in _MAKERS)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session that left files in the project: it would leave them on every machine."""
    before = session.config.stash.get(_BEFORE, None)
    if before is None:
        return
    new = sorted(_written_files() - before)
    if new:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        names = "\n".join(f"  {path.relative_to(PROJECT)}" for path in new)
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"\nfiles left in the project by this session:\n{names}", red=True)


def _written_files() -> set[Path]:
    """Files a program may have written; sources are people's, who may work meanwhile."""
    found = set()
    for folder, subfolders, names in os.walk(PROJECT):
        subfolders[:] = [name for name in subfolders if name not in _NOT_OURS]
        found.update(
            Path(folder, name)
            for name in names
            if not name.endswith(_WRITTEN_BY_PEOPLE) and not name.startswith(".coverage")
        )
    return found


def setting_names(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every name under which the environment knows a setting."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_names(kind, (*path, name))
        else:
            yield setting_name((*path, name))


@pytest.fixture(scope="session", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine without settings, `.env`, Dagster home or network; returns its project folder."""
    root = tmp_path_factory.mktemp("project")
    home = root / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_bytes((PROJECT / "dagster_home" / "dagster.yaml").read_bytes())
    known = set(setting_names())
    sections = tuple(f"{name.upper()}__" for name in Settings.model_fields)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper() in known or name.upper().startswith(sections):
                patch.delenv(name)
        # Workers are told the width of the terminal they do not have.
        patch.delenv("COLUMNS", raising=False)
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        _use_project_root(patch, root)
        _stay_on_this_machine(patch)
        yield root


@pytest.fixture
def project(machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of the test's own: relative settings and `dagster_home` lie in it."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    shipped = machine / "dagster_home" / "dagster.yaml"
    (home / "dagster.yaml").write_bytes(shipped.read_bytes())
    _use_project_root(monkeypatch, tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return tmp_path


@pytest.fixture(scope="session")
def for_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this session share; make things in it under a lock.

    With `AYNE_TEST_WORLDS` it is that folder, which another session may have filled: they take
    half a minute, and CI runs two sessions.
    """
    if kept := os.environ.get("AYNE_TEST_WORLDS"):
        return Path(kept)
    mine = tmp_path_factory.getbasetemp()
    return mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine


@pytest.fixture(scope="session")
def empty_mlflow_store(machine: Path, for_all_workers: Path) -> Path:
    """An MLflow store without records, to be copied: creating its tables takes seconds."""
    folder = for_all_workers / "empty_store"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            made = folder.with_name("empty_store_in_the_making")
            store = MlflowStore(f"sqlite:///{made}/mlflow.db", made / "artifacts")
            assert store.client.search_registered_models() == []
            made.rename(folder)
    return folder / "mlflow.db"


def _use_project_root(patch: pytest.MonkeyPatch, root: Path) -> None:
    for module in (
        ayne_dagster.settings,
        ayne_dagster.settings.loading,
        ayne_dagster.cli.job_runs,
        ayne_dagster.cli.sandbox_world,
    ):
        patch.setattr(module, "PROJECT_ROOT", root)


def _stay_on_this_machine(patch: pytest.MonkeyPatch) -> None:
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_outside(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_outside(self.family, address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *more: Any, **options: Any) -> Any:
        if host is not None and not _is_here(host):
            raise OutsideWorld(f"a test looked up {host!r}")
        return look_up(host, *more, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)


def _refuse_outside(family: int, address: Any) -> None:
    if family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
        raise OutsideWorld(f"a test connected to {address!r}")


def _is_here(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("localhost", ""):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
