"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor import here, server, speech
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section

CHECKS = (
    Check(Section.HERE, "version", here.version),
    Check(Section.HERE, "configuration", here.configuration),
    Check(Section.SERVER, "a stranger", server.stranger),
    Check(Section.SERVER, "the credential", server.credential),
    Check(Section.SERVER, "GET", server.stream),
    Check(Section.SERVER, "OPTIONS", server.preflight),
    Check(Section.SERVER, "revision", speech.revision),
    Check(Section.SERVER, "transport", speech.transport),
    Check(Section.SERVER, "content", speech.content),
)
