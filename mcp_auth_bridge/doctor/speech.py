"""Checks of the MCP that the server speaks: its name and revision, its transport and sessions, its content."""

from collections.abc import Mapping
from typing import Any

from mcp_auth_bridge.doctor.answer import Answer
from mcp_auth_bridge.doctor.answers import Answers
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, ok, skip
from mcp_auth_bridge.doctor.server import describe, is_served, no_connection
from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.era import is_modern
from mcp_auth_bridge.relay.greetings import stated_server_info
from mcp_auth_bridge.relay.http_semantics import SUPPORTED

_CONTENT = ("tools", "resources", "prompts")


async def revision(evidence: Evidence) -> Finding:
    """The server's name and version, its era and its revisions of MCP."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    legacy, modern = _welcome(answers), _discovery(answers)
    if legacy is None and modern is None:
        return skip("not known: it has not opened a conversation")
    known = legacy or modern or {}
    stated = stated_server_info(known)
    named = " ".join(value for key in ("name", "version") if isinstance(value := stated.get(key), str) and value)
    eras = [_session_revision(legacy)] if legacy is not None else []
    eras += [_modern_revisions(modern)] if modern is not None else []
    name = quoted(named, 80) if named else "a server without a name"
    return ok(f"{name}: {' and '.join(eras)}", details=(describe(answers.discover),))


async def transport(evidence: Evidence) -> Finding:
    """The transport, and whether there are sessions."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    best = answers.best
    if best.result is None and answers.stream.event == "endpoint":
        return ok("HTTP+SSE, the transport of 2024-11-05: one stream is the session")
    opened = best if best.result is not None else answers.discover
    if opened.result is None:
        return skip("not known: it has not opened a conversation")
    form = "a stream of events" if opened.kind == "text/event-stream" else "JSON"
    if best.result is None:
        sessions = "without sessions"
    else:
        sessions = "in a session (Mcp-Session-Id)" if best.in_session else "without a session id"
    return ok(f"streamable HTTP, {sessions}; replies come as {form}", details=_detours(opened))


def _detours(answer: Answer) -> tuple[str, ...]:
    """The advice to spare the redirects before each answer."""
    if not answer.redirects:
        return ()
    return (f"each request is redirected to {quoted(answer.redirects[-1])} first: write that path into the url",)


async def content(evidence: Evidence) -> Finding:
    """What the server offers: the number of its tools, and the capabilities that it declares."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    session = answers.session if answers.credential is not None else answers.stranger_session
    if not is_served(session) or session is None:
        refused = answers.credential_refusal if answers.credential is not None else answers.refusal
        return skip("it needs credentials for that" if refused is not None else "not known: no session worked")
    declared = (_welcome(answers) or _discovery(answers) or {}).get("capabilities")
    capabilities = [name for name in _CONTENT if isinstance(declared, dict) and name in declared]
    listed = replies.members(session.results.get("tools/list")).get("tools")
    if isinstance(listed, list):
        others = [name for name in capabilities if name != "tools"]
        return ok(f"{len(listed)} {'tool' if len(listed) == 1 else 'tools'}{''.join(f', {name}' for name in others)}")
    return ok(
        f"it declares {', '.join(capabilities)}" if capabilities else "it declares neither tools nor other content"
    )


def _welcome(answers: Answers) -> Mapping[str, Any] | None:
    """The members of the result of `initialize`, None if there is none. Any: JSON."""
    for session in (answers.session, answers.stranger_session):
        if session is not None and "initialize" in session.results:
            return replies.members(session.results["initialize"])
    return replies.members(answers.best.result) if answers.best.result is not None else None


def _discovery(answers: Answers) -> Mapping[str, Any] | None:
    """The members of the result of `server/discover`, None if the server does not speak the modern era. Any: JSON."""
    reply = answers.discover.reply
    return replies.members(answers.discover.result) if reply is not None and is_modern(reply) else None


def _session_revision(welcome: Mapping[str, Any]) -> str:
    """The revision of the legacy era. Any: JSON."""
    version = welcome.get("protocolVersion")
    if version in SUPPORTED:
        return f"{version}, the era of sessions"
    return f"{quoted(str(version), 30)}, an unknown revision of the era of sessions"


def _modern_revisions(discovery: Mapping[str, Any]) -> str:
    """The revisions of the modern era. Any: JSON."""
    versions = discovery.get("supportedVersions")
    named = (
        ", ".join(quoted(str(each), 30)[1:-1] for each in versions[:4]) if isinstance(versions, list) else "2026-07-28"
    )
    return f"{named}, the era without sessions"
