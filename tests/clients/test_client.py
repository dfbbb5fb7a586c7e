"""Where the files of a client are, on each system."""

import pytest

from mcp_auth_bridge.clients.client import ConfigFile, Format, Place, Platform, System, locate

TABLES = (("mcpServers",),)


def located(place, system, **more):
    return [*locate(ConfigFile(place, "App/mcp.json", TABLES, Format.JSON, **more), system)]


def system(platform, **environ):
    return System(platform, "/home/u", "/project", environ)


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        (Platform.LINUX, {}, "/home/u/.config/App/mcp.json"),
        (Platform.LINUX, {"XDG_CONFIG_HOME": "/x"}, "/x/App/mcp.json"),
        (Platform.MACOS, {"XDG_CONFIG_HOME": "/x"}, "/home/u/Library/Application Support/App/mcp.json"),
        (Platform.WINDOWS, {}, "/home/u/AppData/Roaming/App/mcp.json"),
        (Platform.WINDOWS, {"APPDATA": "C:/R"}, "C:/R/App/mcp.json"),
    ],
)
def test_settings_of_applications_are_where_the_system_keeps_them(platform, environ, expected):
    assert located(Place.APPLICATIONS, system(platform, **environ)) == [expected]


def test_home_project_and_local_settings_have_places_of_their_own():
    assert located(Place.HOME, system(Platform.WINDOWS)) == ["/home/u/App/mcp.json"]
    assert located(Place.WORKSPACE, system(Platform.LINUX)) == ["/project/App/mcp.json"]
    assert located(Place.LOCAL, system(Platform.WINDOWS, LOCALAPPDATA="C:/L")) == ["C:/L/App/mcp.json"]
    assert located(Place.LOCAL, system(Platform.WINDOWS)) == ["/home/u/AppData/Local/App/mcp.json"]


def test_a_variable_of_the_client_moves_its_file():
    moved = system(Platform.LINUX, CODEX_HOME="/codex")
    assert located(Place.HOME, moved, variable="CODEX_HOME") == ["/codex/mcp.json"]
    assert located(Place.HOME, system(Platform.LINUX), variable="CODEX_HOME") == ["/home/u/App/mcp.json"]


def test_a_variable_with_a_relative_path_does_not_lead_into_the_project():
    here = system(Platform.LINUX, XDG_CONFIG_HOME=".", CODEX_HOME=".codex")
    assert located(Place.APPLICATIONS, here) == ["/home/u/.config/App/mcp.json"]
    assert located(Place.HOME, here, variable="CODEX_HOME") == ["/home/u/App/mcp.json"]


def test_a_file_of_another_system_is_nowhere():
    assert located(Place.HOME, system(Platform.LINUX), platforms=(Platform.WINDOWS,)) == []


@pytest.mark.parametrize("place", [Place.HOME, Place.APPLICATIONS, Place.WORKSPACE])
def test_without_a_home_and_a_current_folder_nothing_is_looked_for(place):
    assert located(place, System(Platform.LINUX, "", "", {})) == []
