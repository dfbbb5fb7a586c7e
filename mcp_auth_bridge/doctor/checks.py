"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor.client import entry_checks
from mcp_auth_bridge.doctor.credential import lifetime, presented, registration
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.here.browser import browser
from mcp_auth_bridge.doctor.here.clock import clock
from mcp_auth_bridge.doctor.here.configuration import configuration, settings
from mcp_auth_bridge.doctor.here.disk import disk
from mcp_auth_bridge.doctor.here.log_files import log_files
from mcp_auth_bridge.doctor.here.processes import bridges, locks
from mcp_auth_bridge.doctor.here.secret_references import secrets, variables
from mcp_auth_bridge.doctor.here.store import store
from mcp_auth_bridge.doctor.here.version import version
from mcp_auth_bridge.doctor.oauth import login_way, published
from mcp_auth_bridge.doctor.oauth.trial import trial
from mcp_auth_bridge.doctor.server import requests, speech
from mcp_auth_bridge.doctor.way import addresses, tls

CHECKS = (
    Check(Section.HERE, "version", version),
    Check(Section.HERE, "configuration", configuration),
    Check(Section.HERE, "settings", settings),
    Check(Section.HERE, "variables", variables),
    Check(Section.HERE, "secrets", secrets),
    Check(Section.HERE, "store", store),
    Check(Section.HERE, "disk", disk),
    Check(Section.HERE, "log files", log_files),
    Check(Section.HERE, "locks", locks),
    Check(Section.HERE, "bridges", bridges),
    Check(Section.HERE, "browser", browser),
    Check(Section.HERE, "clock", clock),
    Check(Section.WAY, "proxy", addresses.proxy),
    Check(Section.WAY, "name", addresses.name),
    Check(Section.WAY, "connection", addresses.connection),
    Check(Section.WAY, "encryption", tls.encryption),
    Check(Section.WAY, "HTTP version", tls.http_version),
    Check(Section.SERVER, "no credential", requests.stranger),
    Check(Section.SERVER, "credential", requests.credential),
    Check(Section.SERVER, "GET", requests.stream),
    Check(Section.SERVER, "OPTIONS", requests.preflight),
    Check(Section.SERVER, "revision", speech.revision),
    Check(Section.SERVER, "transport", speech.transport),
    Check(Section.SERVER, "content", speech.content),
    Check(Section.OAUTH, "challenge", published.challenge),
    Check(Section.OAUTH, "addresses", published.addresses),
    Check(Section.OAUTH, "resource", published.resource),
    Check(Section.OAUTH, "issuer", published.issuer),
    Check(Section.OAUTH, "discovery", login_way.discovery),
    Check(Section.OAUTH, "registration", login_way.registration),
    Check(Section.OAUTH, "endpoints", login_way.endpoints),
    Check(Section.OAUTH, "trial", trial),
    Check(Section.CREDENTIAL, "kind", presented.kind),
    Check(Section.CREDENTIAL, "token", presented.claims),
    Check(Section.CREDENTIAL, "renewal", lifetime.renewal),
    Check(Section.CREDENTIAL, "client", registration.client),
    Check(Section.CREDENTIAL, "acceptance", presented.acceptance),
    Check(Section.CLIENT, "entries", entry_checks.entries),
    Check(Section.CLIENT, "start", entry_checks.start),
)
