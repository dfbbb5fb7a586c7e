"""Requests to the token endpoint (RFC 6749 section 5), with a DPoP proof if the tokens are to be bound to a key."""

import math
import re
from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.effects import Entropy, Fetch, Flow, Now, Response, ask
from mcp_auth_bridge.errors import OAuthRefused, ProtocolError, TheirProtocolError, quoted
from mcp_auth_bridge.oauth import documents, dpop, error_meaning
from mcp_auth_bridge.oauth.claims import lifetime
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, Form
from mcp_auth_bridge.oauth.error_text import redacted
from mcp_auth_bridge.oauth.providers import advice
from mcp_auth_bridge.oauth.scopes import drop_secret_scopes, parse_scopes
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url

# RFC 6749 appendix A.12 without the space, with a limit. RFC 6750 section 2.1 is narrower, but the tokens that
# Cloudflare's workers-oauth-provider issues hold colons.
_ACCESS_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_REFRESH_TOKEN = re.compile(r"[\x20-\x7e]{1,16384}")  # RFC 6749 appendix A.17
_SLACK = "user"
"""Slack's token_type for a bearer token that acts for a user (openwork #3569)."""

_LONGEST_LIFETIME = 90 * 86400.0  # seconds


class Prover:
    """Makes the proofs of one flow for one token endpoint, with one key and the server's latest nonce."""

    def __init__(self, secret: Secret) -> None:
        self.secret = secret
        self._key = dpop.load_key(secret)
        self._nonce = ""

    @property
    def thumbprint(self) -> str:
        return self._key.thumbprint

    def headers(self, endpoint: Url) -> Flow[Mapping[str, str]]:
        jti = yield from ask(Entropy(dpop.JTI_SIZE))
        now = yield from ask(Now())
        return {"dpop": dpop.proof(self._key, dpop.ProvenRequest("POST", endpoint, self._nonce), now, jti)}

    def learn(self, response: Response) -> bool:
        """Keep the nonce in `response`. Returns whether its absence caused a refusal (RFC 9449 section 8)."""
        nonce = dpop.nonce_of(response.headers.get("dpop-nonce", ()))
        self._nonce = nonce or self._nonce
        return bool(nonce) and response.status in (400, 401) and documents.error_code(response) == dpop.USE_NONCE


class Tokens(msgspec.Struct):
    """RFC 6749 section 5.1. Some servers send `expires_in` as a string, or null for what they leave out."""

    # The access token; "" in a refusal with status 200.
    access_token: str = ""
    # "Bearer" or "DPoP", in upper or lower case.
    token_type: str | None = None
    # The lifetime of the access token in seconds.
    expires_in: float | str | None = None
    # The next refresh token, None if the old one stays valid or none is issued.
    refresh_token: str | None = None
    # The scopes that were granted, None for those that were asked for.
    scope: str | None = None
    # The ID token (OpenID Connect Core section 3.1.3.3).
    id_token: str | None = None

    @property
    def type(self) -> str:
        """The token type in lower case (RFC 6749 section 5.1); "bearer" if the server does not name it."""
        return (self.token_type or "bearer").lower()


class IssuedSession(msgspec.Struct, frozen=True):
    """`tokens` as they arrived `at` (Unix seconds), bound to the key `dpop_key` unless that is None."""

    tokens: Tokens
    at: float
    dpop_key: Secret | None

    @property
    def expires_at(self) -> float | None:
        """When the access token expires, in Unix seconds; None if the server does not say."""
        given = self.tokens.expires_in
        try:
            seconds = float(given) if given is not None else None
        except ValueError:
            seconds = None
        return None if seconds is None or math.isnan(seconds) else self.at + min(max(seconds, 0.0), _LONGEST_LIFETIME)

    @property
    def scope(self) -> str:
        """The scopes that the response names, "" for none. A token that the server put among them is left out."""
        given = self.tokens
        tokens = (Secret(token) for token in (given.access_token, given.refresh_token, given.id_token) if token)
        return " ".join(drop_secret_scopes(parse_scopes(given.scope or ""), tokens))

    def presentable(self, kind: str) -> tuple[Secret, float | None] | None:
        """The token of this `kind`, "access" or "id", and when it expires (Unix seconds); None if it is missing.

        The lifetime of an ID token is that of its own claims, counted from its arrival, so that the issuer's clock does
        not matter.
        """
        if kind == "access":
            return Secret(self.tokens.access_token), self.expires_at
        token = self.tokens.id_token or ""
        if not _ACCESS_TOKEN.fullmatch(token):
            return None
        life = lifetime(token)
        return Secret(token), None if life is None else self.at + min(max(life, 0.0), _LONGEST_LIFETIME)


def request_tokens(
    endpoint: Url, authentication: ClientAuthentication, form: Form, what: str, prover: Prover | None
) -> Flow[IssuedSession]:
    """Request the tokens for `form`. `what` names the request in errors.

    Raises what `Fetch` raises, `OAuthRefused`, `UpstreamFailed`, and `TheirProtocolError` for unusable tokens.
    """
    response = yield from _request(endpoint, authentication, form, prover)
    if response.status not in (200, 201):  # Supabase answers 201 Created
        raise _refusal_error(response, endpoint, what)
    tokens = documents.read(response, Tokens, endpoint, "the token response")
    if not tokens.access_token:
        # GitHub answers refusals with 200 and an error document.
        raise _refusal_error(response, endpoint, what)
    _check_usable(tokens, prover)
    return IssuedSession(tokens, response.at, prover.secret if prover is not None and tokens.type == "dpop" else None)


class _Exchanged(msgspec.Struct):
    """RFC 8693 section 2.2.1. The token need not be an access token, in spite of the name of the member."""

    access_token: str = ""
    issued_token_type: str = ""


def exchange_tokens(
    endpoint: Url, authentication: ClientAuthentication, form: Form, what: str
) -> Flow[tuple[Secret, str]]:
    """Request a token for another authorization server, and its type (RFC 8693 section 3).

    Raises as `request_tokens` does.
    """
    response = yield from _request(endpoint, authentication, form, None)
    if response.status != 200:
        raise _refusal_error(response, endpoint, what)
    issued = documents.read(response, _Exchanged, endpoint, "the token response")
    if not issued.access_token:
        raise _refusal_error(response, endpoint, what)
    return Secret(issued.access_token), issued.issued_token_type


def _refusal_error(response: Response, endpoint: Url, what: str) -> ProtocolError:
    refused = error_meaning.token_request_error(response, endpoint, what)
    code = refused.error if isinstance(refused, OAuthRefused) else ""
    refused.hint = advice(code, response.body.decode(errors="replace")) or refused.hint
    return refused


def _request(endpoint: Url, authentication: ClientAuthentication, form: Form, prover: Prover | None) -> Flow[Response]:
    """The response to the first authentication method that the server accepts, else to the last one."""
    response = yield from _post_with_nonce(endpoint, authentication, form, prover)
    while authentication.learn(response):
        response = yield from _post_with_nonce(endpoint, authentication, form, prover)
    return response


def _post_with_nonce(
    endpoint: Url, authentication: ClientAuthentication, form: Form, prover: Prover | None
) -> Flow[Response]:
    response = yield from _post(endpoint, authentication, form, prover)
    if prover is not None and prover.learn(response):
        # The server checks the nonce before anything else: the code or the refresh token is not spent.
        response = yield from _post(endpoint, authentication, form, prover)
        prover.learn(response)
    return response


def _post(endpoint: Url, authentication: ClientAuthentication, form: Form, prover: Prover | None) -> Flow[Response]:
    headers, authenticated = yield from authentication.authenticate(form)
    proof = (yield from prover.headers(endpoint)) if prover is not None else {}
    fetch = Fetch(endpoint, {"accept": "application/json", **headers, **proof}, form=authenticated)
    return (yield from ask(fetch))


def _check_usable(tokens: Tokens, prover: Prover | None) -> None:
    if tokens.type == "dpop" and prover is None:
        raise TheirProtocolError(
            "the authorization server issued a token that is bound to a key which the bridge does not have"
        )
    if tokens.type not in ("bearer", "dpop", _SLACK):
        raise TheirProtocolError(
            "the authorization server issued a token of a type that this bridge cannot use:"
            f" {quoted(redacted(tokens.type, [Secret(tokens.access_token)]), 40)}",
            "ask its operator for bearer tokens (RFC 6750)",
        )
    if not _ACCESS_TOKEN.fullmatch(tokens.access_token):
        raise TheirProtocolError("the authorization server issued an access token that an HTTP header cannot carry")
    if tokens.refresh_token and not _REFRESH_TOKEN.fullmatch(tokens.refresh_token):
        raise TheirProtocolError("the authorization server issued a refresh token with characters outside RFC 6749")
