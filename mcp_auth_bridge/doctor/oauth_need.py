"""Whether the OAuth of the MCP server matters to the bridge, and the reason if it does not."""

import enum

import msgspec

from mcp_auth_bridge.config.auth import Auth, describe_static
from mcp_auth_bridge.doctor.answers import Answers


class Need(enum.Enum):
    """Whether a login, or a machine's token, is needed."""

    NEEDED = "needed"
    """The server refuses a client without credentials, and the bridge is to get a token."""

    LATER = "later"
    """The server accepts the token that the bridge has; the next login needs OAuth."""

    UNKNOWN = "unknown"
    """The server neither serves nor refuses a client without credentials: another check says why."""

    SPARED = "spared"
    """It works without, or with credentials of another kind."""


class OAuthNeed(msgspec.Struct, frozen=True):
    """The need, and its reason in words."""

    need: Need
    reason: str


def weigh(auth: Auth, answers: Answers) -> OAuthNeed:
    """Whether the settings `auth` and the `answers` of the server call for OAuth."""
    if static := describe_static(auth):
        return OAuthNeed(Need.SPARED, f"the bridge presents {static} and does not log in")
    if answers.session is not None and answers.session.results:
        return OAuthNeed(Need.LATER, "the server accepts the present login")
    if answers.refusal is not None:
        return OAuthNeed(Need.NEEDED, "the server refuses a client without credentials")
    if answers.stranger_session is not None and answers.stranger_session.results:
        return OAuthNeed(Need.SPARED, "the server serves everyone without credentials")
    return OAuthNeed(Need.UNKNOWN, "the server does not ask for credentials")
