"""The authorization code grant with PKCE, and the refresh: each makes a session."""

import msgspec

from mcp_auth_bridge.effects import Authorize, Flow, ask
from mcp_auth_bridge.errors import GrantEnded, OAuthRefused, TheirProtocolError
from mcp_auth_bridge.oauth.authorization_endpoint import authorization_url, check_nonce, new_transaction, read_code
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.claims import account_of, names_of
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, Form
from mcp_auth_bridge.oauth.dpop import Binding, new_key
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.token_request import IssuedSession, Prover, request_tokens
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate


def authorization_code(server: AuthorizationServer, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    """Log in with a code (RFC 6749 section 4.1), PKCE (RFC 7636), `resource` (RFC 8707) and `iss` (RFC 9207).

    Raises `AccessDenied` if the user declines, `LoginRequired` if the browser does not return in time.
    """
    transaction = yield from new_transaction()
    prover = yield from new_prover(server)
    if prover is not None:
        transaction = msgspec.structs.replace(transaction, dpop_jkt=prover.thumbprint)
    url = authorization_url(server, client, scopes, transaction)
    callback = yield from ask(Authorize(url, transaction.state))
    code = read_code(callback, server, transaction.state)
    form: Form = {
        "grant_type": "authorization_code",
        "code": Secret(code),
        "code_verifier": Secret(transaction.verifier),
        "redirect_uri": client.redirect_uri,
        **resource_parameter(server.resource),
    }
    applicant = ClientAuthentication(client)
    issued = yield from request_tokens(server.token_endpoint, applicant, form, "the exchange of the code", prover)
    check_nonce(issued.tokens.id_token, server, scopes, transaction)
    return build_session(server, applicant.client, scopes, issued)


def refresh(session: Session) -> Flow[Session]:
    """Refresh a `session` that has a refresh token at its stored token endpoint (RFC 6749 section 6).

    Raises `GrantEnded` if the server no longer honours the grant. Any other error (`Unreachable`, `UpstreamFailed`,
    `OAuthRefused`) says nothing about the grant, so the caller keeps it. That applies to an unknown client too, which
    the server may know again later: `credentials/refresh_policy.py` counts such refusals.
    """
    assert session.refresh is not None, "the caller looked"  # noqa: S101 - a fact, not a check
    endpoint = gate(session.token_endpoint, Purpose.TOKEN)
    form: Form = {
        "grant_type": "refresh_token",
        "refresh_token": session.refresh,
        **resource_parameter(session.resource),
        **_scope_parameter(session),
    }
    prover = Prover(session.dpop_key) if session.dpop_key is not None else None
    try:
        issued = yield from request_tokens(endpoint, ClientAuthentication(session.client), form, "the refresh", prover)
    except OAuthRefused as refused:
        if refused.error == "invalid_grant":
            raise GrantEnded(
                f"{endpoint.origin} no longer honours this login{refused.said}", error=refused.error, said=refused.said
            ) from None
        raise
    return _refreshed(session, issued)


def new_prover(server: AuthorizationServer) -> Flow[Prover | None]:
    """A prover with a new key if the tokens of `server` are to be bound to one (RFC 9449), else None."""
    return Prover((yield from new_key())) if server.binding is not Binding.NONE else None


def resource_parameter(resource: str) -> Form:
    """The parameter of RFC 8707 section 2. `resource` is "" for a server that refuses it (`oauth/providers.py`)."""
    return {"resource": resource} if resource else {}


def _scope_parameter(session: Session) -> Form:
    """A refresh may leave out the scope (RFC 6749 section 6), but some servers demand it (`oauth/providers.py`)."""
    return {"scope": session.asked} if session.repeats_scope and session.asked else {}


def build_session(
    server: AuthorizationServer, client: Client, scopes: tuple[str, ...], issued: IssuedSession
) -> Session:
    """The session that a token response begins, with everything that its refresh will need.

    Raises `TheirProtocolError` if the response lacks the token to send to the MCP server, or the binding that the MCP
    server demands.
    """
    _check_binding(issued, demanded=server.binding is Binding.DEMANDED)
    tokens = issued.tokens
    shown = issued.presentable(server.token)
    if shown is None:
        raise TheirProtocolError(
            "the authorization server issued no id token to send to this server",
            'add openid to scopes under auth for this server, or remove token = "id"',
        )
    access, expires_at = shown
    return Session(
        resource=server.resource,
        issuer=server.issuer,
        token_endpoint=str(server.token_endpoint),
        revocation_endpoint=str(server.revocation_endpoint or ""),
        client=client,
        scope=" ".join(scopes) if tokens.scope is None else issued.scope,
        access=access,
        refresh=Secret(tokens.refresh_token) if tokens.refresh_token else None,
        obtained_at=issued.at,
        expires_at=expires_at,
        account=account_of(tokens.id_token, tokens.access_token),
        names=names_of(tokens.id_token, tokens.access_token),
        asked=" ".join(scopes),
        repeats_scope=server.repeats_scope,
        token=server.token,
        dpop_key=issued.dpop_key,
        agreed=server.agreed,
    )


def _refreshed(session: Session, issued: IssuedSession) -> Session:
    _check_binding(issued, demanded=session.dpop_key is not None)
    tokens = issued.tokens
    # A refresh may bring no new id token (OpenID Connect Core section 12.2), but perhaps a refresh token to keep.
    access, expires_at = issued.presentable(session.token) or (session.access, issued.at)
    return msgspec.structs.replace(
        session,
        scope=session.scope if tokens.scope is None else issued.scope,
        access=access,
        refresh=Secret(tokens.refresh_token) if tokens.refresh_token else session.refresh,
        obtained_at=issued.at,
        expires_at=expires_at,
    )


def _check_binding(issued: IssuedSession, *, demanded: bool) -> None:
    if demanded and issued.dpop_key is None:
        # RFC 9449 section 5: a thief could use a bearer token, and a resource that demands proofs refuses it.
        raise TheirProtocolError("the authorization server issued a bearer token instead of one bound to a key (DPoP)")
