"""Token revocation (RFC 7009)."""

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import OAuthRefused
from mcp_auth_bridge.oauth import documents, error_meaning
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, with_other_methods
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate


def revoke(session: Session) -> Flow[None]:
    """Ask the server to forget the refresh token, and with it the grant, and then the access token.

    The end of the refresh token should end the access token too (RFC 7009 section 2.1), but on some servers it does
    not. The endpoint may accept other authentication methods than the token endpoint: canaille accepts only Basic here,
    as does every server with Authlib's default. Raises what `Fetch` raises, and `ProtocolError` if the revocation is
    refused.
    """
    if not session.revocation_endpoint:
        return
    applicant = ClientAuthentication(with_other_methods(session.client, ()))
    if session.refresh is None:
        yield from _revoke(session, applicant, session.access, "access_token")
        return
    response = yield from _revoke(session, applicant, session.refresh, "refresh_token")
    if not session.expired(response.at):
        try:
            yield from _revoke(session, applicant, session.access, "access_token")
        except OAuthRefused as refused:
            if refused.error != "unsupported_token_type":  # this server cannot revoke access tokens; they expire
                raise


def _revoke(session: Session, applicant: ClientAuthentication, token: Secret, hint: str) -> Flow[Response]:
    endpoint = gate(session.revocation_endpoint, Purpose.REVOCATION)
    headers, form = yield from applicant.authenticate({"token": token, "token_type_hint": hint})
    response = yield from ask(Fetch(endpoint, headers, form=form))
    if error_meaning.wants_client_secret(response) and "client_secret" not in form:
        # The MCP Python SDK (2.3.0) wants this parameter from every client here. A client without a secret may leave
        # it out, and so may send it empty (RFC 6749 section 2.3.1).
        response = yield from ask(Fetch(endpoint, headers, form={**form, "client_secret": ""}))
    if response.status in (200, 204):
        return response
    if applicant.learn(response):
        return (yield from _revoke(session, applicant, token, hint))
    raise documents.refusal_error(response, endpoint, "the revocation")
