"""`mcp-auth-bridge logout`: end one login or all.

A login always ends on this machine, and at the authorization server if that can be reached.
"""

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands.registrations import forget_registration, is_used
from mcp_auth_bridge.commands.stored_logins import profiles
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.config.profile import Profile, ServerChoice
from mcp_auth_bridge.credentials.command_token import RECORDS
from mcp_auth_bridge.errors import BridgeError, StoreError
from mcp_auth_bridge.oauth.machine import revoke_session
from mcp_auth_bridge.oauth.registration_management import unregister
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.session import CLIENTS, MACHINES, SHARED, Client, Session, load_session
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.run_flow import HeadlessLogin, run_flow
from mcp_auth_bridge.stores.base import Store


class Input(msgspec.Struct, frozen=True):
    """`server` is None for every login of the store."""

    server: ServerChoice | None


async def run(given: Input, context: Context) -> int:
    if given.server is None:
        return await _log_out_everywhere(context)
    if removed := await _removed_servers(given.server.target, context):
        for profile in removed:
            await _log_out(Bridge(profile, context))
        return 0
    bridge = await find_bridge(given.server, context)
    forgotten = await _forget_command_tokens(bridge)
    if forgotten:
        terminal.say(
            f"forgot the token that a command printed for {bridge.profile.name}; the next request runs it again"
        )
    if not (await _log_out(bridge) or forgotten):
        terminal.say(f"there is no login to {bridge.profile.name}")
    return 0


async def _removed_servers(name: str, context: Context) -> list[Profile]:
    """The servers with a login that the configuration once had under `name`."""
    if "://" in name or name in {*context.config.profiles, *context.config.broken}:
        return []
    keys = (await context.store_access().open_to_list()).keys()
    return [profile for profile in profiles(keys, context) if profile.name == name]


async def _log_out_everywhere(context: Context) -> int:
    """Log out of one server after the other. A failure is reported and does not stop the others.

    Returns the exit code of the first failure, 0 if there was none.
    """
    store = await context.store_access().open_to_list()
    problems: list[BridgeError] = []
    count = 0
    # Including every configured server: a record that cannot be read does not name its server.
    for profile in profiles(store.keys(), context):
        try:
            count += await _log_out(Bridge(profile, context))
        except BridgeError as problem:
            terminal.report_error(problem)
            problems.append(problem)
    for key in (key for prefix in (CLIENTS, SHARED, RECORDS, MACHINES) for key in _keys(store, prefix)):
        _delete(store, key)
    for damage in store.unreadable():
        if damage.message not in {problem.message for problem in problems}:
            terminal.report_error(damage)
            problems.append(damage)
    if not count and not problems:
        terminal.say("there is no login on this machine")
    return problems[0].exit_code if problems else 0


async def _log_out(bridge: Bridge) -> bool:
    """End the login. Returns whether there was one.

    Raises `BridgeError` where it did not end at the authorization server, or not in the store.
    """
    bridge.tabs.forbid()  # a tool call must not bring back a login that the user has ended
    async with bridge.refresh_lock():  # a refresh that is under way must not bring the login back
        store = await bridge.store_access.open_to_list()
        taken = _take(store, bridge.record)
        for key in _keys(store, f"{MACHINES}{bridge.profile.name} "):
            _delete(store, key)  # of a machine of the same name, when it had another configuration
    if taken is None:
        return False
    bridge.server_cache.forget()
    try:
        await _end_at_server(bridge, store, taken)
    except BridgeError:
        terminal.say(f"signed out of {bridge.profile.name} on this machine, but its tokens may still work")
        raise
    again = ", until the next request obtains another token" if isinstance(bridge.profile.auth, MachineSettings) else ""
    terminal.say(f"signed out of {bridge.profile.name}{_describe_rest(taken)}{again}")
    return True


def _describe_rest(taken: Session | StoreError) -> str:
    """In words: tokens outlive a logout if the authorization server has no revocation endpoint (RFC 7009)."""
    if isinstance(taken, StoreError) or taken.revocation_endpoint:
        return ""
    return (
        " on this machine; its authorization server cannot revoke tokens, so a copy of them would work until they"
        " expire"
    )


async def _forget_command_tokens(bridge: Bridge) -> bool:
    """Forget the tokens that commands printed. Returns whether there were any."""
    store = await bridge.store_access.open_to_list()
    keys = _keys(store, f"{RECORDS}{bridge.profile.key} ")
    for key in keys:
        _delete(store, key)
    return bool(keys)


def _take(store: Store, key: str) -> Session | StoreError | None:
    """Delete the login under `key` and return it; for a login that cannot be read, the error of reading it.

    Raises `StoreError` where nothing was deleted.
    """
    try:
        record = store.load(key)
    except StoreError as damage:
        # If it is readable after all, another process has just logged in.
        return damage if store.discard(key) else _take(store, key)
    if record is None:
        return None
    store.delete(key, record.generation)
    try:
        return load_session(record.secret)
    except StoreError as unknown:
        return unknown


async def _end_at_server(bridge: Bridge, store: Store, taken: Session | StoreError) -> None:
    if isinstance(taken, StoreError):
        raise taken
    auth = bridge.profile.auth
    flow = (
        revoke_session(await bridge.machine_plan(auth), taken) if isinstance(auth, MachineSettings) else revoke(taken)
    )
    http = OAuthHttp(bridge.network)
    try:
        await run_flow(flow, http, HeadlessLogin())
        if not is_used(store, taken.client):
            await _end_registration(http, store, taken.client)
    finally:
        await http.aclose()


async def _end_registration(http: OAuthHttp, store: Store, client: Client) -> None:
    """End the registration too, where that is offered. A failure is only reported: the next login can use it."""
    try:
        gone = await run_flow(unregister(client), http, HeadlessLogin())
    except BridgeError as error:
        terminal.report_error(error)
        return
    if gone:
        forget_registration(store, client)


def _keys(store: Store, prefix: str) -> list[str]:
    keys = store.keys()
    return [key for key in keys if key.startswith(prefix)]


def _delete(store: Store, key: str) -> None:
    record = store.load(key)
    if record is not None:
        store.delete(key, record.generation)
