"""Opens a URL in the user's browser, without a shell, without `$BROWSER`, and with only an allowed environment."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.browser.desktop import absolute_folders, desktop_opener
from mcp_auth_bridge.shell.browser.portal import open_by_portal
from mcp_auth_bridge.urls import Purpose, gate, shell_safe

# Variables by which a desktop program finds its display, its session and its user's settings; none holds a secret.
_INHERITED = frozenset(
    {
        "ANDROID_ART_ROOT",
        "ANDROID_DATA",
        "ANDROID_I18N_ROOT",
        "ANDROID_ROOT",
        "ANDROID_TZDATA_ROOT",
        "BOOTCLASSPATH",
        "DBUS_SESSION_BUS_ADDRESS",
        "DESKTOP_SESSION",
        "DISPLAY",
        "HOME",
        "LANG",
        "LC_ALL",
        "LOGNAME",
        "PATH",
        "PREFIX",
        "SHELL",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "TMPDIR",
        "USER",
        "USERPROFILE",
        "WAYLAND_DISPLAY",
        "WSL_DISTRO_NAME",
        "WSL_INTEROP",
        "XAUTHORITY",
        "XDG_CONFIG_DIRS",
        "XDG_CURRENT_DESKTOP",
        "XDG_DATA_DIRS",
        "XDG_RUNTIME_DIR",
        "XDG_SESSION_TYPE",
    }
)


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` that a child process gets, with only absolute folders on its `PATH`.

    An IDE starts the bridge in a project's folder, and openers start programs by name.
    """
    inherited = {name: value for name, value in environ.items() if name.upper() in _INHERITED}
    paths = {name: absolute_folders(value) for name, value in inherited.items() if name.upper() == "PATH"}
    return {**inherited, **paths}


def open_url(url: str, command: Sequence[str]) -> bool:
    """Start `command` with `url` as its last argument, or if it is (), the desktop's opener, or else ask its portal.

    `url` is an address on our loopback that holds no text of a server: an opener is often a shell script, and every
    user may read its command line. It is percent-encoded anew all the same. Returns False if there is no opener. Raises
    `ConfigError` if the command cannot be started and `UrlRefused` if the URL must not be opened.
    """
    address = shell_safe(gate(url, Purpose.AUTHORIZATION))
    if not command and sys.platform == "win32":
        os.startfile(address)  # noqa: S606 - ShellExecute of a URL in our spelling, which takes no arguments
        return True
    argv = tuple(command) or desktop_opener(os.environ)
    if not argv:
        return open_by_portal(address, os.environ)
    try:
        subprocess.Popen(  # noqa: S603 - an argument vector; the URL starts with its scheme and is in our spelling
            [*argv, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=child_environment(os.environ),
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(
            f"the browser command {argv[0]} cannot be started: {error.strerror}",
            "correct browser_command or --browser-command, or use --no-browser",
        ) from None
    return True
