"""The private names that the bridge knows: from the configuration, the environment, the credential and its claims."""

import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.held_credential import HeldCredential
from mcp_auth_bridge.doctor.plain_words import is_plain_header
from mcp_auth_bridge.doctor.redaction import Kind, PrivateName
from mcp_auth_bridge.oauth.claims import unverified_claims
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import EnvironmentVariable, Literal, SecretRef, Template

_SETTINGS = {
    "client_id": Kind.CLIENT,
    "account": Kind.USER,
    "resource": Kind.NAME,
    "audience": Kind.NAME,
    "issuer": Kind.NAME,
}
"""The keys of an `auth` table that hold a name."""

_CLAIMS = {
    **dict.fromkeys(("sub", "email", "name", "preferred_username", "upn", "unique_name", "username"), Kind.USER),
    **dict.fromkeys(("given_name", "family_name", "nickname", "oid"), Kind.USER),
    **dict.fromkeys(("azp", "client_id", "cid", "appid"), Kind.CLIENT),
    **dict.fromkeys(("iss", "aud"), Kind.NAME),
}
"""The claims of a token that hold a name."""

_ORGANISATION_CLAIM = re.compile(r"org|tenant|tid|company|customer|workspace|environment", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"TOKEN|SECRET|PASSW|KEY|CREDENTIAL|ORG", re.IGNORECASE)
_SHORTEST_SECRET = 8  # characters: a shorter value of such a variable is a word such as "true"
_USERS = ("USER", "LOGNAME", "USERNAME", "SUDO_USER")
_HOSTS = ("HOSTNAME", "COMPUTERNAME")
_FOLDERS = ("HOME", "USERPROFILE", "MCP_AUTH_BRIDGE_HOME", "TMPDIR")


async def private_names(evidence: Evidence) -> list[PrivateName]:
    """Every private name that is known here, before those that the report itself shows by their form."""
    subject = evidence.subject
    config = subject.context.config
    profiles = [*config.profiles.values(), *([subject.bridge.profile] if subject.bridge is not None else [])]
    names = [
        *_of_machine(subject.context.environ),
        *(PrivateName(Kind.PATH, str(path)) for path in _folders(evidence)),
        *(PrivateName(Kind.SERVER, name) for name in config.broken),
        *(name for profile in profiles for name in _of_profile(profile, subject.context.environ)),
    ]
    if subject.bridge is not None:
        names += _of_credential(await evidence.credential())
    return names


def _folders(evidence: Evidence) -> Iterator[Path]:
    paths = evidence.subject.context.paths
    yield evidence.subject.context.config.path.absolute().parent
    yield from (path.parent for path in (paths.config, paths.records))


def _of_machine(environ: Mapping[str, str]) -> Iterator[PrivateName]:
    yield PrivateName(Kind.HOST, platform.node())
    for kind, variables in ((Kind.USER, _USERS), (Kind.HOST, _HOSTS), (Kind.PATH, _FOLDERS)):
        yield from (PrivateName(kind, environ[name]) for name in variables if len(environ.get(name, "")) > 1)
    if home := environ.get("HOME", ""):
        yield PrivateName(Kind.USER, Path(home).name)
    for name, value in environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET and not value.startswith("/"):
            yield PrivateName(Kind.SECRET, value)
        if name.lower().endswith("_proxy"):
            yield from _of_proxy(value)


def _of_proxy(value: str) -> Iterator[PrivateName]:
    for place in value.split(","):
        login, _, host = place.rpartition("://")[2].rpartition("@")
        yield PrivateName(Kind.HOST, re.split(r"[:/]", host.strip().lstrip("."))[0])
        yield from (PrivateName(Kind.SECRET, part) for part in (login, *login.split(":")) if part)


def _of_profile(profile: Profile, environ: Mapping[str, str]) -> Iterator[PrivateName]:
    yield PrivateName(Kind.HOST, profile.url.host)
    if not profile.is_bare:
        yield PrivateName(Kind.SERVER, profile.name)
    for header, reference in profile.headers.items():
        yield from _of_header(header)
        yield from (PrivateName(Kind.ORGANISATION, value) for value in _values(reference, environ))
    for key, value in msgspec.to_builtins(profile.auth, enc_hook=str).items():
        if isinstance(value, str) and key in _SETTINGS:
            yield PrivateName(_SETTINGS[key], value)


def _of_header(header: str) -> Iterator[PrivateName]:
    """The words of a header's name that may name an organisation, as in `X-Acme-Org`."""
    yield from (PrivateName(Kind.NAME, word) for word in re.split(r"[-_]", header) if not is_plain_header(word))


def _values(reference: SecretRef, environ: Mapping[str, str]) -> Iterator[str]:
    """The values that `reference` has without asking a file, a command or a keyring."""
    match reference:
        case Literal(value=value):
            yield value
        case EnvironmentVariable(name=name, default=default):
            yield from filter(None, (environ.get(name), default))
        case Template(parts=parts):
            for part in parts:
                yield from [part] if isinstance(part, str) else _values(part, environ)


def _of_credential(held: HeldCredential) -> Iterator[PrivateName]:
    for header, value in held.headers.items():
        organisation = Kind.SECRET if header == "authorization" else Kind.ORGANISATION
        yield PrivateName(organisation, value.reveal())
    if held.token is not None:
        yield PrivateName(Kind.SECRET, held.token.reveal())
        yield from _of_claims(unverified_claims(held.token.reveal()))
    if held.session is not None:
        yield from _of_session(held.session)


def _of_session(session: Session) -> Iterator[PrivateName]:
    yield PrivateName(Kind.CLIENT, session.client.id)
    yield from (PrivateName(Kind.USER, name) for name in (session.account, *session.names))
    yield from (PrivateName(Kind.NAME, name) for name in (session.issuer, session.resource) if "://" not in name)
    secrets = (session.access, session.refresh, session.client.secret, session.client.management_token)
    yield from (PrivateName(Kind.SECRET, secret.reveal()) for secret in secrets if secret is not None)
    yield from _of_claims(unverified_claims(session.access.reveal()))


def _of_claims(claims: Mapping[str, Any]) -> Iterator[PrivateName]:  # Any: a claim may be any JSON
    for name, claim in claims.items():
        kind = _CLAIMS.get(name) or (Kind.ORGANISATION if _ORGANISATION_CLAIM.search(name) else None)
        values = claim if isinstance(claim, list) else [claim]
        yield from (
            PrivateName(kind, value) for value in values if kind and isinstance(value, str) and "://" not in value
        )
