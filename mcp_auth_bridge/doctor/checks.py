"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor import client, here
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section

CHECKS = (
    Check(Section.HERE, "version", here.version),
    Check(Section.HERE, "configuration", here.configuration),
    Check(Section.CLIENT, "entries", client.entries),
    Check(Section.CLIENT, "start", client.start),
)
