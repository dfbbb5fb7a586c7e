"""The check of the store: where logins are kept, whether they can be opened, and whether one could be added."""

import re

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, sign_of, skip, warn
from mcp_auth_bridge.doctor.store_look import StoreLook, access_of, may_have_record, record_of, uses_store
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, ConfigError
from mcp_auth_bridge.oauth.session import MACHINES, SESSIONS, load_session
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import record_names

_LOGIN = re.compile(r"mcp-auth-bridge login( NAME)?")


async def store(evidence: Evidence) -> Finding:
    """Where logins are kept, and whether they can be opened."""
    subject = evidence.subject
    bridge = subject.bridge
    if subject.context.error is not None:
        return skip("it is not known where logins are kept: the configuration cannot be used")
    if bridge is not None and not uses_store(bridge):
        return skip(f"nothing is stored for {bridge.profile.label}: its credential is configured")
    seen = await evidence.store()
    if seen.error is not None and _holds_logins(subject):
        return fail(seen.error.message, seen.error.hint, sign_of(Symptom.STORE_CLOSED, seen.error))
    if bridge is not None and (damage := await _damage(bridge, seen)) is not None:
        hint = _LOGIN.sub(lambda _: bridge.login_command, damage.hint)
        return fail(damage.message, hint, sign(Symptom.LOGIN_DAMAGED, error=damage.message, hint=hint))
    if (obstacle := seen.error or _forgetting(subject)) is not None:
        return await _not_kept(evidence, obstacle)
    return _opened(subject, seen)


def _holds_logins(subject: Subject) -> bool:
    """Whether the store, which cannot be opened, may hold a login that is needed."""
    if subject.bridge is None:
        return bool(record_names(Folder(subject.context.paths.records)))
    return may_have_record(subject.bridge)


async def _not_kept(evidence: Evidence, error: BridgeError) -> Finding:
    if await evidence.is_open():
        return ok(f"no login is stored, and none is needed (none could be stored: {error.message})")
    told = f"no login is stored, and none could be: {error.message}"
    return warn(told, error.hint, sign_of(Symptom.LOGIN_NOT_KEPT, error))


def _forgetting(subject: Subject) -> BridgeError | None:
    """Why the store would not keep a login to the server, None if it does, or if it needs no login."""
    if subject.bridge is None or not isinstance(subject.bridge.profile.auth, LoginSettings):
        return None
    try:
        subject.bridge.store_access.check_keeps("a login")
    except ConfigError as forgetting:
        return forgetting
    return None


def _opened(subject: Subject, seen: StoreLook) -> Finding:
    """The finding about a store that opens. If a server is named, the damaged records of others are no warning."""
    access = access_of(subject)
    place = access.describe()
    damaged = tuple(error.message for error in seen.damaged)
    if damaged and subject.bridge is None:
        return warn(f"{len(damaged)} of the records in {place} cannot be opened", seen.damaged[0].hint, details=damaged)
    return ok(place if access.forgets else f"{_counted(seen)} in {place}", details=damaged)


async def _damage(bridge: Bridge, seen: StoreLook) -> BridgeError | None:
    try:
        record = await record_of(bridge, seen)
        if record is not None:
            load_session(record.secret)  # a newer version of the bridge may have written it
    except BridgeError as damage:
        return damage
    return None


def _counted(seen: StoreLook) -> str:
    count = sum(key.startswith((SESSIONS, MACHINES)) for key in seen.keys)
    return "no login is stored yet" if not count else f"{count} login{'s' if count > 1 else ''}"
