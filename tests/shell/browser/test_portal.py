"""The desktop portal opens URLs where no display is known, and only a portal that answers counts."""

import os
import socket
import sys

import pytest
from installed import wait_for
from peers.desktop_portal import desktop_session

from mcp_auth_bridge.shell.browser import portal
from mcp_auth_bridge.shell.browser.portal import is_available, open_by_portal

ADDRESS = "http://127.0.0.1:5/open/x"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this portal")


def on(session):
    return {"DBUS_SESSION_BUS_ADDRESS": session.address}


def test_a_portal_opens_the_address():
    with desktop_session() as session:
        assert is_available(on(session))
        assert open_by_portal(ADDRESS, on(session))
        wait_for(lambda: session.opened)
        assert session.opened == [ADDRESS]


@pytest.mark.parametrize("behaviour", ["", "refuses", "silent"])
def test_a_bus_without_a_portal_that_answers_opens_nothing(behaviour, monkeypatch):
    monkeypatch.setattr(portal, "_PATIENCE", 0.2)
    with desktop_session(behaviour) as session:
        assert not is_available(on(session))
        assert not open_by_portal(ADDRESS, on(session))


@pytest.mark.parametrize("address", ["unix:path=/nowhere/bus", "tcp:host=localhost", "x"])
def test_a_bus_that_is_not_there_has_no_portal(address):
    assert not is_available({"DBUS_SESSION_BUS_ADDRESS": address})


def test_systemds_bus_is_found_without_the_variable(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        monkeypatch.setattr(portal, "_RUNTIME", tmp_path.parent)
        monkeypatch.setattr(os, "getuid", lambda: tmp_path.name)
        assert portal._session_bus({}) == f"unix:path={tmp_path / 'bus'}"
        assert portal._session_bus({"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=x"}) == "unix:abstract=x"
    (tmp_path / "bus").unlink()
    assert portal._session_bus({}) == ""
    assert not is_available({})
