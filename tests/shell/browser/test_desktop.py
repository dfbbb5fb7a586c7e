"""Where a browser can be expected: the environment decides, but never its variable $BROWSER."""

import sys

import pytest

from mcp_auth_bridge.shell.browser.desktop import desktop_opener, no_tab_reason, remote_environment

DISPLAY = {"DISPLAY": ":0"}
WINDOWS = "/mnt/c/Windows/System32/rundll32.exe"

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="these always have a desktop")


def only(*paths):
    """A file system with nothing but `paths`."""
    return lambda path: path in paths


def without_portal(environ):
    return False


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Puts programs on PATH, which is empty otherwise; returns their absolute paths."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        return str(program)

    return put


@pytest.mark.parametrize(
    ("environ", "files", "place"),
    [
        ({}, (), ""),
        (DISPLAY, (), ""),
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, (), "an SSH session"),
        ({"SSH_TTY": "/dev/pts/0"}, (), "an SSH session"),
        ({"SSH_CLIENT": "1.2.3.4 5 22", "WSL_DISTRO_NAME": "Debian"}, (), "an SSH session"),
        ({"SSH_TTY": ""}, (), ""),
        ({"SSH_AUTH_SOCK": "/run/agent"}, (), ""),
        ({"WSL_DISTRO_NAME": "Debian"}, (), "WSL"),
        ({"WSL_INTEROP": "/run/WSL/8_interop"}, (), "WSL"),
        ({}, ("/proc/sys/fs/binfmt_misc/WSLInterop",), "WSL"),
        ({}, ("/.dockerenv",), "a container"),
        ({}, ("/run/.containerenv",), "a container"),
        ({"container": "podman"}, (), "a container"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, (), "a container"),
        ({"CODESPACES": "true"}, (), "a container"),
        ({"REMOTE_CONTAINERS": "true"}, (), "a container"),
    ],
)
def test_an_environment_whose_browser_is_elsewhere_has_a_name(environ, files, place):
    assert remote_environment(environ, only(*files)) == place


@pytest.mark.parametrize(
    ("environ", "files", "reason"),
    [
        (DISPLAY, (), ""),
        ({"WAYLAND_DISPLAY": "wayland-0"}, (), ""),
        ({}, (), "there is no display for a browser"),
        ({**DISPLAY, "CI": "true"}, (), "a CI job has no user at a browser"),
        ({**DISPLAY, "CI": "false"}, (), ""),
        ({**DISPLAY, "SSH_TTY": "/dev/pts/0"}, (), "a browser cannot be opened from an SSH session"),
        (DISPLAY, ("/.dockerenv",), "a browser cannot be opened from a container"),
        ({"WSL_DISTRO_NAME": "Debian"}, (WINDOWS,), ""),
        ({"WSL_DISTRO_NAME": "Debian"}, (), "there is no display for a browser"),
        ({"BROWSER": "firefox"}, (), "there is no display for a browser"),
    ],
)
def test_a_tab_is_opened_only_where_a_user_can_see_it(tools, environ, files, reason):
    tools("xdg-open")
    assert no_tab_reason(environ, (), only(*files), without_portal) == reason
    assert no_tab_reason(environ, ("firefox",), only(*files)) == ""


def test_a_portal_stands_for_a_display_where_the_user_is(tools):
    assert no_tab_reason({}, (), only(), lambda _: True) == ""
    assert "an SSH session" in no_tab_reason({"SSH_TTY": "/dev/pts/0"}, (), only(), lambda _: True)


def test_without_an_opener_there_is_no_tab(tools):
    assert no_tab_reason(DISPLAY, (), only(), without_portal) == "there is no display for a browser"


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_the_desktops_opener_has_an_absolute_path(tools, variable):
    opener = tools("xdg-open")
    assert desktop_opener({variable: ":0"}, only()) == (opener,)
    assert desktop_opener({}, only()) == ()


def test_a_program_in_the_folder_in_which_an_ide_starts_us_is_not_an_opener(tools, tmp_path, monkeypatch):
    tools("xdg-open")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ":.:")
    assert desktop_opener(DISPLAY, only()) == ()


def test_termux_has_an_opener_of_its_own_and_no_display(tools):
    termux = {"TERMUX_VERSION": "0.118.1"}
    assert desktop_opener(termux, only()) == ()
    opener = tools("termux-open-url")
    assert desktop_opener(termux, only()) == (opener,)


def test_wsl_hands_its_urls_to_windows(tools):
    wsl = {"WSL_DISTRO_NAME": "Debian", **DISPLAY}
    opener = tools("xdg-open")
    assert desktop_opener(wsl, only()) == (opener,)
    assert desktop_opener(wsl, only(WINDOWS)) == (WINDOWS, "url.dll,FileProtocolHandler")
    script = tools("wslview")  # which asks PowerShell
    assert desktop_opener(wsl, only(WINDOWS)) == (WINDOWS, "url.dll,FileProtocolHandler")
    assert desktop_opener(wsl, only()) == (script,)
