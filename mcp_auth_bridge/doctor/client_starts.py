"""Which entries may be started as a trial, and their trials, side by side."""

import time
from collections.abc import Iterator, Sequence

import anyio
import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.clients.client import System
from mcp_auth_bridge.clients.start_environment import start_of
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.client_entries import OwnEntry
from mcp_auth_bridge.doctor.client_problems import FOLDER_VARIABLES, command_of
from mcp_auth_bridge.doctor.held_credential import HeldCredential
from mcp_auth_bridge.doctor.trial_start import Trial, try_start
from mcp_auth_bridge.secret import Secret

_MOST = 4
"""The most programs that are started."""

_SOON = 60.0
"""Seconds before a login is due at which no program that may renew it is started."""


class Tried(msgspec.Struct, frozen=True):
    """An entry with its trial, or with the reason why there is none."""

    own: OwnEntry
    trial: Trial | None = None
    # The end of a sentence, "" if there is a trial.
    reason: str = ""


async def try_entries(entries: Sequence[OwnEntry], system: System, forbidden: str) -> list[Tried]:
    """Try each of `entries`, those that are the same only once. `forbidden` is a reason to start none, "" for none."""
    tried = {id(own): Tried(own, reason=forbidden or _why_not(own, system)) for own in entries}
    groups: dict[str, list[OwnEntry]] = {}
    for own in entries:
        if not tried[id(own)].reason:
            groups.setdefault(_identity(own, system), []).append(own)

    async def try_one(group: list[OwnEntry]) -> None:
        first = group[0]
        trial = await try_start(start_of(first.entry, system), first.entry.client, [*_secrets(first)])
        tried.update((id(own), Tried(own, trial)) for own in group)

    async with anyio.create_task_group() as tasks:
        for number, group in enumerate(groups.values()):
            if number < _MOST:
                tasks.start_soon(try_one, group)
            else:
                tried.update((id(own), Tried(own, reason=f"{_MOST} others were")) for own in group)
    return [*tried.values()]


def why_none(bridge: Bridge, held: HeldCredential, refusal: Refusal | None) -> str:
    """Why no entry for `bridge` may be started: it would renew the login. "" if it would not.

    `refusal` is the server's of the credential that it `held`, None if it accepts that.
    """
    session, now = held.session, time.time()
    if isinstance(bridge.profile.auth, MachineSettings) and (session is None or session.due(now + _SOON)):
        return "a start would ask the authorization server for a token"
    if session is None or not session.renewable:
        return ""
    if session.due(now + _SOON):
        return "the login is about to be renewed, and a start would do that"
    return "the server refuses the login, and a start would renew it" if refusal is not None else ""


def _why_not(own: OwnEntry, system: System) -> str:
    """Why this entry may not be started, "" if it may. Only `run` opens no browser and changes no login."""
    start = start_of(own.entry, system)
    if own.entry.disabled:
        return "it is switched off"
    if own.entry.is_of_project:
        return "its file belongs to a project, and only you know whether you trust that"
    if own.begin.verb != "run":
        return "it is not the command run"
    if command_of(own, system) is None:
        return "its command was not found"
    if not own.same_login or any(system.environ.get(name) != start.environ.get(name) for name in FOLDER_VARIABLES):
        return "it uses another configuration or login than this examination"
    return ""


def _identity(own: OwnEntry, system: System) -> str:
    """The same for two entries that start the same program for clients that behave in the same way."""
    start = start_of(own.entry, system)
    client = own.entry.client
    return repr((start.argv, sorted(start.environ.items()), client.info, client.revision))


def _secrets(own: OwnEntry) -> Iterator[Secret]:
    """All that may be secret in an entry."""
    yield from own.entry.env.values()
    yield from (Secret(header.partition(":")[2].strip()) for header in own.begin.headers)
    if own.begin.auth:
        yield Secret(own.begin.auth)
