"""The desktop of this process: which command opens a URL on it, and whether its browser is the user's.

`$BROWSER` is never read: it is a command that any program in between may have set.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mcp_auth_bridge.shell.browser.portal import is_available

_SSH = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
# systemd's and podman's own, then Kubernetes, and the development containers of VS Code, GitHub and Gitpod; the files
# are Docker's and podman's.
_CONTAINER = ("container", "KUBERNETES_SERVICE_HOST", "REMOTE_CONTAINERS", "CODESPACES", "GITPOD_WORKSPACE_ID")
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
_WSL = ("WSL_DISTRO_NAME", "WSL_INTEROP")
_WSL_FILE = "/proc/sys/fs/binfmt_misc/WSLInterop"
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
# Windows' own opener; explorer.exe would lose what follows a comma in the URL.
_WINDOWS_OPENER = "/mnt/c/Windows/System32/rundll32.exe"

PathExists = Callable[[str], bool]
"""Whether a path exists, as `os.path.exists`."""


def remote_environment(environ: Mapping[str, str], exists: PathExists = os.path.exists) -> str:
    """Where this process runs, such as "an SSH session"; "" if the user's browser is probably on the same system."""
    if _is_any_set(environ, _SSH):
        return "an SSH session"
    if is_wsl(environ, exists):
        return "WSL"
    if _is_any_set(environ, _CONTAINER) or any(exists(path) for path in _CONTAINER_FILES):
        return "a container"
    return ""


def no_tab_reason(
    environ: Mapping[str, str],
    command: Sequence[str],
    exists: PathExists = os.path.exists,
    has_portal: Callable[[Mapping[str, str]], bool] = is_available,
) -> str:
    """The reason not to open a browser unasked, "" if one may be opened.

    A `command` that the user has configured is always allowed. WSL hands its URLs to the Windows that it runs in, and a
    browser there reaches WSL's loopback. The session bus may be asked for a portal, so call this in a thread.
    """
    if command:
        return ""
    if is_ci_job(environ):
        return "a CI job has no user at a browser"
    place = remote_environment(environ, exists)
    if place not in ("", "WSL"):
        return f"a browser cannot be opened from {place}"
    opens = sys.platform == "win32" or desktop_opener(environ, exists) or has_portal(environ)
    return "" if opens else "there is no display for a browser"


def is_ci_job(environ: Mapping[str, str]) -> bool:
    """Whether this process runs in a job of continuous integration, where no user is present."""
    return environ.get("CI", "").lower() not in ("", "0", "false")


def desktop_opener(environ: Mapping[str, str], exists: PathExists = os.path.exists) -> tuple[str, ...]:
    """The command that opens URLs on this desktop, with an absolute path; () without a desktop.

    A program comes before a shell script: `wslview` hands its argument to PowerShell as a part of a command, and
    `xdg-open` has done the same with sh. Neither gets a URL that a shell would evaluate (`opener.py`).
    """
    if sys.platform == "darwin":
        return ("/usr/bin/open",)
    if environ.get("TERMUX_VERSION"):
        path = _find_program("termux-open-url")
        return () if path is None else (path,)
    wsl = is_wsl(environ, exists)
    if wsl and exists(_WINDOWS_OPENER):
        return (_WINDOWS_OPENER, "url.dll,FileProtocolHandler")
    if wsl and (path := _find_program("wslview")) is not None:
        return (path,)
    path = _find_program("xdg-open") if _is_any_set(environ, _DISPLAYS) else None
    return () if path is None else (path,)


def absolute_folders(path: str) -> str:
    """The variable `PATH` without its relative folders, into which a project could put programs."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())


def _find_program(name: str) -> str | None:
    return shutil.which(name, path=absolute_folders(os.environ.get("PATH", os.defpath)))


def is_wsl(environ: Mapping[str, str], exists: PathExists = os.path.exists) -> bool:
    """Whether this Linux runs inside Windows, where the user's browser is."""
    # An IDE starts most programs without the variables of a login shell, but the kernel shows it in any case.
    return _is_any_set(environ, _WSL) or exists(_WSL_FILE)


def _is_any_set(environ: Mapping[str, str], names: Sequence[str]) -> bool:
    return any(environ.get(name) for name in names)
