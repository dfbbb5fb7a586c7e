"""A look at the store: whether its key can be had, and its records. Nothing is created, and no user is asked."""

import anyio
import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.errors import BridgeError, StoreError
from mcp_auth_bridge.shell.process.threads import run_with_timeout
from mcp_auth_bridge.stores.base import Record, Store
from mcp_auth_bridge.stores.sealed import has_record

PATIENCE = 6.0
"""Seconds for a keyring or a key command."""

_MOST = PATIENCE + 1  # seconds for the whole look: the key and a Redis server


class StoreLook(msgspec.Struct, frozen=True):
    """What a look at the store has shown."""

    # The store, None if it is not looked at or cannot be opened.
    store: Store | None = None
    # The keys of the records that can be opened.
    keys: tuple[str, ...] = ()
    # One error for each record that cannot be opened.
    damaged: tuple[StoreError, ...] = ()
    # Why the store cannot be opened.
    error: BridgeError | None = None


async def look(subject: Subject) -> StoreLook:
    """Look at the store of `subject`. Raises nothing: the error is in the result."""
    if subject.context.error is not None:
        return StoreLook(error=StoreError("the configuration, which says where logins are kept, cannot be used"))
    if subject.bridge is not None and not uses_store(subject.bridge):
        return StoreLook()
    return await look_into(access_of(subject))


async def look_into(access: StoreAccess) -> StoreLook:
    """As `look`, for the store behind `access`."""
    try:
        with anyio.fail_after(_MOST):
            if not (access.forgets or access.is_shared):
                await run_with_timeout(access.find_key, PATIENCE)
            store = await access.open_to_list()
            keys, damaged = await access.beside(store.keys), await access.beside(store.unreadable)
    except TimeoutError:
        return StoreLook(
            error=StoreError(f"the store did not answer within {_MOST:g} seconds", "check that it runs, and repeat")
        )
    except BridgeError as error:
        return StoreLook(error=error)
    return StoreLook(store, tuple(keys), tuple(damaged))


def access_of(subject: Subject) -> StoreAccess:
    """The store of the server, or if there is none, of the configuration."""
    return subject.context.store_access() if subject.bridge is None else subject.bridge.store_access


def uses_store(bridge: Bridge) -> bool:
    """Whether the credentials of `bridge` are kept in the store."""
    match bridge.profile.auth:
        case LoginSettings():
            return True
        case MachineSettings():
            return bridge.store_access.open_shared is not None
    return False


async def record_of(bridge: Bridge, seen: StoreLook) -> Record | None:
    """The record of the login of `bridge`. Raises `BridgeError` if there is one that cannot be opened."""
    if (store := seen.store) is not None:
        return await bridge.store_access.beside(lambda: store.load(bridge.record))
    if seen.error is not None and may_have_record(bridge):
        raise seen.error
    return None


def may_have_record(bridge: Bridge) -> bool:
    """Whether the store of `bridge`, which cannot be opened, has a record of its login."""
    return bridge.store_access.is_shared or has_record(bridge.store_access.paths.records, bridge.record)
