"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor import (
    addresses,
    client,
    credential,
    credential_client,
    credential_lifetime,
    login_way,
    published,
    server,
    speech,
    tls,
)
from mcp_auth_bridge.doctor.browser import browser
from mcp_auth_bridge.doctor.clock import clock
from mcp_auth_bridge.doctor.configuration import configuration, settings
from mcp_auth_bridge.doctor.disk import disk
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.log_files import log_files
from mcp_auth_bridge.doctor.processes import bridges, locks
from mcp_auth_bridge.doctor.secret_references import secrets, variables
from mcp_auth_bridge.doctor.store import store
from mcp_auth_bridge.doctor.trial import trial
from mcp_auth_bridge.doctor.version import version

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
    Check(Section.SERVER, "no credential", server.stranger),
    Check(Section.SERVER, "credential", server.credential),
    Check(Section.SERVER, "GET", server.stream),
    Check(Section.SERVER, "OPTIONS", server.preflight),
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
    Check(Section.CREDENTIAL, "kind", credential.kind),
    Check(Section.CREDENTIAL, "token", credential.claims),
    Check(Section.CREDENTIAL, "renewal", credential_lifetime.renewal),
    Check(Section.CREDENTIAL, "client", credential_client.client),
    Check(Section.CREDENTIAL, "acceptance", credential.acceptance),
    Check(Section.CLIENT, "entries", client.entries),
    Check(Section.CLIENT, "start", client.start),
)
