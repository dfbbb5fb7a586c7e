"""The list of all checks, in the order of the report."""

from mcp_auth_bridge.doctor import credential, credential_lifetime, here
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section

CHECKS = (
    Check(Section.HERE, "version", here.version),
    Check(Section.HERE, "configuration", here.configuration),
    Check(Section.CREDENTIAL, "kind", credential.kind),
    Check(Section.CREDENTIAL, "token", credential.claims),
    Check(Section.CREDENTIAL, "renewal", credential_lifetime.renewal),
    Check(Section.CREDENTIAL, "acceptance", credential.acceptance),
)
