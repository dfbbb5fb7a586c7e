"""Grants without a user: client credentials (RFC 6749 section 4.4), a JWT assertion (RFC 7523), a token exchange (RFC
8693), and an exchange followed by an assertion (draft-ietf-oauth-identity-assertion-authz-grant).
"""

from typing import TypeAlias

import msgspec

from mcp_auth_bridge.effects import Flow, Now, ask
from mcp_auth_bridge.errors import BridgeError, GrantEnded, OAuthRefused, TheirProtocolError
from mcp_auth_bridge.oauth import client_auth, configured
from mcp_auth_bridge.oauth.assertions import with_accepted_algorithm
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.client_auth import ClientAuthentication, Form
from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken
from mcp_auth_bridge.oauth.dpop import Binding
from mcp_auth_bridge.oauth.grants import build_session, new_prover, refresh, resource_parameter
from mcp_auth_bridge.oauth.providers import ProviderOverrides, adapted_to_provider
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.scopes import select_scopes
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.token_request import exchange_tokens, request_tokens
from mcp_auth_bridge.oauth.well_known import Trail
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate

JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


class ClientCredentials(msgspec.Struct, frozen=True):
    """RFC 6749 section 4.4: the client is its own subject."""


class JwtBearer(msgspec.Struct, frozen=True):
    """RFC 7523 section 2.1: an assertion is the grant."""

    assertion: SubjectToken


class TokenExchange(msgspec.Struct, frozen=True):
    """RFC 8693 section 2.1. `requested` is a token type identifier, "" to leave the type to the server."""

    subject: SubjectToken
    actor: SubjectToken | None = None
    requested: str = ""


class Enterprise(msgspec.Struct, frozen=True):
    """An `identity` assertion, exchanged at the `idp` for a grant to present to the MCP server's own authorization
    server (ID-JAG).
    """

    identity: SubjectToken
    idp: ConfiguredClient


MachineGrant: TypeAlias = ClientCredentials | JwtBearer | TokenExchange | Enterprise


class MachinePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's configuration, with every secret read anew."""

    # The URL of the MCP server.
    url: Url
    # The authorization server, and the client there.
    registration: ConfiguredClient
    # The grant to request, with its tokens.
    grant: MachineGrant
    # The scopes to ask for, () for those that the MCP server names.
    scopes: tuple[str, ...] = ()
    # The resource identifier (RFC 8707), "" for the MCP server's own.
    resource: str = ""
    # The parameter `audience`, "" for the value that this kind of authorization server wants.
    audience: str = ""


def obtain(plan: MachinePlan, challenge: Challenge | None = None) -> Flow[Session]:
    """Obtain a new session. Its client holds no secret: each request reads it again.

    `challenge` is that of the MCP server, None if it is not known. Raises `ConfigError` and `CredentialRefused`, which
    say what to change, and what `request_tokens` raises.
    """
    registration = plan.registration
    if registration.token_endpoint:
        server = configured.server_at_endpoint(registration, plan.url, challenge, plan.resource)
    else:
        server = yield from configured.server_at_issuer(registration, plan.url, challenge, plan.resource)
    server = adapted_to_provider(server, plan.resource, ProviderOverrides(audience=plan.audience))
    challenged = challenge.scopes if challenge is not None else ()
    scopes = select_scopes(plan.scopes, challenged, server.scopes_supported, offline_access=False)
    return (yield from _request(plan, server, _client(registration, server), scopes))


def renew(plan: MachinePlan, last: Session) -> Flow[Session]:
    """The session after `last`: refreshed if its refresh token is accepted, else obtained again."""
    if last.refresh is not None:
        try:
            return (yield from _refresh(plan, last))
        except (GrantEnded, OAuthRefused):
            pass  # the secret or the assertion is enough to obtain another session
    return (yield from _obtain_again(plan, last))


def revoke_session(plan: MachinePlan, last: Session) -> Flow[None]:
    """Revoke the tokens of `last` (RFC 7009), if the server offers that for them. Raises as `revoke` does."""
    try:
        yield from revoke(msgspec.structs.replace(last, client=_with_secret(last.client, plan.registration)))
    except OAuthRefused as refused:
        if refused.error != "unsupported_token_type":  # such a token expires soon
            raise


def _refresh(plan: MachinePlan, last: Session) -> Flow[Session]:
    renewed = yield from refresh(msgspec.structs.replace(last, client=_with_secret(last.client, plan.registration)))
    return msgspec.structs.replace(renewed, client=last.client)


def _obtain_again(plan: MachinePlan, last: Session) -> Flow[Session]:
    """As `obtain`, but from the server and for the resource of `last`, without looking up metadata."""
    server = AuthorizationServer(
        issuer=last.issuer,
        resource=last.resource,
        token_endpoint=gate(last.token_endpoint, Purpose.TOKEN),
        revocation_endpoint=gate(last.revocation_endpoint, Purpose.REVOCATION) if last.revocation_endpoint else None,
        binding=Binding.DEMANDED if last.dpop_key is not None else Binding.NONE,
        authorize_params={"audience": last.audience} if last.audience else {},
    )
    return (yield from _request(plan, server, _with_secret(last.client, plan.registration), tuple(last.asked.split())))


def _request(plan: MachinePlan, server: AuthorizationServer, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    audience = server.authorize_params.get("audience", "")
    form, tokens = yield from _form(plan.grant, server, scopes)
    form |= {**resource_parameter(server.resource), **_given(scope=" ".join(scopes))}
    form |= _given(audience=audience)
    prover = yield from new_prover(server)
    authentication = ClientAuthentication(client)
    try:
        issued = yield from request_tokens(server.token_endpoint, authentication, form, "the token request", prover)
    except OAuthRefused as refused:
        raise (yield from _refusal_error(refused, plan.registration, server, tokens)) from None
    session = build_session(server, _without_secret(authentication.client), scopes, issued)
    return msgspec.structs.replace(session, machine=True, audience=audience)


def _refusal_error(
    refused: OAuthRefused, registration: ConfiguredClient, server: AuthorizationServer, tokens: tuple[SubjectToken, ...]
) -> Flow[BridgeError]:
    # Imported here because most requests are granted (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth.machine_refusals import machine_refusal_error

    return machine_refusal_error(refused, registration, server, tokens, (yield from ask(Now())))


def _form(
    grant: MachineGrant, server: AuthorizationServer, scopes: tuple[str, ...]
) -> Flow[tuple[Form, tuple[SubjectToken, ...]]]:
    """The grant's own parameters, and the tokens among them."""
    match grant:
        case ClientCredentials():
            return {"grant_type": "client_credentials"}, ()
        case JwtBearer(assertion=token):
            return {"grant_type": JWT_BEARER_GRANT, "assertion": token.value}, (token,)
        case TokenExchange(subject=subject, actor=actor, requested=requested):
            form = {**_exchange(subject, actor), **_given(requested_token_type=requested)}
            return form, (subject, actor) if actor is not None else (subject,)
        case Enterprise():
            token = yield from _id_jag(grant, server, scopes)
            return {"grant_type": JWT_BEARER_GRANT, "assertion": token.value}, (token,)


def _exchange(subject: SubjectToken, actor: SubjectToken | None) -> Form:
    form: Form = {
        "grant_type": TOKEN_EXCHANGE_GRANT,
        "subject_token": subject.value,
        "subject_token_type": subject.type,
    }
    return form if actor is None else {**form, "actor_token": actor.value, "actor_token_type": actor.type}


def _id_jag(grant: Enterprise, server: AuthorizationServer, scopes: tuple[str, ...]) -> Flow[SubjectToken]:
    """Request an identity assertion authorization grant for `server` (section 4.3 of the draft).

    It lives for minutes, so each token request gets a new one (MCP, "Enterprise-Managed Authorization").
    """
    idp = yield from _idp(grant.idp)
    form: Form = {
        **_exchange(grant.identity, None),
        "requested_token_type": ID_JAG,
        "audience": server.issuer,
        **resource_parameter(server.resource),
        **_given(scope=" ".join(scopes)),
    }
    authentication = ClientAuthentication(_client(grant.idp, idp))
    try:
        value, kind = yield from exchange_tokens(idp.token_endpoint, authentication, form, "the exchange")
    except OAuthRefused as refused:
        raise (yield from _refusal_error(refused, grant.idp, idp, (grant.identity,))) from None
    if kind != ID_JAG:
        raise TheirProtocolError(
            f"the identity provider at {idp.token_endpoint.origin} issued a token that is not an ID-JAG",
            "its operator has to allow this client to reach the MCP server's authorization server",
        )
    return SubjectToken(value=value, what="the ID-JAG", place=f"the identity provider at {idp.token_endpoint.origin}")


def _idp(registration: ConfiguredClient) -> Flow[AuthorizationServer]:
    """The identity provider, as its own metadata describe it. It need not know the MCP server."""
    if registration.token_endpoint:
        endpoint = gate(registration.token_endpoint, Purpose.TOKEN)
        return AuthorizationServer(
            issuer=registration.issuer or registration.token_endpoint, resource="", token_endpoint=endpoint
        )
    metadata = yield from configured.metadata_of(registration, Trail())
    return AuthorizationServer(
        issuer=metadata.issuer,
        resource="",
        token_endpoint=gate(metadata.token_endpoint, Purpose.TOKEN),
        auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ()),
        signing_algorithms=tuple(metadata.token_endpoint_auth_signing_alg_values_supported or ()),
    )


def _client(registration: ConfiguredClient, server: AuthorizationServer) -> Client:
    """The configured client, with an authentication method that the server accepts."""
    client = msgspec.structs.replace(registration.client, issuer=server.issuer)
    if client.signing is not None:
        signing = with_accepted_algorithm(client.signing, server.signing_algorithms)
        return msgspec.structs.replace(client, signing=signing, auth_method=client_auth.PRIVATE_KEY_JWT)
    if client.secret is None:
        return msgspec.structs.replace(client, auth_method="none")
    if client.auth_method:
        return client
    method = client_auth.choose_method(server.auth_methods, public=False)
    return client_auth.with_other_methods(msgspec.structs.replace(client, auth_method=method), server.auth_methods)


def _without_secret(client: Client) -> Client:
    """`client` as it is stored: a secret that can be read again is not kept in a second place."""
    signing = client.signing and msgspec.structs.replace(client.signing, key=Secret(""))
    return msgspec.structs.replace(client, secret=None, signing=signing)


def _with_secret(client: Client, registration: ConfiguredClient) -> Client:
    """The inverse of `_without_secret`, with the secret as it is now: a new key may be of another kind."""
    now, then = registration.client.signing, client.signing
    signing = with_accepted_algorithm(now, (then.algorithm,)) if now is not None and then is not None else now
    return msgspec.structs.replace(client, secret=registration.client.secret, signing=signing)


def _given(**parameters: str) -> Form:
    return {name: value for name, value in parameters.items() if value}
