"""A machine's `auth` settings → the plan by which it obtains tokens. Every secret is read anew for each plan."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mcp_auth_bridge.config.machine import (
    EnterpriseSettings,
    JwtBearerSettings,
    MachineSettings,
    RegisteredClientSettings,
    TokenExchangeSettings,
    token_type_uri,
)
from mcp_auth_bridge.oauth.session import Client, SigningKey
from mcp_auth_bridge.secret import Secret, describe, parse_reference
from mcp_auth_bridge.urls import Url

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth import machine
    from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken

Read = Callable[[str, str], Awaitable[Secret]]
"""Reads the secret that a text names: takes the text, and a description of the secret for errors."""


async def build_plan(url: Url, auth: MachineSettings, read: Read) -> "machine.MachinePlan":
    """The plan for the MCP server at `url`.

    Raises `CredentialMissing` for a secret that is not where the configuration says.
    """
    # Imported here because most starts find a token in the store (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth import machine

    return machine.MachinePlan(
        url=url,
        registration=await _client(auth, read),
        grant=await _grant(auth, read),
        scopes=auth.scopes,
        resource=auth.resource,
        audience=auth.audience,
    )


async def _grant(auth: MachineSettings, read: Read) -> "machine.MachineGrant":
    from mcp_auth_bridge.oauth import machine  # as above

    match auth:
        case JwtBearerSettings():
            return machine.JwtBearer(await _token(auth.assertion, "", "the assertion", read))
        case TokenExchangeSettings():
            subject = await _token(auth.subject_token, auth.subject_token_type, "the subject_token", read)
            actor = await _token(auth.actor_token, auth.actor_token_type, "the actor_token", read)
            requested = token_type_uri(auth.requested_token_type)
            return machine.TokenExchange(subject, actor if auth.actor_token else None, requested)
        case EnterpriseSettings():
            kind, what = auth.identity_assertion_type, "the identity_assertion"
            identity = await _token(auth.identity_assertion, kind, what, read)
            return machine.Enterprise(identity, await _client(auth.idp, read))
        case _:
            return machine.ClientCredentials()


async def _client(registered: RegisteredClientSettings, read: Read) -> "ConfiguredClient":
    from mcp_auth_bridge.oauth.configured import ConfiguredClient  # as above

    key = SigningKey(
        key=await read(registered.private_key, "the private_key"),
        algorithm=registered.algorithm,
        key_id=registered.key_id,
        audience=registered.assertion_audience,
    )
    secret = await read(registered.client_secret, "the client_secret")
    client = Client(
        issuer=registered.issuer,
        id=registered.client_id,
        secret=secret if registered.client_secret else None,
        signing=key if registered.private_key else None,
        auth_method=registered.auth_method,
        registered=False,
    )
    place = _describe_place(registered.client_secret or registered.private_key)
    return ConfiguredClient(
        issuer=registered.issuer, token_endpoint=registered.token_endpoint, client=client, place=place
    )


async def _token(text: str, kind: str, what: str, read: Read) -> "SubjectToken":
    from mcp_auth_bridge.oauth.configured import SubjectToken  # as above

    return SubjectToken(value=await read(text, what), what=what, place=_describe_place(text), type=token_type_uri(kind))


def _describe_place(text: str) -> str:
    return describe(parse_reference(text, "the configuration")) if text else ""


def grant_name(auth: MachineSettings) -> str:
    """The name that the configuration has for the grant, such as `jwt_bearer`."""
    return str(auth.__struct_config__.tag)
