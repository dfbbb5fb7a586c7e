"""A Redis server for the tests of a file, and a fleet that does not wait long."""

import os

import pytest
from redis_fleet import Redis

from mcp_auth_bridge.shell.fleet import lease as lease_module
from mcp_auth_bridge.shell.fleet import server as server_module


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(lease_module, "_AGAIN", 0.05)
    monkeypatch.setattr(server_module, "_REST", 0.5)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis"), durable=False) as server:
        yield server


@pytest.fixture
def prefix():
    return os.urandom(4).hex()
