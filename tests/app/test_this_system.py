"""This machine, as far as the places of the clients' files depend on it."""

import sys

from mcp_auth_bridge.app.this_system import this_system


def test_this_machine_is_known_by_its_variables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    system = this_system({"HOME": "/home/u"})
    assert (system.home, system.workspace) == ("/home/u", str(tmp_path))
    assert this_system({}).home == ""


def test_a_home_folder_with_a_relative_path_would_be_the_project_and_is_not_used():
    assert this_system({"HOME": "."}).home == ""


def test_windows_has_another_variable_for_the_home_folder(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert this_system({"USERPROFILE": "/users/u", "HOME": "/x"}).home == "/users/u"


def test_a_current_folder_that_is_gone_is_no_project(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert this_system({}).workspace == ""
