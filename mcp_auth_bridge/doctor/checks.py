"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor import addresses, here, tls
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section

CHECKS = (
    Check(Section.HERE, "version", here.version),
    Check(Section.HERE, "configuration", here.configuration),
    Check(Section.WAY, "proxy", addresses.proxy),
    Check(Section.WAY, "name", addresses.name),
    Check(Section.WAY, "connection", addresses.connection),
    Check(Section.WAY, "encryption", tls.encryption),
    Check(Section.WAY, "HTTP version", tls.http_version),
)
