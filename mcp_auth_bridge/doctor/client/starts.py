"""Which entries may be started as a trial, and their trials, side by side."""

import time
from collections.abc import Iterator, Sequence

import anyio
import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.clients.client import System
from mcp_auth_bridge.clients.start_environment import asks, start_of
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.client.entries import OwnEntry
from mcp_auth_bridge.doctor.client.problems import FOLDER_VARIABLES, Problem, command_of, is_uncertain
from mcp_auth_bridge.doctor.client.trial_start import TIMEOUT, Trial, try_start
from mcp_auth_bridge.doctor.credential.held import HeldCredential
from mcp_auth_bridge.doctor.finding import Outcome, sign
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.secret import Secret

_MOST = 6
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
        start = start_of(first.entry, system)
        program = command_of(first, system) or start.argv[0]  # on Windows it may be a .cmd
        whole = msgspec.structs.replace(start, argv=(program, *start.argv[1:]))
        trial = await try_start(whole, first.entry.client, [*_secrets(first)])
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
    entry, variables = own.entry, start_of(own.entry, system).environ
    elsewhere = any(system.environ.get(name) != variables.get(name) for name in FOLDER_VARIABLES)
    reasons = {
        "it is switched off": entry.disabled,
        "its file belongs to a project, and only you know whether you trust that": entry.is_of_project,
        "it has values that only its client can fill in": bool(entry.env_file) or asks(entry),
        "it is not the command run": own.begin.verb != "run",
        "its command was not found": command_of(own, system) is None,
        "it uses another configuration or login than this examination": elsewhere or not own.same_login,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _identity(own: OwnEntry, system: System) -> str:
    """The same for two entries that start the same program for clients that behave in the same way."""
    start = start_of(own.entry, system)
    client = own.entry.client
    return repr((start.argv, sorted(start.environ.items()), start.folder, client.info, client.revision))


def _secrets(own: OwnEntry) -> Iterator[Secret]:
    """All that may be secret in an entry."""
    yield from own.entry.env.values()
    yield from (Secret(header.partition(":")[2].strip()) for header in own.begin.headers)
    yield Secret(own.begin.auth or "")


def problems_of_start(tried: Tried, system: System, *, works_here: bool) -> Iterator[Problem]:
    """The problems that a trial showed.

    A silent bridge may wait for a slow server. Silence and a refusal are problems of the entry only if the server
    `works_here`, in this terminal: otherwise other checks have their cause.
    """
    trial, client, file = tried.trial, tried.own.entry.client, tried.own.entry.path
    if trial is None:
        return
    if trial.error:
        failed = sign(Symptom.ENTRY_FAILS, client=client.name, file=file, error=trial.error)
        says = f"started as {client.name} does, {trial.error}"
        yield Problem(Outcome.FAIL, says, f"correct the entry in {file}", failed)
    if trial.refusal and works_here:
        says = f"the bridge works in this terminal, but not as {client.name} starts it: {trial.refusal}"
        hint = trial.hint or f"give the entry in {file} the variables of this terminal"
        there = sign(Symptom.ENTRY_FAILS_THERE, client=client.name, file=file, error=trial.refusal, hint=hint)
        yield Problem(Outcome.FAIL, says, hint, None if is_uncertain(tried.own, system) else there)
    if trial.silent and trial.greeted is None and works_here and not tried.own.begin.downloads:
        silence = f"it did not answer for {TIMEOUT:g} seconds"
        says = f"the bridge works in this terminal, but as {client.name} starts it, {silence}"
        yield Problem(Outcome.WARN, says, f"run the command of the entry in {file} in a terminal, to see its messages")
    yield from _late(tried, trial)


def _late(tried: Tried, trial: Trial) -> Iterator[Problem]:
    client, file, downloads = tried.own.entry.client, tried.own.entry.path, tried.own.begin.downloads
    seconds = TIMEOUT if trial.silent and trial.greeted is None and downloads else trial.greeted or 0.0
    if seconds < min(client.patience or TIMEOUT, TIMEOUT):
        return
    says = f"{client.name} has no reply from the bridge after {seconds:.1f} seconds"
    if not downloads:
        yield Problem(Outcome.WARN, says, f"set a longer time limit for this server in {client.name}")
        return
    slow = sign(Symptom.ENTRY_SLOW, client=client.name, file=file, seconds=f"{seconds:.1f}")
    hint = f"install the bridge from a clone (uv tool install .), and write its full path in {file}"
    yield Problem(Outcome.WARN, says, hint, slow)
