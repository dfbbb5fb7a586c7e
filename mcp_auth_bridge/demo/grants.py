"""The state and the decisions of the demo's authorization server: OAuth 2.1 for public clients, without HTTP.

It is strict where the MCP specification requires something of clients (PKCE with S256, `resource` in every request,
exact redirect URIs), because the demo shows that the bridge does it. The state ends with the process.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.demo.rules import (
    AuthorizationRequest,
    RegisteredClient,
    check_scope,
    error_members,
    oauth_error,
    parse_authorization_request,
    parse_grant_types,
    parse_redirect_uris,
    required_parameter,
    s256,
)
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate, with_query

CODE_LIFETIME = 60.0  # seconds; RFC 6749 section 4.1.2 recommends ten minutes at most
PERSON = "demo-person"


class TokenFamily(msgspec.Struct):
    """All tokens of one consent. At most one refresh token is good: `refresh`."""

    request: AuthorizationRequest
    refresh: Secret | None = None
    revoked: bool = False


class AuthorizationCode(msgspec.Struct):
    """An authorization code; `expires_at` is Unix time in seconds, `family` the tokens that it was redeemed for."""

    request: AuthorizationRequest
    expires_at: float
    family: TokenFamily | None = None


class AccessGrant(msgspec.Struct, frozen=True):
    """The rights behind an access token; `expires_at` is Unix time in seconds."""

    client: RegisteredClient
    scope: str
    expires_at: float


class TokenPair(msgspec.Struct, frozen=True):
    """The content of a token response; `expires_in` is in seconds."""

    access: Secret
    refresh: Secret | None
    expires_in: int
    scope: str


class Grants:
    """The state of one authorization server for one `resource`.

    `now` returns Unix time in seconds, `entropy` the given number of random bytes. `lifetime` is the lifetime of access
    tokens in seconds.
    """

    def __init__(
        self, issuer: str, resource: str, now: Callable[[], float], entropy: Callable[[int], bytes], lifetime: int = 5
    ) -> None:
        # The identifier of this authorization server.
        self.issuer = issuer
        # The identifier of the MCP server that it protects.
        self.resource = resource
        # The lifetime of access tokens in seconds.
        self.lifetime = lifetime
        # How many refresh tokens were redeemed.
        self.refreshes = 0
        # The clock.
        self._now = now
        # The source of random bytes.
        self._entropy = entropy
        # The registered clients by client_id.
        self._clients: dict[str, RegisteredClient] = {}
        # The requests that wait for the user's decision, by ticket.
        self._open_requests: dict[str, AuthorizationRequest] = {}
        # Every code that was issued.
        self._codes: dict[Secret, AuthorizationCode] = {}
        # The access tokens.
        self._access: dict[Secret, tuple[TokenFamily, AccessGrant]] = {}
        # Every refresh token that was issued: the use of a spent one is a theft.
        self._refresh: dict[Secret, TokenFamily] = {}

    def register(self, document: Mapping[str, Any]) -> RegisteredClient:
        """Register a client (RFC 7591). Missing and unsupported metadata are replaced, as section 3.2.1 allows."""
        client = RegisteredClient(
            self._random("client"),
            str(document.get("client_name") or "a client without a name"),
            parse_redirect_uris(document.get("redirect_uris")),
            parse_grant_types(document.get("grant_types", ["authorization_code"])),
        )
        self._clients[client.id] = client
        return client

    def find_client(self, parameters: Mapping[str, str]) -> RegisteredClient:
        """The client of an authorization request. A refusal is shown to the user, and never sent to the client."""
        client = self._clients.get(parameters.get("client_id", ""))
        if client is None:
            raise oauth_error("invalid_client", "the client is not registered here")
        if parameters.get("redirect_uri") not in client.redirect_uris:
            raise oauth_error("invalid_request", "the redirect URI is not one that the client registered")
        return client

    def open_request(self, client: RegisteredClient, parameters: Mapping[str, str]) -> tuple[str, AuthorizationRequest]:
        """Keep a valid authorization request. Returns it with a ticket for the user's decision, which is good once."""
        request = parse_authorization_request(client, parameters)
        self._check_resource(parameters)
        ticket = self._random("ticket")
        self._open_requests[ticket] = request
        return ticket, request

    def decide(self, ticket: str, *, allowed: bool) -> str:
        """Take the user's decision. Returns the URL to redirect the browser to."""
        request = self._open_requests.pop(ticket, None)
        if request is None:
            raise oauth_error("invalid_request", "this page was answered before, or is older than the server")
        if not allowed:
            refusal = oauth_error("access_denied", "the user denied the request")
            return self.authorization_response(request.redirect_uri, request.state, **error_members(refusal))
        code = Secret(self._random("code"))
        self._codes[code] = AuthorizationCode(request, self._now() + CODE_LIFETIME)
        return self.authorization_response(request.redirect_uri, request.state, code=code.reveal())

    def authorization_response(self, redirect_uri: str, state: str | None, **parameters: str) -> str:
        """The URL of an authorization response: with `iss` (RFC 9207), and with `state` if the client sent one."""
        known = {"iss": self.issuer} if state is None else {"state": state, "iss": self.issuer}
        return with_query(gate(redirect_uri, Purpose.REDIRECT), parameters | known)

    def issue_tokens(self, form: Mapping[str, str]) -> TokenPair:
        """The response to a token request (RFC 6749 sections 4.1.3 and 6)."""
        client = self._clients.get(form.get("client_id", ""))
        if client is None:
            raise oauth_error("invalid_client", "the client is not registered here", status=401)
        kinds = {"authorization_code": self._redeem, "refresh_token": self._rotate}
        kind = required_parameter(form, "grant_type")
        if kind not in kinds:
            raise oauth_error("unsupported_grant_type", "only codes and refresh tokens are exchanged here")
        if kind not in client.grant_types:
            raise oauth_error("unauthorized_client", "the client did not register for this grant type")
        return kinds[kind](client, form)

    def revoke(self, form: Mapping[str, str]) -> None:
        """Revoke a token (RFC 7009). An unknown token counts as revoked; a refresh token ends its whole family."""
        client = self._clients.get(form.get("client_id", ""))
        if client is None:
            raise oauth_error("invalid_client", "the client is not registered here", status=401)
        token = Secret(required_parameter(form, "token"))
        family = self._refresh.get(token) or self._access.get(token, (None, None))[0]
        if family is None:
            return
        if family.request.client != client:
            raise oauth_error("invalid_grant", "the token belongs to another client")
        if token in self._refresh:
            _end(family)
        self._access.pop(token, None)

    def access(self, token: Secret) -> AccessGrant | None:
        """The rights behind the access `token`, None if it is unknown, expired or revoked."""
        family, access = self._access.get(token, (None, None))
        if family is None or access is None or family.revoked or access.expires_at <= self._now():
            return None
        return access

    def _redeem(self, client: RegisteredClient, form: Mapping[str, str]) -> TokenPair:
        code = self._codes.get(Secret(required_parameter(form, "code")))
        verifier = required_parameter(form, "code_verifier")
        if code is None or code.request.client != client:
            raise oauth_error("invalid_grant", "the code is unknown")
        if code.family is not None:
            _end(code.family)  # RFC 6749 section 4.1.2: the code was stolen, so its tokens are revoked
            raise oauth_error("invalid_grant", "the code was used before")
        if code.expires_at <= self._now():
            raise oauth_error("invalid_grant", "the code has expired")
        if form.get("redirect_uri") != code.request.redirect_uri:
            raise oauth_error("invalid_grant", "the redirect URI is not the one of the authorization request")
        if not hmac.compare_digest(s256(verifier), code.request.challenge):
            raise oauth_error("invalid_grant", "the code verifier does not match the code challenge")
        self._check_resource(form)
        code.family = TokenFamily(code.request)
        return self._issue(code.family, code.request.scope)

    def _rotate(self, client: RegisteredClient, form: Mapping[str, str]) -> TokenPair:
        token = Secret(required_parameter(form, "refresh_token"))
        family = self._refresh.get(token)
        if family is None or family.request.client != client:
            raise oauth_error("invalid_grant", "the refresh token is unknown")
        if family.revoked or token != family.refresh:
            _end(family)  # RFC 9700 section 4.14.2: the server cannot tell the thief from the owner
            raise oauth_error("invalid_grant", "the refresh token was used before or revoked")
        self._check_resource(form)
        scope = check_scope(form.get("scope", family.request.scope), family.request.scope.split())
        self.refreshes += 1
        return self._issue(family, scope)

    def _issue(self, family: TokenFamily, scope: str) -> TokenPair:
        access = Secret(self._random("access"))
        self._access[access] = (family, AccessGrant(family.request.client, scope, self._now() + self.lifetime))
        if "offline_access" in family.request.scope.split():
            family.refresh = Secret(self._random("refresh"))
            self._refresh[family.refresh] = family
        return TokenPair(access, family.refresh, self.lifetime, scope)

    def _check_resource(self, parameters: Mapping[str, str]) -> None:
        if parameters.get("resource") != self.resource:
            raise oauth_error("invalid_target", "the resource is not the MCP server that is protected here")

    def _random(self, kind: str) -> str:
        """A random value that begins with its kind, so that a search for leaked tokens finds it."""
        return f"demo-{kind}-{base64.urlsafe_b64encode(self._entropy(32)).decode().rstrip('=')}"


def _end(family: TokenFamily) -> None:
    family.revoked = True
    family.refresh = None
