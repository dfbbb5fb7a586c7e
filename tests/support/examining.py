"""Evidence about a server that a test plays, for the checks of doctor."""

from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.subject import Subject


def evidence_of(folder, url, auth='{ kind = "none" }', environ=None, more=""):
    """The evidence about the server at `url`, with `auth` and `more` lines in its table."""
    context = context_of(folder, url, auth, environ, more)
    return Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))
