"""Evidence for the checks of a credential: a login or a configured token, and the server's answers, by script."""

import time

import jwt
from examining import evidence_of

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.answer import Answer
from mcp_auth_bridge.doctor.answers import Answers
from mcp_auth_bridge.doctor.answers import Session as Opened
from mcp_auth_bridge.doctor.discovery_result import DiscoveryResult
from mcp_auth_bridge.doctor.documents import Documents
from mcp_auth_bridge.doctor.held_credential import HeldCredential, OrganisationOnly
from mcp_auth_bridge.doctor.store_look import StoreLook
from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret

MCP = "https://mcp.example/mcp"
ISSUER = "https://as.example"
BEARER = '{ kind = "bearer", token = "env:ACME_TOKEN" }'
BROWSER = '{ kind = "browser" }'
MACHINE = '{ kind = "client_credentials", issuer = "https://as.example", client_id = "c", client_secret = "env:S" }'

SERVED = Opened({"initialize": b"{}"})
NOTHING = Answer("POST initialize", 200)


def token(**claims):
    now = time.time()
    claims = {"iss": ISSUER, "aud": MCP, "exp": now + 3200, **claims}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, "k" * 32, "HS256")


def login(access="AT", **more):
    now = time.time()
    known = {
        "resource": MCP,
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/token",
        "client": Client(issuer=ISSUER, id="c"),
        "access": Secret(access),
        "refresh": Secret("RT"),
        "obtained_at": now - 400,
        "expires_at": now + 3200,
        **more,
    }
    return Session(**known)


def refusal(words="", status=401, **parameters):
    challenge = Challenge("bearer", parameters) if parameters else None
    return Refusal(status, challenge, {"authorization": "Bearer t"}, words=words)


def answers(refused=None, *, stranger=None, session=None, credential=NOTHING, cut_off=False):
    """`refused` is the refusal of the credential, `stranger` that of a client without one."""
    if cut_off:
        credential = None
    elif refused is not None:
        credential = Answer("POST initialize", refused.status, refusal=refused)
    down = Unreachable("no way") if cut_off else None
    bare = Answer("POST initialize", 0 if cut_off else 200, refusal=stranger, error=down)
    other = Answer("GET", 0 if cut_off else 405, error=down)
    open_ = None if stranger is not None or cut_off else SERVED
    return Answers(bare, None, credential, other, other, other, open_, session)


def known(folder, auth, *, access="", session=None, error=None, answers=None, documents=None, closed=None, **more):
    """The evidence where the credential is `access`, or that of `session`, and the server gives these `answers`."""
    evidence = evidence_of(folder, MCP, auth, **{"environ": {"ACME_TOKEN": access}, **more})
    access = access or (session.access.reveal() if session is not None else "")
    headers = {"authorization": Secret(f"Bearer {access}")} if access and error is None else {}
    held = HeldCredential(OrganisationOnly(), headers, session, error)
    evidence.credential = _always(held)
    evidence.answers = _always(answers)
    evidence.store = _always(StoreLook(error=closed))
    evidence.documents = _always(documents or Documents((), ()))
    evidence.discovery = _always(DiscoveryResult(error=Unreachable("a script has no network")))
    return evidence


def _always(value):
    async def give():
        return value

    return give
