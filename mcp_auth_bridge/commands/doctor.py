"""`mcp-auth-bridge doctor`: what is wrong with a server, whose fault it is, and the next step. It changes nothing."""

import enum
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.profile_secrets import SecretsOfALook
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.doctor.checks import CHECKS
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.examination import Line, applicable, examine
from mcp_auth_bridge.doctor.here.store_look import look_into
from mcp_auth_bridge.doctor.reports.bundle import build_bundle
from mcp_auth_bridge.doctor.reports.coloured_text import paint
from mcp_auth_bridge.doctor.reports.json_report import as_json, build_report
from mcp_auth_bridge.doctor.reports.label_key import label_key
from mcp_auth_bridge.doctor.reports.operator_text import for_operator
from mcp_auth_bridge.doctor.reports.private_names import private_names
from mcp_auth_bridge.doctor.reports.text_report import TextReport
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.subject import Depth, Subject
from mcp_auth_bridge.doctor.verdict import Verdict, judge
from mcp_auth_bridge.errors import BridgeError, ConfigError
from mcp_auth_bridge.shell.console import activity, terminal
from mcp_auth_bridge.shell.console.view import Lines
from mcp_auth_bridge.stores.file_io import create_file
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import record_names

FOUND = 16
"""The exit code if something is wrong."""

_COLUMNS = 100  # of a report in a file


class Form(enum.Enum):
    """What is printed."""

    TEXT = "text"
    """The report for people, each line as soon as it is known."""

    JSON = "json"
    """One document for programs."""

    OPERATOR = "operator"
    """The text for the server's operator alone."""


class Input(msgspec.Struct, frozen=True):
    """`server` is None for the only server of the configuration, or for this machine alone.

    `bundle` is the path of the new file for the report with labels, None for no such file.
    """

    server: ServerChoice | None
    depth: Depth = Depth.LOOK
    form: Form = Form.TEXT
    bundle: str | None = None


async def run(given: Input, context: Context) -> int:
    if given.bundle is not None:
        _check_is_new(Path(given.bundle))
    begun = time.monotonic()
    subject = await _find_subject(given, context)
    evidence = Evidence(subject)
    report = TextReport(terminal.stdout_width() or _COLUMNS)

    checks = applicable(CHECKS, evidence)
    with activity.steps("checks", len(checks)) as advance:

        def tell(line: Line) -> None:
            if given.form is Form.TEXT:
                for text in report.line(line):
                    terminal.print_view([Lines((paint(text),))], text)
            advance()

        lines = await examine(checks, evidence, tell)
    verdict = judge(((line.section, line.finding) for line in lines), RULES, subject.facts)
    match given.form:
        case Form.TEXT:
            texts = list(report.verdict(verdict))
            terminal.print_view([Lines(tuple(map(paint, texts)))], "\n".join(texts))
        case Form.JSON:
            terminal.print_result(as_json(build_report(subject, lines, verdict)))
        case Form.OPERATOR:
            terminal.print_result(for_operator(subject, lines, verdict))
    if given.bundle is not None:
        await _write_bundle(Path(given.bundle), evidence, lines, verdict, time.monotonic() - begun)
    return FOUND if verdict.is_fault else 0


def _check_is_new(path: Path) -> None:
    """Raise `ConfigError` if the file exists, before an examination whose report could not be written."""
    if os.path.lexists(path):
        raise ConfigError(f"{path} exists already, and is not overwritten", "name a new file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.absolute().parent}", "make it, or name a file elsewhere")


async def _write_bundle(path: Path, evidence: Evidence, lines: list[Line], verdict: Verdict, seconds: float) -> None:
    report = build_report(evidence.subject, lines, verdict)
    key = label_key(evidence.subject.context.paths)
    bundle = build_bundle(report, await private_names(evidence), key, seconds)
    create_file(path, f"{as_json(bundle)}\n".encode())
    terminal.say(f"wrote {path}; read it before you publish it")


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
    if not (access.is_shared or record_names(Folder(access.paths.records))):
        return ()
    seen = await look_into(access)
    if seen.error is not None:
        raise seen.error
    return seen.keys


def _only_server(context: Context) -> ServerChoice | None:
    """The server to examine if the command line names none: the only one of the configuration."""
    names = [*context.config.profiles, *context.config.broken]
    return ServerChoice(names[0]) if len(names) == 1 else None
