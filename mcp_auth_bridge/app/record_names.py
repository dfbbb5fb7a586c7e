"""The names of the records of a `Profile`: of its session, and of the results that its MCP server sent.

A name holds everything that tells two logins, or two identities, apart. It shows no secret: secrets go in as a hash.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from mcp_auth_bridge.config.machine import EnterpriseSettings, MachineSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.oauth.session import MACHINES, SESSIONS
from mcp_auth_bridge.secret import (
    EnvironmentVariable,
    FileContent,
    Literal,
    SecretRef,
    Template,
    describe,
    parse_reference,
)


def session_name(profile: Profile, environ: Mapping[str, str]) -> str:
    """The name of the session. A machine's session belongs to one configuration, and to one identity in it."""
    if not isinstance(profile.auth, MachineSettings):
        return f"{SESSIONS}{profile.key} {profile.url.resource}"
    return f"{MACHINES}{profile.name} {profile.url.resource} {fingerprint(profile.auth, environ)}"


def cache_name(session: str, profile: Profile, environ: Mapping[str, str]) -> str:
    """The name of the cached results, beside the `session` of that name.

    With other organisation headers a server may have other tools.
    """
    given = profile.headers.items()
    headers = sorted((name.lower(), cheap_value(value, environ) or describe(value)) for name, value in given)
    return f"{session} {sha256(repr(headers).encode()).hexdigest()[:16]}" if headers else session


def fingerprint(auth: MachineSettings, environ: Mapping[str, str]) -> str:
    """16 characters that tell two configurations apart, and two identities in one configuration.

    A client's secret is left out: it proves which client this is, but does not name it.
    """
    settings = msgspec.to_builtins(_without_proofs(auth))
    vouching = [token_identity(_cheap_text(settings[key], environ)) for key in _VOUCHING if settings.get(key)]
    return sha256(msgspec.json.encode([settings, vouching], order="sorted")).hexdigest()[:16]


_VOUCHING = ("assertion", "subject_token", "actor_token", "identity_assertion")
"""The settings that hold a token which says who the machine is."""


def _without_proofs(auth: MachineSettings) -> MachineSettings:
    bare = msgspec.structs.replace(auth, client_secret="", private_key="")
    if isinstance(bare, EnterpriseSettings):
        return msgspec.structs.replace(bare, idp=msgspec.structs.replace(bare.idp, client_secret="", private_key=""))
    return bare


def _cheap_text(text: str, environ: Mapping[str, str]) -> str:
    return cheap_value(parse_reference(text, "the configuration"), environ) or text


def cheap_value(value: SecretRef, environ: Mapping[str, str]) -> str:
    """The text that `value` refers to, "" where reading it would run a command or ask a keyring.

    It may be secret, so it is for fingerprints alone.
    """
    match value:
        case Literal(value=text):
            return text
        case EnvironmentVariable() | Template() as template:
            return _expanded(template, environ)
        case FileContent(path=path):
            try:
                return Path(_expanded(path, environ)).expanduser().read_text()
            except (OSError, ValueError, RuntimeError):
                return ""  # the error is reported when the value is needed
        case _:
            return ""


def _expanded(template: EnvironmentVariable | Template, environ: Mapping[str, str]) -> str:
    parts = template.parts if isinstance(template, Template) else (template,)
    return "".join(part if isinstance(part, str) else environ.get(part.name) or part.default or "" for part in parts)


def token_identity(token: str) -> str:
    """Issuer and subject of a JWT (RFC 7519 section 4.1), which its successors repeat; the hash of any other token."""
    # Imported here because most starts have no such token (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth.claims import unverified_claims

    claims = unverified_claims(token)
    match claims.get("iss"), claims.get("sub"):
        case str(issuer), str(subject):
            return f"{issuer} {subject}"
    return sha256(token.encode()).hexdigest()
