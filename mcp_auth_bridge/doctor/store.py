"""The check of the store: where logins are kept, whether they can be opened, and whether one could be added."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign_of, skip, warn
from mcp_auth_bridge.doctor.store_look import StoreLook, access_of, may_have_record, record_of, uses_store
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import MACHINES, SESSIONS
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import record_names


async def store(evidence: Evidence) -> Finding:
    """Where logins are kept, and whether they can be opened."""
    subject = evidence.subject
    bridge = subject.bridge
    if subject.context.error is not None:
        return skip("it is not known where logins are kept: the configuration cannot be used")
    if bridge is not None and not uses_store(bridge):
        return skip(f"{bridge.profile.label} keeps nothing: its credentials come from the configuration")
    seen = await evidence.store()
    if seen.error is not None:
        if _holds_logins(subject):
            return fail(seen.error.message, seen.error.hint, sign_of(Symptom.STORE_CLOSED, seen.error))
        return await _not_kept(evidence, seen.error)
    if bridge is not None and (damage := await _damage(bridge, seen)) is not None:
        return fail(damage.message, damage.hint, sign_of(Symptom.LOGIN_DAMAGED, damage))
    return _opened(access_of(subject), seen)


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


def _opened(access: StoreAccess, seen: StoreLook) -> Finding:
    place = access.describe()
    if seen.damaged:
        damaged = tuple(error.message for error in seen.damaged)
        return warn(f"{len(damaged)} of the records in {place} cannot be opened", seen.damaged[0].hint, details=damaged)
    return ok(place if access.forgets else f"{_counted(seen)} in {place}")


async def _damage(bridge: Bridge, seen: StoreLook) -> BridgeError | None:
    try:
        await record_of(bridge, seen)
    except BridgeError as damage:
        return damage
    return None


def _counted(seen: StoreLook) -> str:
    count = sum(key.startswith((SESSIONS, MACHINES)) for key in seen.keys)
    return "no login is stored yet" if not count else f"{count} login{'s' if count > 1 else ''}"
