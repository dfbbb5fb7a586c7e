"""End a login: at the authorization server if it can be reached, and on this machine in any case."""

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.grants import revoke
from mcp_auth_bridge.oauth.session import Session, load_session
from mcp_auth_bridge.shell import terminal
from mcp_auth_bridge.shell.drive import Nobody, drive
from mcp_auth_bridge.shell.http import Http
from mcp_auth_bridge.wiring import Bridge, World


class Input(msgspec.Struct, frozen=True):
    target: str


async def run(given: Input, world: World) -> int:
    bridge = Bridge(world.config.profile(given.target), world)
    bridge.tabs.unwanted()  # a tool call must not bring back what a person has ended
    async with bridge.lock():  # a refresh that is under way must not bring the login back
        store = await bridge.vault.read(bridge.record)
        record = store.load(bridge.record)
        if record is not None:
            store.delete(bridge.record, record.generation)
    bridge.memory.forget()
    if record is None:
        terminal.say(f"there is no login to {bridge.profile.name}")
        return 0
    try:
        await _revoke(bridge, load_session(record.secret))
    except BridgeError as error:
        terminal.say(f"signed out of {bridge.profile.name} on this machine, but its tokens may still be honoured")
        terminal.complain(error)
        return error.exit_code
    terminal.say(f"signed out of {bridge.profile.name}")
    return 0


async def _revoke(bridge: Bridge, session: Session) -> None:
    http = Http(bridge.network)
    try:
        await drive(revoke(session), http, Nobody())
    finally:
        await http.aclose()
