"""Grants → sessions: the authorization code with PKCE, the refresh, and the revocation that ends one."""

import math
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hmac import compare_digest
from urllib.parse import parse_qsl

import msgspec

from mcp_auth_bridge.config import RESERVED_PARAMETERS
from mcp_auth_bridge.effects import Authorize, Entropy, Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import AccessDenied, GrantEnded, OAuthRefused, ProtocolError, TheirProtocolError
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.claims import account_of
from mcp_auth_bridge.oauth.client_auth import Form, authenticate
from mcp_auth_bridge.oauth.discovery import Server
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate

# RFC 6749 appendix A.12 without the space, with an end. RFC 6750 section 2.1 is narrower, but the tokens that
# Cloudflare's workers-oauth-provider issues hold colons.
_ACCESS_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_REFRESH_TOKEN = re.compile(r"[\x20-\x7e]{1,16384}")  # RFC 6749 appendix A.17
_LONGEST_LIFE = 90 * 86400.0


class Tokens(msgspec.Struct):
    """RFC 6749 section 5.1. Some servers send `expires_in` as a string, or null for what they leave out."""

    access_token: str = ""
    token_type: str | None = None
    expires_in: float | str | None = None
    refresh_token: str | None = None
    scope: str | None = None
    id_token: str | None = None


def authorization_code(server: Server, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    """RFC 6749 section 4.1 with PKCE (RFC 7636), `resource` (RFC 8707) and `iss` (RFC 9207).

    Raises `AccessDenied` when the person says no, `LoginRequired` when nobody answers.
    """
    verifier = _text((yield from ask(Entropy(32))))
    state = _text((yield from ask(Entropy(32))))
    url = authorization_url(server, client, scopes, state, verifier)
    callback = yield from ask(Authorize(url, state))
    code = _code(callback, server, state)
    form: Form = {
        "grant_type": "authorization_code",
        "code": Secret(code),
        "code_verifier": Secret(verifier),
        "redirect_uri": client.redirect_uri,
        **resource_of(server.resource),
    }
    tokens, response = yield from request_tokens(server.token_endpoint, client, form, "the exchange of the code")
    return session_of(server, client, scopes, tokens, response)


def session_of(server: Server, client: Client, scopes: tuple[str, ...], tokens: Tokens, response: Response) -> Session:
    """The session that a token answer begins, with all that its refresh will need."""
    return Session(
        resource=server.resource,
        issuer=server.issuer,
        token_endpoint=str(server.token_endpoint),
        revocation_endpoint=str(server.revocation_endpoint or ""),
        client=client,
        scope=" ".join(scopes) if tokens.scope is None else tokens.scope,
        access=Secret(tokens.access_token),
        refresh=Secret(tokens.refresh_token) if tokens.refresh_token else None,
        obtained_at=response.at,
        expires_at=_expires_at(tokens, response.at),
        account=account_of(tokens.id_token, tokens.access_token),
    )


def refresh(session: Session) -> Flow[Session]:
    """RFC 6749 section 6 at the stored token endpoint, for a `session` that has a refresh token.

    Raises `GrantEnded` when the grant is no longer honoured.
    Any other failure (`Unreachable`, `UpstreamFailed`, `OAuthRefused`) says nothing about the grant: keep it.
    """
    assert session.refresh is not None, "the caller looked"  # noqa: S101 - a fact, not a check
    endpoint = gate(session.token_endpoint, Purpose.TOKEN)
    form: Form = {"grant_type": "refresh_token", "refresh_token": session.refresh, **resource_of(session.resource)}
    try:
        tokens, response = yield from request_tokens(endpoint, session.client, form, "the refresh")
    except OAuthRefused as refused:
        if refused.error in ("invalid_grant", "invalid_client", "unauthorized_client"):
            raise GrantEnded(f"{endpoint.origin} no longer honours this login", error=refused.error) from None
        raise
    return msgspec.structs.replace(
        session,
        scope=session.scope if tokens.scope is None else tokens.scope,
        access=Secret(tokens.access_token),
        refresh=Secret(tokens.refresh_token) if tokens.refresh_token else session.refresh,
        obtained_at=response.at,
        expires_at=_expires_at(tokens, response.at),
    )


def resource_of(resource: str) -> Form:
    """RFC 8707 section 2. Some servers refuse to hear of it (`oauth/providers.py`): then it is ""."""
    return {"resource": resource} if resource else {}


def revoke(session: Session) -> Flow[None]:
    """RFC 7009: ask the server to forget the refresh token and with it the grant. Raises what `Fetch` raises."""
    if not session.revocation_endpoint:
        return
    token, hint = (session.refresh, "refresh_token") if session.refresh else (session.access, "access_token")
    headers, form = authenticate(session.client, {"token": token, "token_type_hint": hint})
    endpoint = gate(session.revocation_endpoint, Purpose.REVOCATION)
    response = yield from ask(Fetch(endpoint, headers, form=form))
    if response.status != 200:
        raise documents.refusal(response, endpoint, "the revocation")


def authorization_url(server: Server, client: Client, scopes: tuple[str, ...], state: str, verifier: str) -> str:
    """The URL for the person's browser, each parameter exactly once."""
    # Authlib is imported here because only a login needs it (docs/architecture.md, "Cold start").
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    endpoint = server.authorization_endpoint
    if taken := RESERVED_PARAMETERS.intersection(name for name, _ in parse_qsl(endpoint.query, keep_blank_values=True)):
        raise TheirProtocolError(f"the authorization endpoint's URL already holds {', '.join(sorted(taken))}")
    url = prepare_grant_uri(
        str(endpoint),
        client.id,
        "code",
        client.redirect_uri,
        " ".join(scopes) or None,
        state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        resource=server.resource or None,
        **server.authorize_params,
    )
    gate(url, Purpose.AUTHORIZATION)
    return str(url)


def _code(callback: Mapping[str, str], server: Server, state: str) -> str:
    """The checks in their order: state, issuer, error, code. Before the issuer is proven, nothing else is believed."""
    if not compare_digest(callback.get("state", "").encode(), state.encode()):
        raise TheirProtocolError("the login came back with a state that is not ours")
    issuer = callback.get("iss")
    if (issuer is None and server.sends_issuer) or (issuer is not None and issuer != server.issuer):
        # RFC 9207 section 2.4: exact comparison, and no text of this answer is repeated.
        raise TheirProtocolError("the login came back from another authorization server than it was sent to")
    if "error" in callback:
        raise _denied(callback["error"])
    code = callback.get("code", "")
    if not code:
        raise TheirProtocolError("the login came back without a code")
    return code


def _denied(error: str) -> AccessDenied | ProtocolError:
    if error == "access_denied":
        return AccessDenied("the login was declined in the browser", "log in again to allow it")
    text = f"the authorization server ended the login: {documents.known_error(error)}"
    return OAuthRefused(text, error=error, status=302)


def request_tokens(endpoint: Url, client: Client, form: Form, what: str) -> Flow[tuple[Tokens, Response]]:
    headers, authenticated = authenticate(client, form)
    response = yield from ask(Fetch(endpoint, {"accept": "application/json", **headers}, form=authenticated))
    if response.status != 200:
        raise documents.refusal(response, endpoint, what)
    tokens = documents.read(response, Tokens, endpoint, "the token answer")
    if not tokens.access_token:
        # GitHub answers refusals with 200 and an error document.
        raise documents.refusal(response, endpoint, what)
    _check(tokens)
    return tokens, response


def _check(tokens: Tokens) -> None:
    if (tokens.token_type or "bearer").lower() != "bearer":
        raise TheirProtocolError("the authorization server issued a token of a type that this bridge cannot use")
    if not _ACCESS_TOKEN.fullmatch(tokens.access_token):
        raise TheirProtocolError("the authorization server issued an access token that no HTTP header can carry")
    if tokens.refresh_token and not _REFRESH_TOKEN.fullmatch(tokens.refresh_token):
        raise TheirProtocolError("the authorization server issued a refresh token with characters outside RFC 6749")


def _expires_at(tokens: Tokens, received_at: float) -> float | None:
    try:
        seconds = float(tokens.expires_in) if tokens.expires_in is not None else None
    except ValueError:
        seconds = None
    return None if seconds is None or math.isnan(seconds) else received_at + min(max(seconds, 0.0), _LONGEST_LIFE)


def _text(entropy: bytes) -> str:
    return urlsafe_b64encode(entropy).rstrip(b"=").decode()
