"""A machine's `auth` → the plan by which its tokens are obtained, with every secret read anew."""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge.config.machine import (
    EnterpriseSettings,
    JwtBearerSettings,
    MachineSettings,
    RegisteredClientSettings,
    TokenExchangeSettings,
    token_type,
)
from mcp_auth_bridge.oauth.session import Client, SigningKey
from mcp_auth_bridge.secret import (
    EnvironmentVariable,
    FileContent,
    Literal,
    Secret,
    SecretRef,
    Template,
    describe,
    reference,
)
from mcp_auth_bridge.urls import Url

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth import machine
    from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken

Read = Callable[[str, str], Awaitable[Secret]]
"""Reads what a text names: the text, and what it is for, in words."""


async def plan(url: Url, auth: MachineSettings, read: Read) -> "machine.MachinePlan":
    """Raises `CredentialMissing` for a secret that is not where the configuration says."""
    # Imported here because most starts find a token in the store (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth import machine

    return machine.MachinePlan(
        url=url,
        registration=await _party(auth, read),
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
            requested = token_type(auth.requested_token_type)
            return machine.TokenExchange(subject, actor if auth.actor_token else None, requested)
        case EnterpriseSettings():
            kind, what = auth.identity_assertion_type, "the identity_assertion"
            identity = await _token(auth.identity_assertion, kind, what, read)
            return machine.Enterprise(identity, await _party(auth.idp, read))
        case _:
            return machine.ClientCredentials()


async def _party(registered: RegisteredClientSettings, read: Read) -> "ConfiguredClient":
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
    place = _place(registered.client_secret or registered.private_key)
    return ConfiguredClient(
        issuer=registered.issuer, token_endpoint=registered.token_endpoint, client=client, place=place
    )


async def _token(text: str, kind: str, what: str, read: Read) -> "SubjectToken":
    from mcp_auth_bridge.oauth.configured import SubjectToken  # as above

    return SubjectToken(value=await read(text, what), what=what, place=_place(text), type=token_type(kind))


def _place(text: str) -> str:
    return describe(reference(text, "the configuration")) if text else ""


def kind(auth: MachineSettings) -> str:
    """The configuration's word for the grant."""
    return str(auth.__struct_config__.tag)


def fingerprint(auth: MachineSettings, environ: Mapping[str, str]) -> str:
    """What tells the sessions of two configurations apart, and those of two identities in one, in 16 characters.

    A client's secret does not count: it proves who the client is, and does not say it.
    """
    settings = msgspec.to_builtins(_unproven(auth))
    vouching = [who(_known(settings[key], environ)) for key in _VOUCHING if settings.get(key)]
    return sha256(msgspec.json.encode([settings, vouching], order="sorted")).hexdigest()[:16]


_VOUCHING = ("assertion", "subject_token", "actor_token", "identity_assertion")


def _unproven(auth: MachineSettings) -> MachineSettings:
    bare = msgspec.structs.replace(auth, client_secret="", private_key="")
    if isinstance(bare, EnterpriseSettings):
        return msgspec.structs.replace(bare, idp=msgspec.structs.replace(bare.idp, client_secret="", private_key=""))
    return bare


def _known(text: str, environ: Mapping[str, str]) -> str:
    return known(reference(text, "the configuration"), environ) or text


def known(value: SecretRef, environ: Mapping[str, str]) -> str:
    """What `value` refers to, as far as it costs nothing to look; else "". For fingerprints: it may be secret."""
    match value:
        case Literal(value=text):
            return text
        case EnvironmentVariable() | Template() as template:
            return _expanded(template, environ)
        case FileContent(path=path):
            try:
                return Path(_expanded(path, environ)).expanduser().read_text()
            except (OSError, ValueError, RuntimeError):
                return ""  # what is wrong with it is said when it is needed
        case _:
            return ""


def _expanded(template: EnvironmentVariable | Template, environ: Mapping[str, str]) -> str:
    parts = template.parts if isinstance(template, Template) else (template,)
    return "".join(part if isinstance(part, str) else environ.get(part.name) or part.default or "" for part in parts)


def who(token: str) -> str:
    """Whom a token is about: issuer and subject of a JWT (RFC 7519 section 4.1), which its successors repeat; else the
    hash of the token itself.
    """
    # Imported here because most starts have no such token (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth.claims import unverified

    claims = unverified(token)
    match claims.get("iss"), claims.get("sub"):
        case str(issuer), str(subject):
            return f"{issuer} {subject}"
    return sha256(token.encode()).hexdigest()
