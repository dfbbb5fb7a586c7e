"""A login that moves from the machine `desk` to the machine `server`."""

import pytest
from config_files import ConfigFolder
from moving import Machine

from mcp_auth_bridge.stores import login_export


@pytest.fixture
def quick(monkeypatch):
    """Passphrases are stretched in no time: stretching has tests of its own (tests/stores/test_login_export.py)."""
    monkeypatch.setattr(login_export, "_SCRYPT_N", 4)


@pytest.fixture
def desk(tmp_path, quick):
    return Machine(tmp_path / "desk")


@pytest.fixture
def server(tmp_path, quick):
    return Machine(tmp_path / "server")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "acme.login"


@pytest.fixture
def said(capsys):
    """The lines on stderr since the last call. Nothing secret may be in them."""

    def lines():
        captured = capsys.readouterr()
        assert "canary" not in captured.out + captured.err
        return captured.err.replace("mcp-auth-bridge: ", "").splitlines()

    return lines


@pytest.fixture
def exported(desk, file):
    desk.log_in()
    desk.export(file)
    return file


@pytest.fixture
def config(tmp_path, capsys):
    return ConfigFolder(tmp_path, capsys)
