"""The check of the versions: of the bridge, of Python and of the system."""

import platform
import sys

from mcp_auth_bridge import __version__
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, ok


async def version(_: Evidence) -> Finding:
    """The versions of the bridge, of Python and of the system."""
    python = ".".join(map(str, sys.version_info[:3]))
    return ok(f"{__version__}, Python {python}, {platform.system()} {platform.release()} {platform.machine()}")
