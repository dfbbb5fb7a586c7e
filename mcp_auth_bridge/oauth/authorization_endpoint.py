"""The authorization endpoint: the request that the user's browser takes there, and the response that it brings back.

RFC 6749 sections 4.1.1 and 4.1.2 with PKCE (RFC 7636), `resource` (RFC 8707), `iss` (RFC 9207) and OpenID Connect's
nonce.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from mcp_auth_bridge.config.login import RESERVED_PARAMETERS
from mcp_auth_bridge.effects import Entropy, Flow, ask
from mcp_auth_bridge.errors import AccessDenied, OAuthRefused, ProtocolError, TheirProtocolError, quoted
from mcp_auth_bridge.http_syntax import to_base64url
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.claims import unverified_claims
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.oauth.providers import advice
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.urls import Purpose, Url, gate


class Transaction(msgspec.Struct, frozen=True):
    """The random values of one authorization request. They must come back with the code, or be sent with it.

    `dpop_jkt` binds the code to a key (RFC 9449 section 10), "" if there is none.
    """

    state: str
    verifier: str
    dpop_jkt: str = ""

    @property
    def nonce(self) -> str:
        """The value that an ID token of this login repeats (OpenID Connect Core section 3.1.2.1).

        It is a hash of the verifier, because it stands in a URL and must not reveal the verifier.
        """
        return to_base64url(sha256(f"nonce {self.verifier}".encode()).digest())


def new_transaction() -> Flow[Transaction]:
    """Draw a state and a PKCE verifier."""
    verifier = to_base64url((yield from ask(Entropy(32))))
    state = to_base64url((yield from ask(Entropy(32))))
    return Transaction(state, verifier)


def authorization_url(
    server: AuthorizationServer, client: Client, scopes: tuple[str, ...], transaction: Transaction
) -> str:
    """The URL for the user's browser, with each parameter exactly once.

    Raises `TheirProtocolError` if the endpoint's URL already holds one of them, and `UrlRefused`.
    """
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
        **_additional_parameters(server, scopes, transaction),
    )
    gate(url, Purpose.AUTHORIZATION)
    return str(url)


def _without_resource(endpoint: Url) -> Url:
    """Remove a `resource` from the endpoint's URL: the request has its own.

    Railway's endpoint names one that is not the MCP server (oh-my-pi #10299).
    """
    kept = [part for part in endpoint.query.split("&") if unquote_plus(part.partition("=")[0]) != "resource"]
    return msgspec.structs.replace(endpoint, query="&".join(kept))


def _additional_parameters(
    server: AuthorizationServer, scopes: tuple[str, ...], transaction: Transaction
) -> Mapping[str, str]:
    """The parameters besides OAuth's own: the nonce if an ID token is requested, and those of `server`, which win."""
    return {**({"nonce": transaction.nonce} if "openid" in scopes else {}), **server.authorize_params}


def read_code(callback: Mapping[str, str], server: AuthorizationServer, state: str) -> str:
    """Check the authorization response in `callback` and return its code.

    The order of the checks is state, issuer, error, code: before the issuer is proven, nothing else is believed. Raises
    `AccessDenied` if the user declined, `OAuthRefused` for another error, `TheirProtocolError` for a response that
    does not belong to this login.
    """
    if not compare_digest(callback.get("state", "").encode(), state.encode()):
        raise TheirProtocolError("the login came back with a state that this bridge did not send")
    _check_issuer(callback, server)
    if "error" in callback:
        raise _authorization_error(callback["error"], callback.get("error_description", ""))
    code = callback.get("code", "")
    if not code:
        raise TheirProtocolError("the login came back without a code")
    return code


def _check_issuer(callback: Mapping[str, str], server: AuthorizationServer) -> None:
    """Raise `TheirProtocolError` for a response of another issuer (RFC 9207).

    The error repeats nothing of the response but `iss`.
    """
    issuer = callback.get("iss")
    if issuer is None and server.sends_issuer:
        answered = "with an error" if "error" in callback else "with a code"
        raise TheirProtocolError(
            f"the login came back {answered} but without iss, which {quoted(server.issuer)} says it always sends, so"
            " nothing in the response is believed",
            "log in again; if it keeps happening, the authorization server's operator has to send iss with every"
            " response, error responses too (RFC 9207)",
        )
    if issuer is not None and not _is_issuer(issuer, server):
        raise TheirProtocolError(
            f"the login was sent to {quoted(server.issuer, 100)}, but came back as one of {quoted(issuer, 100)}",
            "if both are the same server, its operator has to send the issuer of its metadata as iss (RFC 9207); if"
            " not, an attacker may have mixed up two logins: log in again",
        )


def _is_issuer(found: str, server: AuthorizationServer) -> bool:
    """Compare exactly (RFC 9207 section 2.4). Only a server that does not promise `iss` may differ by the root's slash:
    different libraries spell its metadata and its responses.
    """
    return found == server.issuer if server.sends_issuer else same_issuer(found, server.issuer)


def _authorization_error(error: str, description: str) -> AccessDenied | ProtocolError:
    """The error for an error response (RFC 6749 section 4.1.2.1)."""
    said = saying(description or ("" if documents.known_error(error) == error else error))
    if error == "access_denied":
        return AccessDenied(f"the login was declined in the browser{said}", "log in again to allow it")
    known = documents.known_error(error)
    text = f"the authorization server rejected the login{': ' if known == error else ' with '}{known}{said}"
    return OAuthRefused(text, advice(error, description), error=error, status=302, said=said)


def check_nonce(
    id_token: str | None, server: AuthorizationServer, scopes: tuple[str, ...], transaction: Transaction
) -> None:
    """Raise `TheirProtocolError` for an ID token of another login (OpenID Connect Core section 3.1.3.7).

    An attacker may have put that token in place of the right one. An ID token without a nonce is accepted: PKCE
    binds the code to this login already, and servers that know little of OpenID Connect leave the nonce out.
    """
    sent = _additional_parameters(server, scopes, transaction).get("nonce")
    nonce = unverified_claims(id_token or "").get("nonce")
    if None not in (nonce, sent) and nonce != sent:
        raise TheirProtocolError("the authorization server issued an id token that belongs to another login")
