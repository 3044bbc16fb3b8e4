"""The guards of `conftest.py` hold: a guard nobody tests is a guard nobody has."""

import os
import socket

import pytest

from ayne_dagster.settings import load_settings
from ayne_dagster_tests.conftest import PROJECT, OutsideWorld, setting_names


def test_no_test_reaches_the_outside_world():
    """A test that asks the real TMDB passes on a desk with a key and fails everywhere else."""
    with socket.socket() as outside, pytest.raises(OutsideWorld):
        outside.connect(("192.0.2.1", 443))
    with pytest.raises(OutsideWorld):
        socket.getaddrinfo("api.themoviedb.org", 443)


def test_loopback_is_no_outside_world():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address, timeout=5) as client:
            assert client.getpeername() == address


def test_no_setting_of_this_machine_is_seen():
    assert not set(setting_names()) & {name.upper() for name in os.environ}
    assert load_settings().tmdb.api_key is None


def test_relative_paths_of_settings_lie_outside_the_project():
    """Someone's own data/ayne.duckdb must survive the tests."""
    settings = load_settings()
    for path in (settings.database.path, settings.request_ledger, settings.database.mirror_folder):
        assert not settings.resolve(path).is_relative_to(PROJECT)
