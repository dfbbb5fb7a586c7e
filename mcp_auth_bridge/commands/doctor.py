"""`mcp-auth-bridge doctor`: what is wrong with a server, whose fault it is, and the next step. It changes nothing."""

from collections.abc import Sequence

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.profile_secrets import SecretsOfALook
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.doctor.checks import CHECKS
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.examination import Line, applicable, examine
from mcp_auth_bridge.doctor.report import TextReport
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.store_look import look_into
from mcp_auth_bridge.doctor.subject import Depth, Subject
from mcp_auth_bridge.doctor.verdict import Blame, judge
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.text_layout import terminal_width

FOUND = 16
"""The exit code if something is wrong."""

_COLUMNS = 100  # of a report in a file


class Input(msgspec.Struct, frozen=True):
    """`server` is None for the only server of the configuration, or for this machine alone."""

    server: ServerChoice | None
    depth: Depth = Depth.LOOK


async def run(given: Input, context: Context) -> int:
    subject = await _find_subject(given, context)
    evidence = Evidence(subject)
    report = TextReport(terminal_width() or _COLUMNS)

    def tell(line: Line) -> None:
        terminal.print_result("\n".join(report.line(line)))

    lines = await examine(applicable(CHECKS, evidence), evidence, tell)
    verdict = judge(((line.section, line.finding) for line in lines), RULES, subject.facts)
    terminal.print_result("\n".join(report.verdict(verdict)))
    return 0 if verdict.blame is Blame.NOTHING else FOUND


async def _find_subject(given: Input, context: Context) -> Subject:
    choice = given.server or _only_server(context)
    if choice is None:
        return Subject(context)
    try:
        bridge = await find_bridge(choice, context, _stored_keys)
    except BridgeError as error:
        return Subject(context, server_error=error)
    bridge.secrets = SecretsOfALook(bridge.profile, bridge.store_access, context.environ)
    return Subject(context, bridge, depth=given.depth)


async def _stored_keys(access: StoreAccess) -> Sequence[str]:
    """The keys in the store, which does not ask the user and answers soon."""
    seen = await look_into(access)
    if seen.error is not None:
        raise seen.error
    return seen.keys


def _only_server(context: Context) -> ServerChoice | None:
    """The server to examine if the command line names none: the only one of the configuration."""
    names = [*context.config.profiles, *context.config.broken]
    return ServerChoice(names[0]) if len(names) == 1 else None
