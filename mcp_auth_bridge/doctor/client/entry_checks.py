"""Checks of the clients: the entries in their files that start this bridge, and how these start."""

from collections.abc import Sequence

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import entry_key, entry_text
from mcp_auth_bridge.doctor.client.entries import OwnEntry, where
from mcp_auth_bridge.doctor.client.problems import Problem, problems
from mcp_auth_bridge.doctor.client.starts import Tried, problems_of_start, try_entries, why_none
from mcp_auth_bridge.doctor.client.trial_start import TIMEOUT
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Outcome, fail, ok, skip, warn
from mcp_auth_bridge.errors import quoted


async def entries(evidence: Evidence) -> Finding:
    """Which clients start this bridge for the server, and what is wrong in their files."""
    files, found = await evidence.client_files(), await evidence.client_entries()
    unread = [f"{file.client.name}: {file.path} was not read: {file.reason}" for file in files.unread]
    details = (*map(_listed, found.same), *found.without)
    wrong = [*problems(found, files.unread, evidence.bridge, evidence.system)]
    if wrong:
        first = _worst(wrong)
        return _finding(wrong, (*details, *(each.says for each in wrong if each is not first)))
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
    details = tuple(f"{_named(each.own)}: {_outcome(each)}" for each in tried)
    session = answers.session or answers.stranger_session
    works_here = session is not None and session.error is None
    wrong = [problem for each in tried for problem in problems_of_start(each, evidence.system, works_here=works_here)]
    if wrong:
        return _finding(wrong, details)
    trials = [each.trial for each in tried if each.trial is not None]
    times = [trial.listed for trial in trials if trial.listed is not None and not trial.refusal]
    if not times:
        return Finding(Outcome.SKIP, f"no entry was started to its end: {_outcome(tried[0])}", details=details)
    slowest = max(times)
    return ok(f"started as a client does, the bridge lists its tools within {_ms(slowest)}", details=details)


def _finding(wrong: Sequence[Problem], details: tuple[str, ...]) -> Finding:
    """The finding of the worst of `wrong`, with the signs of all."""
    worst = _worst(wrong)
    signs = [each.sign for each in wrong if each.sign is not None]
    finding = fail if worst.outcome is Outcome.FAIL else warn
    return finding(worst.says, worst.hint, *signs, details=details)


def _worst(wrong: Sequence[Problem]) -> Problem:
    return min(wrong, key=lambda problem: problem.outcome is not Outcome.FAIL)


def _named(own: OwnEntry) -> str:
    return f"{own.entry.client.name} {quoted(own.entry.name, 60)}"


def _listed(own: OwnEntry) -> str:
    off = " (switched off)" if own.entry.disabled else ""
    return f"{own.entry.client.name}: {where(own.entry)}{off}"


def _entry_to_add(bridge: Bridge) -> str:
    entry = f'"{entry_key(bridge)}": {entry_text(bridge)}'
    by_hand = f'to use it in a client, add to "mcpServers" in its configuration: {entry}'
    if bridge.profile.auth_argument or bridge.header_options:  # `install` takes neither
        return by_hand
    return f"{by_hand}; or run: {bridge.command('install CLIENT')}"


def _outcome(tried: Tried) -> str:
    trial = tried.trial
    if trial is None:
        return f"not started: {tried.reason}"
    if trial.error:
        return trial.error
    if trial.greeted is None:
        return f"no reply to initialize within {TIMEOUT:g} seconds"
    greeted = f"a reply to initialize after {_ms(trial.greeted)}"
    if trial.refusal:
        return f"{greeted}, but {trial.refusal}"
    if trial.listed is None:
        return f"{greeted}, no list of tools within {TIMEOUT:g} seconds"
    return f"{greeted}, {trial.tools} tool{'' if trial.tools == 1 else 's'} after {_ms(trial.listed)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
