"""OAuth servers without sockets, for the checks of doctor: a table of addresses, and evidence about an MCP server."""

import anyio
import msgspec
from examining import evidence_of
from playing import NOT_FOUND, answer

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.answer import Answer
from mcp_auth_bridge.doctor.answers import Answers, Session
from mcp_auth_bridge.doctor.archive import Archive, Fetched
from mcp_auth_bridge.doctor.examination import Check
from mcp_auth_bridge.doctor.finding import Section
from mcp_auth_bridge.doctor.held_credential import HeldCredential, OrganisationOnly
from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.verdict import judge
from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.challenge import choose_challenge

MCP, AS = "https://mcp.example/a/mcp", "https://as.example"
PRM, ROOT_PRM = (f"https://mcp.example/.well-known/oauth-protected-resource{path}" for path in ("/a/mcp", ""))
RFC8414, OIDC = (f"{AS}/.well-known/{name}" for name in ("oauth-authorization-server", "openid-configuration"))
OWN = "https://mcp.example/.well-known/oauth-authorization-server"
METADATA = {
    "issuer": AS,
    "authorization_endpoint": f"{AS}/authorize",
    "token_endpoint": f"{AS}/token",
    "registration_endpoint": f"{AS}/register",
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_methods_supported": ["none"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}
RESOURCE = {"resource": MCP, "authorization_servers": [AS]}
WALL = answer(b"<html><title>403 Forbidden</title></html>", 403, "text/html")
LOGIN = '{ kind = "browser" }'

HONEST = {
    PRM: RESOURCE,
    RFC8414: METADATA,
    f"{AS}/authorize": answer(b"no", 400, "text/plain"),
    f"POST {AS}/token": answer({"error": "invalid_request"}, 400),
    f"OPTIONS {AS}/register": answer(b"", 405, "text/plain"),
}
"""The documents and endpoints of servers without a fault."""


def without(document, *names, **changes):
    """`document` without the members `names`, and with `changes`."""
    return {name: value for name, value in document.items() if name not in names} | changes


class World(Archive):
    """An archive of a table: the URL, or the method and the URL → a JSON document, a response, an error to raise."""

    def __init__(self, table, default=NOT_FOUND):
        super().__init__(None)
        self.table = table
        self.default = default
        self.asked = []

    async def _ask(self, effect):
        verb = "POST" if effect.form is not None else effect.method
        self.asked.append(f"{verb} {effect.url}")
        found = self.table.get(f"{verb} {effect.url}", self.table.get(str(effect.url)) if verb == "GET" else None)
        found = self.default if found is None else found
        if isinstance(found, Fetched):
            return found
        if isinstance(found, BridgeError):
            return Fetched(effect.url, error=found)
        response = found if isinstance(found, Response) else answer(found)
        return Fetched(effect.url, response, response)


def refused(*fields, status=401):
    """The answers of a server that refuses a stranger, with these `WWW-Authenticate` fields."""
    return answering(Refusal(status, choose_challenge(fields), {}, words="sign in"), *fields)


def answering(refusal, *fields):
    """The answers of a server that refuses a stranger with `refusal`."""
    return _answers(Answer("POST initialize", refusal.status, {"www-authenticate": fields}, refusal=refusal))


def served():
    """The answers of a server that serves everyone."""
    return _answers(Answer("POST initialize", 200), Session({"initialize": b"{}"}))


def accepted():
    """The answers of a server that refuses a stranger, and accepts the credential."""
    opened, session = Answer("POST initialize", 200), Session({"initialize": b"{}"})
    return msgspec.structs.replace(refused(), credential=opened, session=session)


def cut_off(error):
    """The answers of a server that cannot be reached."""
    return _answers(Answer("POST initialize", error=error), other=Answer("GET", error=error))


def _answers(bare, session=None, other=Answer("GET", 405)):  # noqa: B008 - a frozen struct
    return Answers(bare, None, None, other, other, other, session, None)


def evidence(folder, table, answers=None, auth=LOGIN, *, session=None, error=None, default=NOT_FOUND, url=MCP, **more):
    """Evidence about the server at `MCP`: `table` of its OAuth, `answers` of its MCP endpoint, the login `session`."""
    found = evidence_of(folder, url, auth, **more)
    held = HeldCredential(OrganisationOnly(), {}, session, error)

    def known(value):
        async def once():
            return value

        return Once(once)

    found.archive, found.credential = known(World(table, default)), known(held)
    found.answers = known(answers if answers is not None else refused(f'Bearer resource_metadata="{PRM}"'))
    return found


def looked(look, found):
    """The finding of the check `look`."""
    return anyio.run(Check(Section.OAUTH, "a check", look).look, found)


def symptoms(finding):
    return [each.symptom for each in finding.signs]


def judged(finding):
    """The verdict on a finding alone."""
    known = {"server": "acme", "url": MCP, "origin": "https://mcp.example", "login": "LOGIN", "doctor": "DOCTOR"}
    return judge([(Section.OAUTH, finding)], RULES, known)
