"""The needs of a server, found out by asking it: a login, a header, or neither.

The answers are those that `doctor` gathers; nothing is registered and no browser opens.
"""

import enum

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.subject import Subject


class Need(enum.Enum):
    """The need of a server."""

    NOTHING = "the server serves everyone without a login"
    LOGIN = "the server wants a login, and the bridge can do it"
    CLIENT = "the server wants a login with a client that you register yourself at its authorization server"
    HEADER = "the server refuses a client without credentials, and offers no login: it expects a header, such as a key"
    UNKNOWN = "the server did not tell its needs"
    SILENT = "the server could not be reached"


class ServerNeeds(msgspec.Struct, frozen=True):
    """The need, and details in words, "" for none. `issuer` is the authorization server, "" if there is none."""

    need: Need
    detail: str = ""
    issuer: str = ""


async def ask_server(profile: Profile, context: Context) -> ServerNeeds:
    """Ask the server of `profile` about its needs. Raises no `BridgeError`."""
    evidence = Evidence(Subject(context, Bridge(profile, context)))
    answers = await evidence.answers()
    if answers.is_cut_off:
        return ServerNeeds(Need.SILENT, "its settings can be written all the same")
    if answers.refusal is None:
        is_open = answers.stranger_session is not None and bool(answers.stranger_session.results)
        return ServerNeeds(Need.NOTHING if is_open else Need.UNKNOWN)
    found = await evidence.discovery()
    if found.server is None:
        return ServerNeeds(Need.HEADER, found.error.message if found.error is not None else "")
    issuer = found.server.issuer
    need = Need.CLIENT if found.server.registration_endpoint is None else Need.LOGIN
    return ServerNeeds(need, f"at {issuer}", issuer)
