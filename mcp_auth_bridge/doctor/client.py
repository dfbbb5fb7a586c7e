"""Checks of the clients: the entries in their files that start this bridge, and how these start."""

import json
from collections.abc import Iterable

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import entry_key, ide_entry
from mcp_auth_bridge.doctor.client_entries import OwnEntry, where
from mcp_auth_bridge.doctor.client_problems import Problem, problems
from mcp_auth_bridge.doctor.client_starts import Tried, try_entries, why_none
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Outcome, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.trial_start import TIMEOUT


async def entries(evidence: Evidence) -> Finding:
    """Which clients start this bridge for the server, and what is wrong in their files."""
    files, found = await evidence.client_files(), await evidence.client_entries()
    unread = [f"{file.client.name}: {file.path} was not read: {file.reason}" for file in files.unread]
    details = (*map(_listed, found.same), *found.without)
    wrong = [*problems(found, files.unread, evidence.bridge, evidence.system)]
    if wrong:
        return _finding(wrong, details)
    if found.same:
        clients = dict.fromkeys(own.entry.client.name for own in found.same)
        return ok(f"{' and '.join(clients)} start{'s' if len(clients) == 1 else ''} the bridge", details=details)
    if not files.complete:
        return skip("the clients' files could not be read in time")
    none = "no client that is known here starts the bridge for this server"
    return Finding(Outcome.SKIP, none, _entry_to_add(evidence.bridge), (*details, *unread))


async def start(evidence: Evidence) -> Finding:
    """How long the bridge takes to reply, started as each client starts it."""
    found = await evidence.client_entries()
    if not found.same:
        return skip("there is no entry to start")
    held, answers = await evidence.credential(), await evidence.answers()
    forbidden = why_none(evidence.bridge, held, answers.credential_refusal)
    tried = await try_entries(found.same, evidence.system, forbidden)
    details = tuple(f"{each.own.entry.client.name}: {_outcome(each)}" for each in tried)
    wrong = [problem for each in tried for problem in _wrong(each, evidence.bridge)]
    if wrong:
        return _finding(wrong, details)
    if all(each.trial is None or each.trial.silent for each in tried):
        return Finding(Outcome.SKIP, f"no entry was started to its end: {_outcome(tried[0])}", details=details)
    slowest = max(each.trial.listed or 0 for each in tried if each.trial is not None)
    return ok(f"started as a client does, the bridge lists its tools within {_ms(slowest)}", details=details)


def _finding(wrong: list[Problem], details: Iterable[str]) -> Finding:
    """The finding of the first of `wrong`; the others are among the details."""
    first = min(wrong, key=lambda problem: problem.outcome is not Outcome.FAIL)
    others = (each.says for each in wrong if each is not first)
    signs = [each.sign for each in wrong if each.sign is not None]
    finding = fail if first.outcome is Outcome.FAIL else warn
    return finding(first.says, first.hint, *signs, details=(*details, *others))


def _listed(own: OwnEntry) -> str:
    off = " (switched off)" if own.entry.disabled else ""
    return f"{own.entry.client.name}: {where(own.entry)}{off}"


def _entry_to_add(bridge: Bridge) -> str:
    entry = json.dumps(msgspec.to_builtins(ide_entry(bridge)), ensure_ascii=False)
    return f'add to "mcpServers" in its configuration: "{entry_key(bridge)}": {entry}'


def _outcome(tried: Tried) -> str:
    trial = tried.trial
    if trial is None:
        return f"not started: {tried.reason}"
    if trial.error:
        return trial.error
    if trial.greeted is None:
        return f"no reply to initialize within {TIMEOUT:g} seconds"
    greeted = f"a reply to initialize after {_ms(trial.greeted)}"
    if trial.listed is None:
        return f"{greeted}, no list of tools within {TIMEOUT:g} seconds"
    return f"{greeted}, {trial.tools} tool{'' if trial.tools == 1 else 's'} after {_ms(trial.listed)}"


def _wrong(tried: Tried, bridge: Bridge) -> Iterable[Problem]:
    """The problem that a trial showed. A silent bridge may wait for a slow server: that is no problem of the entry."""
    trial, entry = tried.trial, tried.own.entry
    client, path = entry.client.name, entry.path
    if trial is None:
        return
    if trial.error:
        facts = sign(Symptom.ENTRY_FAILS, client=client, file=path, error=trial.error)
        yield Problem(Outcome.FAIL, f"started as {client} does, {trial.error}", f"correct the entry in {path}", facts)
    patience = entry.client.patience
    late = trial.greeted is not None and patience is not None and trial.greeted > patience
    if late or (trial.greeted is None and tried.own.begin.downloads and trial.silent):
        seconds = f"{trial.greeted or TIMEOUT:.1f}"
        command = ide_entry(bridge).command
        facts = sign(Symptom.ENTRY_SLOW, client=client, file=path, seconds=seconds, path=command)
        hint = f'install the bridge, and write its full path in {path}, such as "{command}"'
        yield Problem(Outcome.WARN, f"{client} has no reply from the bridge after {seconds} seconds", hint, facts)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
