"""Answers of a server as a script gives them, for the checks that look at one."""

import anyio
import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.answer import Answer
from mcp_auth_bridge.doctor.answers import Answers, Session
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.errors import OutcomeUnknown, Overdue, Unreachable
from mcp_auth_bridge.oauth.error_text import sentence
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.own_handshake import DISCOVER, INITIALIZE
from mcp_auth_bridge.shell.net.response_errors import NotHttp
from mcp_auth_bridge.urls import Purpose, gate

URL = gate("https://far.example/mcp", Purpose.SERVER)
WELCOME = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}, "prompts": {}},
    "serverInfo": {"name": "far", "version": "1"},
}
DISCOVERY = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete"}


def answer(status=0, text="", kind="", **more):
    """An answer with a body; the fields of its head are those of `more["fields"]`."""
    named = {"content-type": (kind,)} if kind else {}
    fields = {**named, **{name: (value,) for name, value in more.pop("fields", {}).items()}}
    said = sentence(kind, text.encode())
    return Answer(
        **{"asked": "POST initialize", "status": status, "fields": fields, "text": text, "said": said, **more}
    )


def page(status, title="", **more):
    return answer(status, f"<html><title>{title}</title></html>", "text/html", **more)


def welcomed(result=WELCOME, **more):
    """The answer to an `initialize` that opens a session."""
    return answer(200, "{", "application/json", reply=replies.result(INITIALIZE, result), **more)


def discovered(result=DISCOVERY):
    return answer(200, "{", "application/json", asked="POST server/discover", reply=replies.result(DISCOVER, result))


def refusing(status=401, protocol="HTTP", challenge=None, **more):
    """An answer that refuses the credentials."""
    refusal = Refusal(status, challenge, {}, words="no token", protocol=protocol)
    return answer(status if protocol == "HTTP" else 200, "no token", "text/plain", **{"refusal": refusal, **more})


def silence():
    return answer(error=Overdue("far did not begin to answer"), milliseconds=6012)


def cut():
    return answer(error=OutcomeUnknown("far ended the connection"))


def garbled():
    return answer(error=NotHttp("far sent what is not HTTP"))


def unsent(message="far refuses connections"):
    return answer(error=Unreachable(message, "start it"))


NOTHING = answer(405, asked="GET")


def answers(bare, **others):
    """The answers of a server that answers nothing but an `initialize`."""
    refused = answer(404, asked="POST server/discover")
    known = {"organisation": None, "credential": None, "discover": refused, "stream": NOTHING, "preflight": NOTHING}
    sessions = {"stranger_session": None, "session": None}
    return Answers(**{"bare": bare, **known, **sessions, **others})


def worked(**results):
    """A session with these results, by method with `_` for the slash."""
    return Session({name.replace("_", "/"): msgspec.json.encode(value) for name, value in results.items()})


def found(check, answers, evidence=None):
    """What `check` finds if the `evidence` has these `answers`."""

    async def story():
        async def given():
            return answers

        known = evidence or Evidence(Subject(None))
        known.answers = Once(given)
        return await check(known)

    return anyio.run(story)
