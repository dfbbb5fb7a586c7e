"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor.browser import browser
from mcp_auth_bridge.doctor.clock import clock
from mcp_auth_bridge.doctor.configuration import configuration, settings
from mcp_auth_bridge.doctor.disk import disk
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.processes import bridges, locks
from mcp_auth_bridge.doctor.secret_references import secrets, variables
from mcp_auth_bridge.doctor.store import store
from mcp_auth_bridge.doctor.version import version

CHECKS = (
    Check(Section.HERE, "version", version),
    Check(Section.HERE, "configuration", configuration),
    Check(Section.HERE, "settings", settings),
    Check(Section.HERE, "variables", variables),
    Check(Section.HERE, "secrets", secrets),
    Check(Section.HERE, "store", store),
    Check(Section.HERE, "disk", disk),
    Check(Section.HERE, "locks", locks),
    Check(Section.HERE, "bridges", bridges),
    Check(Section.HERE, "browser", browser),
    Check(Section.HERE, "clock", clock),
)
