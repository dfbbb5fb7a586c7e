"""Where this process runs, as far as a login minds: whether a browser that opens here is the one of its person.

`$BROWSER` is never looked at: it is a command that anything in between may have set.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_SSH = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
# systemd's and podman's own, then Docker's file, Kubernetes, and the development containers of VS Code and GitHub.
_CONTAINER = ("container", "KUBERNETES_SERVICE_HOST", "REMOTE_CONTAINERS", "CODESPACES", "GITPOD_WORKSPACE_ID")
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
_WSL = ("WSL_DISTRO_NAME", "WSL_INTEROP")
_WSL_FILE = "/proc/sys/fs/binfmt_misc/WSLInterop"
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
# Windows' own opener; explorer.exe would lose what follows a comma in the URL.
_WINDOWS_OPENER = "/mnt/c/Windows/System32/rundll32.exe"

PathExists = Callable[[str], bool]


def foreign(environ: Mapping[str, str], exists: PathExists = os.path.exists) -> str:
    """What makes it likely that the person's browser runs on another system than this process, "" if nothing does."""
    if _any(environ, _SSH):
        return "an SSH session"
    if is_wsl(environ, exists):
        return "WSL"
    if _any(environ, _CONTAINER) or any(exists(path) for path in _CONTAINER_FILES):
        return "a container"
    return ""


def why_no_tab(environ: Mapping[str, str], command: Sequence[str], exists: PathExists = os.path.exists) -> str:
    """Why a browser that nobody asked for must not be opened, "" if one may be; a `command` of the person's opens any.

    WSL hands its URLs to the Windows that it runs in, whose browser reaches WSL's loopback.
    """
    if command:
        return ""
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        return "nobody sits at a CI job's browser"
    place = foreign(environ, exists)
    if place not in ("", "WSL"):
        return f"a browser cannot be opened from {place}"
    return "" if sys.platform == "win32" or desktop_opener(environ, exists) else "there is no display for a browser"


def desktop_opener(environ: Mapping[str, str], exists: PathExists = os.path.exists) -> tuple[str, ...]:
    """The command that opens URLs on this desktop, with an absolute path, () where there is no desktop.

    A program comes before a shell script: `wslview` hands its argument to PowerShell as a part of a command, and
    `xdg-open` has done the like with sh. None of them is given anything that a shell would evaluate (`browser.py`).
    """
    if sys.platform == "darwin":
        return ("/usr/bin/open",)
    if environ.get("TERMUX_VERSION"):
        path = _program("termux-open-url")
        return () if path is None else (path,)
    wsl = is_wsl(environ, exists)
    if wsl and exists(_WINDOWS_OPENER):
        return (_WINDOWS_OPENER, "url.dll,FileProtocolHandler")
    if wsl and (path := _program("wslview")) is not None:
        return (path,)
    path = _program("xdg-open") if _any(environ, _DISPLAYS) else None
    return () if path is None else (path,)


def absolute_path(path: str) -> str:
    """The variable `PATH` without its relative folders, which a project could put programs into."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())


def _program(name: str) -> str | None:
    return shutil.which(name, path=absolute_path(os.environ.get("PATH", os.defpath)))


def is_wsl(environ: Mapping[str, str], exists: PathExists = os.path.exists) -> bool:
    """Whether this Linux runs inside Windows, and its person's browser outside of it."""
    # Most programs of an IDE start without the variables of a login shell; the kernel knows all the same.
    return _any(environ, _WSL) or exists(_WSL_FILE)


def _any(environ: Mapping[str, str], names: Sequence[str]) -> bool:
    return any(environ.get(name) for name in names)
