"""Grants → sessions: the authorization code with PKCE, the refresh, and the revocation that ends one."""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from mcp_auth_bridge.config.login import RESERVED_PARAMETERS
from mcp_auth_bridge.effects import Authorize, Entropy, Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import AccessDenied, GrantEnded, OAuthRefused, ProtocolError, TheirProtocolError, quoted
from mcp_auth_bridge.http_syntax import to_base64url
from mcp_auth_bridge.oauth import documents, error_meaning
from mcp_auth_bridge.oauth.claims import account_of, names_of, unverified
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, Form, with_others
from mcp_auth_bridge.oauth.discovery import Server
from mcp_auth_bridge.oauth.dpop import Binding, new_key
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.oauth.providers import advice
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.token_request import IssuedSession, Prover, request_tokens
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate


class Transaction(msgspec.Struct, frozen=True):
    """What is made up for one authorization request, and must come back or be shown with the code.

    `dpop_jkt` binds the code to a key (RFC 9449 section 10), "" where there is none.
    """

    state: str
    verifier: str
    dpop_jkt: str = ""

    @property
    def nonce(self) -> str:
        """What an ID token of this login repeats (OpenID Connect Core section 3.1.2.1).

        It stands in a URL and must tell nothing of the verifier, from which it is made.
        """
        return to_base64url(sha256(f"nonce {self.verifier}".encode()).digest())


def authorization_code(server: Server, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    """RFC 6749 section 4.1 with PKCE (RFC 7636), `resource` (RFC 8707) and `iss` (RFC 9207).

    Raises `AccessDenied` when the person says no, `LoginRequired` when nobody answers.
    """
    verifier = to_base64url((yield from ask(Entropy(32))))
    state = to_base64url((yield from ask(Entropy(32))))
    prover = yield from prover_for(server)
    transaction = Transaction(state, verifier, prover.thumbprint if prover is not None else "")
    url = authorization_url(server, client, scopes, transaction)
    callback = yield from ask(Authorize(url, state))
    code = _code(callback, server, state)
    form: Form = {
        "grant_type": "authorization_code",
        "code": Secret(code),
        "code_verifier": Secret(verifier),
        "redirect_uri": client.redirect_uri,
        **resource_of(server.resource),
    }
    applicant = ClientAuthentication(client)
    issued = yield from request_tokens(server.token_endpoint, applicant, form, "the exchange of the code", prover)
    _check_nonce(issued.tokens.id_token, _beside(server, scopes, transaction).get("nonce"))
    return session_of(server, applicant.client, scopes, issued)


def prover_for(server: Server) -> Flow[Prover | None]:
    """Possession of a new key, where the tokens of `server` are to be bound to one (RFC 9449)."""
    return Prover((yield from new_key())) if server.binding is not Binding.NONE else None


def session_of(server: Server, client: Client, scopes: tuple[str, ...], issued: IssuedSession) -> Session:
    """The session that a token answer begins, with all that its refresh will need."""
    _check_binding(issued, demanded=server.binding is Binding.DEMANDED)
    tokens = issued.tokens
    shown = issued.presentable(server.token)
    if shown is None:
        raise TheirProtocolError(
            "the authorization server issued no id token, which this server is to be shown",
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
    )


def refresh(session: Session) -> Flow[Session]:
    """RFC 6749 section 6 at the stored token endpoint, for a `session` that has a refresh token.

    Raises `GrantEnded` when the grant is no longer honoured.
    Any other failure (`Unreachable`, `UpstreamFailed`, `OAuthRefused`) says nothing about the grant: keep it. That a
    server does not know its client may pass, too: `credentials/refresh_policy.py` counts.
    """
    assert session.refresh is not None, "the caller looked"  # noqa: S101 - a fact, not a check
    endpoint = gate(session.token_endpoint, Purpose.TOKEN)
    form: Form = {
        "grant_type": "refresh_token",
        "refresh_token": session.refresh,
        **resource_of(session.resource),
        **_scope_again(session),
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
    return _renewed(session, issued)


def _renewed(session: Session, issued: IssuedSession) -> Session:
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
        # RFC 9449 section 5: whoever stole a bearer token could use it, and a resource that demands proofs refuses it.
        raise TheirProtocolError("the authorization server issued a bearer token, but one bound to a key (DPoP) is due")


def _scope_again(session: Session) -> Form:
    """RFC 6749 section 6 lets a refresh leave out the scope; some servers do not (`oauth/providers.py`)."""
    return {"scope": session.asked} if session.repeats_scope and session.asked else {}


def resource_of(resource: str) -> Form:
    """RFC 8707 section 2. Some servers refuse to hear of it (`oauth/providers.py`): then it is ""."""
    return {"resource": resource} if resource else {}


def revoke(session: Session) -> Flow[None]:
    """RFC 7009: ask the server to forget the refresh token and with it the grant, and the access token too.

    The end of the former should be the end of the latter (section 2.1), but is not everywhere. The endpoint may take
    other methods than the token endpoint: canaille, like whoever leaves Authlib's default, takes Basic alone. Raises
    what `Fetch` raises, and `ProtocolError` where it is refused.
    """
    if not session.revocation_endpoint:
        return
    applicant = ClientAuthentication(with_others(session.client, ()))
    if session.refresh is None:
        yield from _revoke(session, applicant, session.access, "access_token")
        return
    response = yield from _revoke(session, applicant, session.refresh, "refresh_token")
    if not session.expired(response.at):
        try:
            yield from _revoke(session, applicant, session.access, "access_token")
        except OAuthRefused as refused:
            if refused.error != "unsupported_token_type":  # one that nobody can end before its time
                raise


def _revoke(session: Session, applicant: ClientAuthentication, token: Secret, hint: str) -> Flow[Response]:
    endpoint = gate(session.revocation_endpoint, Purpose.REVOCATION)
    headers, form = yield from applicant.authenticate({"token": token, "token_type_hint": hint})
    response = yield from ask(Fetch(endpoint, headers, form=form))
    if error_meaning.lacks_secret(response) and "client_secret" not in form:
        # The MCP Python SDK (2.3.0) wants the parameter of every client here. RFC 6749 section 2.3.1: whoever has no
        # secret may leave it out, and so may send it empty.
        response = yield from ask(Fetch(endpoint, headers, form={**form, "client_secret": ""}))
    if response.status in (200, 204):
        return response
    if applicant.learn(response):
        return (yield from _revoke(session, applicant, token, hint))
    raise documents.refusal(response, endpoint, "the revocation")


def authorization_url(server: Server, client: Client, scopes: tuple[str, ...], transaction: Transaction) -> str:
    """The URL for the person's browser, each parameter exactly once."""
    # Authlib is imported here because only a login needs it (docs/architecture.md, "Cold start").
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    assert server.authorization_endpoint is not None, "login looked"  # noqa: S101 - a fact, not a check
    endpoint = _without_resource(server.authorization_endpoint)
    if taken := RESERVED_PARAMETERS.intersection(name for name, _ in parse_qsl(endpoint.query, keep_blank_values=True)):
        raise TheirProtocolError(f"the authorization endpoint's URL already holds {', '.join(sorted(taken))}")
    url = prepare_grant_uri(
        str(endpoint),
        client.id,
        "code",
        client.redirect_uri,
        " ".join(scopes) or None,
        transaction.state,
        code_challenge=create_s256_code_challenge(transaction.verifier),
        code_challenge_method="S256",
        resource=server.resource or None,
        dpop_jkt=transaction.dpop_jkt or None,
        **_beside(server, scopes, transaction),
    )
    gate(url, Purpose.AUTHORIZATION)
    return str(url)


def _beside(server: Server, scopes: tuple[str, ...], transaction: Transaction) -> Mapping[str, str]:
    """The parameters beside OAuth's own: the nonce where an ID token is asked for, and those of `server`, which win."""
    return {**({"nonce": transaction.nonce} if "openid" in scopes else {}), **server.authorize_params}


def _without_resource(endpoint: Url) -> Url:
    """Railway's endpoint holds a `resource`, which is not the MCP server (oh-my-pi #10299): ours stands alone."""
    kept = [part for part in endpoint.query.split("&") if unquote_plus(part.partition("=")[0]) != "resource"]
    return msgspec.structs.replace(endpoint, query="&".join(kept))


def _code(callback: Mapping[str, str], server: Server, state: str) -> str:
    """The checks in their order: state, issuer, error, code. Before the issuer is proven, nothing else is believed."""
    if not compare_digest(callback.get("state", "").encode(), state.encode()):
        raise TheirProtocolError("the login came back with a state that is not ours")
    _check_issuer(callback, server)
    if "error" in callback:
        raise _denied(callback["error"], callback.get("error_description", ""))
    code = callback.get("code", "")
    if not code:
        raise TheirProtocolError("the login came back without a code")
    return code


def _check_nonce(id_token: str | None, sent: str | None) -> None:
    """OpenID Connect Core section 3.1.3.7: a login of somebody else's was put in the place of this one.

    An ID token without a nonce is accepted: PKCE binds the code to this login already, and servers that know little of
    OpenID Connect leave it out.
    """
    nonce = unverified(id_token or "").get("nonce")
    if None not in (nonce, sent) and nonce != sent:
        raise TheirProtocolError("the authorization server issued an id token that belongs to another login")


def _is_issuer(found: str, server: Server) -> bool:
    """RFC 9207 section 2.4: exact comparison. Only a server that does not promise `iss` may differ by the root's slash:
    its metadata and its answers are spelled by different libraries.
    """
    return found == server.issuer if server.sends_issuer else same_issuer(found, server.issuer)


def _check_issuer(callback: Mapping[str, str], server: Server) -> None:
    """Raise `TheirProtocolError` for an answer of another issuer (RFC 9207). Of what fails, `iss` alone is repeated."""
    issuer = callback.get("iss")
    if issuer is None and server.sends_issuer:
        answered = "with an error" if "error" in callback else "with a code"
        raise TheirProtocolError(
            f"the login came back {answered} but without iss, which {quoted(server.issuer)} says it always sends, so"
            " nothing in the answer is believed",
            "log in again; if it keeps happening, the authorization server's operator has to send iss with every"
            " answer, errors too (RFC 9207)",
        )
    if issuer is not None and not _is_issuer(issuer, server):
        raise TheirProtocolError(
            f"the login was sent to {quoted(server.issuer, 100)}, but came back as one of {quoted(issuer, 100)}",
            "if both are the same server, its operator has to send the issuer of its metadata as iss (RFC 9207); if"
            " not, somebody may have mixed up two logins: log in again",
        )


def _denied(error: str, description: str) -> AccessDenied | ProtocolError:
    said = saying(description or ("" if documents.known_error(error) == error else error))
    if error == "access_denied":
        return AccessDenied(f"the login was declined in the browser{said}", "log in again to allow it")
    known = documents.known_error(error)
    text = f"the authorization server rejected the login{': ' if known == error else ' with '}{known}{said}"
    return OAuthRefused(text, advice(error, description), error=error, status=302, said=said)
