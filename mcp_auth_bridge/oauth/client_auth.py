"""How a token request proves which client sends it (RFC 6749 section 2.3)."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote_plus

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth.assertions import CLIENT_ASSERTION_TYPE, client_assertion
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret

SUPPORTED = ("none", "client_secret_basic", "client_secret_post")
"""In order of preference: a program on a person's machine cannot keep a client secret secret."""

PRIVATE_KEY_JWT = "private_key_jwt"

Form = dict[str, Secret | str]


def choose(advertised: tuple[str, ...], *, public: bool) -> str:
    """The method for a client that may be `public`, or that has a secret to show.

    Servers that advertise nothing are taken to accept public clients, as MCP's do, and Basic, as RFC 8414 says.
    """
    for method in SUPPORTED if public else SUPPORTED[1:]:
        if not advertised or method in advertised:
            return method
    raise TheirProtocolError(
        "the authorization server accepts none of the ways in which this bridge can prove its identity",
        f"it has to accept one of {', '.join(SUPPORTED)} at its token endpoint",
    )


def authenticate(client: Client, form: Form) -> Flow[tuple[Mapping[str, Secret | str], Form]]:
    """The headers and the form of a request to the token, device or revocation endpoint.

    Raises `ConfigError` for a private key that cannot sign.
    """
    secret = client.secret
    if client.auth_method == "client_secret_basic" and secret is not None:
        # Both halves are form-encoded first (RFC 6749 section 2.3.1); most libraries forget it.
        pair = f"{quote_plus(client.id)}:{quote_plus(secret.reveal())}"
        return {"authorization": Secret(f"Basic {b64encode(pair.encode()).decode()}")}, form
    if client.auth_method == "client_secret_post" and secret is not None:
        return {}, {**form, "client_id": client.id, "client_secret": secret}
    if client.auth_method == PRIVATE_KEY_JWT:
        assertion = yield from client_assertion(client)
        proven: Form = {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
        # The client's ID is optional then (RFC 7521 section 4.2), but Entra ID wants it.
        return {}, {**form, "client_id": client.id, **proven}
    return {}, {**form, "client_id": client.id} if client.id else form
