"""Checks of this machine: the bridge, its configuration and its folders."""

import platform
import sys

from mcp_auth_bridge import __version__
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign
from mcp_auth_bridge.doctor.symptoms import Symptom


async def version(_: Evidence) -> Finding:
    """The versions of the bridge, of Python and of the system."""
    python = ".".join(map(str, sys.version_info[:3]))
    return ok(f"{__version__}, Python {python}, {platform.system()} {platform.machine()}")


async def configuration(evidence: Evidence) -> Finding:
    """Whether the configuration file can be used."""
    subject = evidence.subject
    path = subject.context.config.path
    if (error := subject.context.error or subject.server_error) is not None:
        return fail(
            error.message, error.hint, sign(Symptom.CONFIG_UNREADABLE, error=error.message, hint=error.hint or "")
        )
    return ok(f"{path}" if path.exists() else f"there is no {path}, and none is needed")
