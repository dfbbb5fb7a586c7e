"""Client authentication at the token endpoint (RFC 6749 section 2.3): the bridge tries methods until one works.

The metadata name the first method to try (RFC 8414 section 2), and the registration's response corrects them (RFC 7591
section 3.2.1). After a refusal of the client the bridge tries the next method, each one once. The client's
`auth_method` remembers the one that works. The MCP Python SDK, for one, advertises Basic and does not accept it as RFC
6749 defines it.

A second attempt is safe only after a refusal of the *client*. A server authenticates the client
before it looks at the grant (RFC 6749 section 3.2.1), so the code is not spent; a server that spends it nevertheless
answers the second attempt with `invalid_grant`, which ends the login as before. A refresh token is presented once, by
the method with which it was issued: only a client that was not accepted before has `other_methods`. All attempts go to
the same endpoint, so no other server learns the secret.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

import msgspec

from mcp_auth_bridge.effects import Flow, Response
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth import error_meaning
from mcp_auth_bridge.oauth.assertions import CLIENT_ASSERTION_TYPE, client_assertion
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret

SUPPORTED = ("none", "client_secret_post", "client_secret_basic")
"""The methods that a registration asks for, in order of preference: a program on a user's machine cannot keep a client
secret secret, and servers disagree less about a form than about Basic."""

PRIVATE_KEY_JWT = "private_key_jwt"

_BASIC_RAW = "client_secret_basic_raw"
"""Basic without the form-encoding of both halves: Snowflake (ai-dial-core #1527)."""

_BASIC_WITH_ID = "client_secret_basic_with_id"
"""Basic, with `client_id` in the form as well: the MCP Python SDK (its #3545)."""

_SPELLINGS = ("none", "client_secret_post", "client_secret_basic", _BASIC_RAW, _BASIC_WITH_ID)

Form = dict[str, Secret | str]


def registered_as(method: str) -> str:
    """The `token_endpoint_auth_method` of which `method` is one spelling."""
    return "client_secret_basic" if method in (_BASIC_RAW, _BASIC_WITH_ID) else method


def methods_to_request(advertised: tuple[str, ...]) -> tuple[str, ...]:
    """The methods to ask for at a registration, one after the other while the server refuses the metadata.

    Raises `TheirProtocolError` if there are none.
    """
    first = choose_method(advertised, public=True)
    return (first, *(method for method in SUPPORTED if method != first and method in (advertised or SUPPORTED)))


def choose_method(advertised: tuple[str, ...], *, public: bool) -> str:
    """The first method to try, for a client that may be `public`, or for one that was registered with a secret.

    For a client with a secret it is Basic, the default of a registration (RFC 7591 section 2). Servers that advertise
    nothing are assumed to accept public clients, as MCP's do, and Basic, as RFC 8414 says. Raises `TheirProtocolError`
    if no advertised method is supported.
    """
    preferred = SUPPORTED if public else ("client_secret_basic", "client_secret_post")
    for method in preferred:
        if not advertised or method in advertised:
            return method
    raise TheirProtocolError(
        "the authorization server accepts no authentication method that this bridge has",
        f"it has to accept one of {', '.join(SUPPORTED)} at its token endpoint",
    )


def with_other_methods(client: Client, advertised: tuple[str, ...]) -> Client:
    """`client` with the methods to try after its `auth_method`: the advertised ones, or all if no other is advertised.

    context7 advertises Basic but reads only the form. `none` is only for the bridge's own registrations: a configured
    secret is there to be sent.
    """
    if client.secret is None:
        return msgspec.structs.replace(client, other_methods=())
    fit = [method for method in _SPELLINGS if method != client.auth_method and _differs(method, client)]
    others = [method for method in fit if registered_as(method) in advertised] or fit
    return msgspec.structs.replace(client, other_methods=tuple(others))


def _differs(method: str, client: Client) -> bool:
    """Whether `method` sends something that no other method sends."""
    if method == "none":
        return client.registered
    return method != _BASIC_RAW or _pair(client, quote_plus) != _pair(client, str)


class ClientAuthentication:
    """A client at one authorization server, for the length of a flow: a refused method is not used again."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def client(self) -> Client:
        """The client to be remembered once the server has accepted it."""
        return msgspec.structs.replace(self._client, other_methods=())

    def authenticate(self, form: Form) -> Flow[tuple[Mapping[str, Secret | str], Form]]:
        """As the function `authenticate`, with the method that is tried now."""
        return (yield from authenticate(self._client, form))

    def learn(self, response: Response) -> bool:
        """Move on to the next method if the server refused the client. Returns whether it moved."""
        others = self._client.other_methods
        if not others or not error_meaning.refuses_client(response):
            return False
        self._client = msgspec.structs.replace(self._client, auth_method=others[0], other_methods=others[1:])
        return True


def authenticate(client: Client, form: Form) -> Flow[tuple[Mapping[str, Secret | str], Form]]:
    """The headers and the form of a request to the token, device or revocation endpoint.

    Raises `ConfigError` for a private key that cannot sign.
    """
    named: Form = {**form, "client_id": client.id}
    if client.secret is not None:
        match client.auth_method:
            case "client_secret_post":
                return {}, {**named, "client_secret": client.secret}
            case "client_secret_basic":
                # Both halves are form-encoded first (RFC 6749 section 2.3.1); most libraries forget it.
                return _basic(_pair(client, quote_plus)), form
            case "client_secret_basic_raw":
                return _basic(_pair(client, str)), form
            case "client_secret_basic_with_id":
                return _basic(_pair(client, quote_plus)), named
    if client.auth_method == PRIVATE_KEY_JWT:
        assertion = yield from client_assertion(client)
        proven: Form = {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
        # The client's ID is optional then (RFC 7521 section 4.2), but Entra ID wants it.
        return {}, {**named, **proven}
    return {}, named if client.id else form


def _pair(client: Client, encoded: Callable[[str], str]) -> str:
    secret = client.secret.reveal() if client.secret is not None else ""
    return f"{encoded(client.id)}:{encoded(secret)}"


def _basic(pair: str) -> Mapping[str, Secret | str]:
    return {"authorization": Secret(f"Basic {b64encode(pair.encode()).decode()}")}
