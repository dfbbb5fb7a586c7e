"""What the demo's authorization server remembers and decides: OAuth 2.1 for public clients, without HTTP.

It is strict where the MCP specification asks something of clients (PKCE with S256, `resource` in every request, exact
redirect URIs), because the demo is to show that the bridge does it. Everything ends with the process.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.demo.rules import (
    AuthorizationRequest,
    RegisteredClient,
    authorization_request,
    grant_types,
    redirect_uris,
    refused,
    required,
    s256,
    scope_within,
    wording,
)
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate, with_query

CODE_LIFETIME = 60.0  # seconds; RFC 6749 section 4.1.2 recommends ten minutes at most
PERSON = "demo-person"


class Family(msgspec.Struct):
    """All tokens that grew from one consent. At most one refresh token is alive: `refresh`."""

    request: AuthorizationRequest
    refresh: Secret | None = None
    revoked: bool = False


class Code(msgspec.Struct):
    request: AuthorizationRequest
    expires_at: float
    family: Family | None = None


class Access(msgspec.Struct, frozen=True):
    """A good access token; `expires_at` is Unix time in seconds."""

    client: RegisteredClient
    scope: str
    expires_at: float


class TokenPair(msgspec.Struct, frozen=True):
    """An answer of the token endpoint; `expires_in` is in seconds."""

    access: Secret
    refresh: Secret | None
    expires_in: int
    scope: str


class Grants:
    """The state of one authorization server for one `resource`.

    `now` returns Unix time in seconds, `entropy` that many random bytes; `lifetime` of access tokens is in seconds.
    """

    def __init__(
        self, issuer: str, resource: str, now: Callable[[], float], entropy: Callable[[int], bytes], lifetime: int = 5
    ) -> None:
        self.issuer = issuer
        self.resource = resource
        self.lifetime = lifetime
        self.refreshes = 0
        self._now = now
        self._entropy = entropy
        self._clients: dict[str, RegisteredClient] = {}
        self._waiting: dict[str, AuthorizationRequest] = {}
        self._codes: dict[Secret, Code] = {}
        self._access: dict[Secret, tuple[Family, Access]] = {}
        self._refresh: dict[Secret, Family] = {}  # every refresh token ever issued: a dead one in use is a theft

    def register(self, document: Mapping[str, Any]) -> RegisteredClient:
        """RFC 7591; what the client leaves out or wants otherwise is replaced, as section 3.2.1 allows."""
        client = RegisteredClient(
            self._random("client"),
            str(document.get("client_name") or "a client without a name"),
            redirect_uris(document.get("redirect_uris")),
            grant_types(document.get("grant_types", ["authorization_code"])),
        )
        self._clients[client.id] = client
        return client

    def client_to_answer(self, parameters: Mapping[str, str]) -> RegisteredClient:
        """The client of an authorization request; a refusal is shown to the person and never redirected."""
        client = self._clients.get(parameters.get("client_id", ""))
        if client is None:
            raise refused("invalid_client", "the client is not registered here")
        if parameters.get("redirect_uri") not in client.redirect_uris:
            raise refused("invalid_request", "the redirect URI is not one that the client registered")
        return client

    def ask(self, client: RegisteredClient, parameters: Mapping[str, str]) -> tuple[str, AuthorizationRequest]:
        """Note a valid authorization request, with the ticket under which the person will answer it, once."""
        request = authorization_request(client, parameters)
        self._check_resource(parameters)
        ticket = self._random("ticket")
        self._waiting[ticket] = request
        return ticket, request

    def decide(self, ticket: str, *, allowed: bool) -> str:
        """The URL to send the person's browser to after the answer."""
        request = self._waiting.pop(ticket, None)
        if request is None:
            raise refused("invalid_request", "this page was answered before, or is older than the server")
        if not allowed:
            refusal = refused("access_denied", "the person said no")
            return self.answer(request.redirect_uri, request.state, **wording(refusal))
        code = Secret(self._random("code"))
        self._codes[code] = Code(request, self._now() + CODE_LIFETIME)
        return self.answer(request.redirect_uri, request.state, code=code.reveal())

    def answer(self, redirect_uri: str, state: str | None, **parameters: str) -> str:
        """An authorization response: always with `iss` (RFC 9207), with `state` where the client sent one."""
        known = {"iss": self.issuer} if state is None else {"state": state, "iss": self.issuer}
        return with_query(gate(redirect_uri, Purpose.REDIRECT), parameters | known)

    def token(self, form: Mapping[str, str]) -> TokenPair:
        """A token request (RFC 6749 sections 4.1.3 and 6)."""
        client = self._clients.get(form.get("client_id", ""))
        if client is None:
            raise refused("invalid_client", "the client is not registered here", status=401)
        kinds = {"authorization_code": self._redeem, "refresh_token": self._rotate}
        kind = required(form, "grant_type")
        if kind not in kinds:
            raise refused("unsupported_grant_type", "only codes and refresh tokens are exchanged here")
        if kind not in client.grant_types:
            raise refused("unauthorized_client", "the client did not register for this grant type")
        return kinds[kind](client, form)

    def revoke(self, form: Mapping[str, str]) -> None:
        """RFC 7009: an unknown token is as good as revoked; a refresh token takes its whole family along."""
        client = self._clients.get(form.get("client_id", ""))
        if client is None:
            raise refused("invalid_client", "the client is not registered here", status=401)
        token = Secret(required(form, "token"))
        family = self._refresh.get(token) or self._access.get(token, (None, None))[0]
        if family is None:
            return
        if family.request.client != client:
            raise refused("invalid_grant", "the token belongs to another client")
        if token in self._refresh:
            _end(family)
        self._access.pop(token, None)

    def access(self, token: Secret) -> Access | None:
        """What the access `token` is good for, or None if it is unknown, expired or revoked."""
        family, access = self._access.get(token, (None, None))
        if family is None or access is None or family.revoked or access.expires_at <= self._now():
            return None
        return access

    def _redeem(self, client: RegisteredClient, form: Mapping[str, str]) -> TokenPair:
        code = self._codes.get(Secret(required(form, "code")))
        verifier = required(form, "code_verifier")
        if code is None or code.request.client != client:
            raise refused("invalid_grant", "the code is unknown")
        if code.family is not None:
            _end(code.family)  # RFC 6749 section 4.1.2: somebody else has the code, so nobody keeps what it bought
            raise refused("invalid_grant", "the code was used before")
        if code.expires_at <= self._now():
            raise refused("invalid_grant", "the code has expired")
        if form.get("redirect_uri") != code.request.redirect_uri:
            raise refused("invalid_grant", "the redirect URI is not the one of the authorization request")
        if not hmac.compare_digest(s256(verifier), code.request.challenge):
            raise refused("invalid_grant", "the code verifier does not match the code challenge")
        self._check_resource(form)
        code.family = Family(code.request)
        return self._issue(code.family, code.request.scope)

    def _rotate(self, client: RegisteredClient, form: Mapping[str, str]) -> TokenPair:
        token = Secret(required(form, "refresh_token"))
        family = self._refresh.get(token)
        if family is None or family.request.client != client:
            raise refused("invalid_grant", "the refresh token is unknown")
        if family.revoked or token != family.refresh:
            _end(family)  # RFC 9700 section 4.14.2: of thief and owner nobody knows who came second
            raise refused("invalid_grant", "the refresh token was used before or revoked")
        self._check_resource(form)
        scope = scope_within(form.get("scope", family.request.scope), family.request.scope.split())
        self.refreshes += 1
        return self._issue(family, scope)

    def _issue(self, family: Family, scope: str) -> TokenPair:
        access = Secret(self._random("access"))
        self._access[access] = (family, Access(family.request.client, scope, self._now() + self.lifetime))
        if "offline_access" in family.request.scope.split():
            family.refresh = Secret(self._random("refresh"))
            self._refresh[family.refresh] = family
        return TokenPair(access, family.refresh, self.lifetime, scope)

    def _check_resource(self, parameters: Mapping[str, str]) -> None:
        if parameters.get("resource") != self.resource:
            raise refused("invalid_target", "the resource is not the MCP server that is protected here")

    def _random(self, kind: str) -> str:
        """Unguessable, and named after its kind: whoever looks for a leaked token finds it by its first letters."""
        return f"demo-{kind}-{base64.urlsafe_b64encode(self._entropy(32)).decode().rstrip('=')}"


def _end(family: Family) -> None:
    family.revoked = True
    family.refresh = None
