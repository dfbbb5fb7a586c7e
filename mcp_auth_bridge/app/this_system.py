"""The machine that this runs on, as far as the places of the clients' files depend on it."""

import sys
from collections.abc import Mapping
from pathlib import Path

from mcp_auth_bridge.clients.client import Platform, System, is_absolute


def this_system(environ: Mapping[str, str]) -> System:
    """The machine that this runs on, with the environment of the terminal."""
    known = {platform.value: platform for platform in Platform}
    platform = known.get(sys.platform, Platform.LINUX)
    home = environ.get("USERPROFILE" if platform is Platform.WINDOWS else "HOME", "")
    try:
        workspace = Path.cwd().as_posix()
    except OSError:
        workspace = ""
    return System(platform, Path(home).as_posix() if is_absolute(home) else "", workspace, environ)
