"""Evidence about a server that a test plays, for the checks of doctor."""

from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.checks import CHECKS
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.examination import examine
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.verdict import judge


def evidence_of(folder, url, auth='{ kind = "none" }', environ=None, more=""):
    """The evidence about the server at `url`, with `auth` and `more` lines in its table."""
    context = context_of(folder, url, auth, environ, more)
    return Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))


async def examined(evidence, *sections, rules=RULES):
    """The findings by the name of their check, and the verdict, of the checks in `sections`."""
    checks = [check for check in CHECKS if check.section in sections]
    lines = await examine(checks, evidence, lambda _: None)
    verdict = judge(((line.section, line.finding) for line in lines), rules, evidence.subject.facts)
    return {line.name: line.finding for line in lines}, verdict
