"""What is wrong with the entries of clients, as far as their files tell."""

import shutil
from collections.abc import Iterable, Iterator

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import entry_text
from mcp_auth_bridge.clients.client import Launch, Platform, System
from mcp_auth_bridge.clients.entry_faults import Fault, Kind, faults
from mcp_auth_bridge.clients.start_environment import start_of
from mcp_auth_bridge.doctor.client_entries import ClientEntries, OwnEntry
from mcp_auth_bridge.doctor.client_files import UnreadFile
from mcp_auth_bridge.doctor.finding import Outcome, Sign, sign
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import copyable_url, printable, quoted
from mcp_auth_bridge.secret import variables_in
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE

FOLDER_VARIABLES = (HOME_VARIABLE, "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
"""The variables that decide where the bridge looks for its configuration and its logins."""

_REFERENCES = "env:NAME, file:PATH or keyring:NAME"


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: WARN or FAIL, in words, with the sign for the verdict if it is certain."""

    outcome: Outcome
    says: str
    hint: str
    sign: Sign | None = None


def problems(entries: ClientEntries, unread: Iterable[UnreadFile], bridge: Bridge, system: System) -> Iterator[Problem]:
    """All problems of the `entries` for `bridge`, and of the files that concern it; the worst come first."""
    found = [
        *(_invalid(file) for file in unread if file.concerns),
        *(problem for own in entries.same if not own.entry.disabled for problem in _of_entry(own, bridge, system)),
        *_missing(entries),
    ]
    yield from sorted(found, key=lambda problem: problem.outcome is not Outcome.FAIL)


def command_of(own: OwnEntry, system: System) -> str | None:
    """The full path of the program of an entry, None if its client does not find it."""
    start = start_of(own.entry, system)
    return shutil.which(start.argv[0], path=start.environ.get("PATH", ""))


def _invalid(file: UnreadFile) -> Problem:
    client = file.client.name
    return Problem(
        Outcome.FAIL,
        f"{file.path}, from which {client} reads its servers, is not valid: {file.reason}",
        "correct that line",
        sign(Symptom.ENTRY_FILE_INVALID, client=client, file=file.path, error=file.reason, reload=file.client.reload),
    )


def _missing(entries: ClientEntries) -> Iterator[Problem]:
    """The problems of a server for which no client starts the bridge."""
    if entries.same and all(own.entry.disabled for own in entries.same):
        entry = entries.same[0].entry
        client = entry.client.name
        facts = sign(Symptom.ENTRY_DISABLED, client=client, file=entry.path)
        yield Problem(Outcome.WARN, f"the entry in {client} is switched off", f"switch it on in {entry.path}", facts)
    for own in entries.alike if not entries.same else ():
        client, path = own.entry.client.name, own.entry.path
        other = copyable_url(own.other)
        yield Problem(
            Outcome.WARN,
            f"{client} has an entry for {quoted(own.other)}, and none for this server",
            f"correct it in {path}, or look at that server",
            sign(Symptom.ENTRY_OF_ANOTHER_URL, client=client, file=path, other=other),
        )


def _of_entry(own: OwnEntry, bridge: Bridge, system: System) -> Iterator[Problem]:
    entry, client = own.entry, own.entry.client.name
    if own.begin.verb != "run":
        error = f"it starts the command {quoted(own.begin.verb)} of the bridge instead of run"
        facts = sign(Symptom.ENTRY_FAILS, client=client, file=entry.path, error=error)
        yield Problem(Outcome.FAIL, f"the entry in {client} cannot work: {error}", f"write run in {entry.path}", facts)
    if command_of(own, system) is None:
        yield _without_command(own, bridge, system)
    for fault in faults(entry, own.begin, system, [*FOLDER_VARIABLES, *_variables_of(bridge)]):
        yield _problem(fault, own, system)


def _variables_of(bridge: Bridge) -> Iterator[str]:
    """The variables without a default that the settings of `bridge` refer to."""
    for reference in bridge.secrets.references().values():
        yield from (variable.name for variable in variables_in(reference) if variable.default is None)


def _without_command(own: OwnEntry, bridge: Bridge, system: System) -> Problem:
    """The problem of an entry whose program its client does not find."""
    entry, client = own.entry, own.entry.client.name
    command = start_of(entry, system).argv[0]
    path = shutil.which(command, path=system.environ.get("PATH", ""))
    facts = {"client": client, "file": entry.path, "reload": entry.client.reload, "command": quoted(command)}
    if path is None:
        text = entry_text(bridge)
        says = f"the entry in {client} starts {quoted(command)}, which does not exist"
        missing = sign(Symptom.ENTRY_COMMAND_MISSING, **facts, entry=text)
        return Problem(Outcome.FAIL, says, f"write in its place, in {entry.path}: {text}", missing)
    hint = f'write as the command, in {entry.path}: "{path}"'
    if is_uncertain(own, system):
        says = f"{client} may not find {quoted(command)}: a desktop does not always have the PATH of your shell"
        return Problem(Outcome.WARN, says, hint)
    says = f"{client} does not find {quoted(command)}: it does not have the PATH of your shell"
    return Problem(Outcome.FAIL, says, hint, sign(Symptom.ENTRY_COMMAND_HIDDEN, **facts, path=path))


def is_uncertain(own: OwnEntry, system: System) -> bool:
    """Whether the client may have more variables than is known: on Linux, each desktop reads other files of a shell."""
    return own.entry.client.launch is Launch.DESKTOP and system.platform is Platform.LINUX


def _problem(fault: Fault, own: OwnEntry, system: System) -> Problem:
    client, file, name = own.entry.client.name, own.entry.path, printable(fault.name)[:60]
    match fault.kind:
        case Kind.SECRET:
            facts = sign(Symptom.ENTRY_HOLDS_SECRET, client=client, file=file, name=name)
            return Problem(Outcome.WARN, f"{file} holds a secret in plain text: {name}", f"use {_REFERENCES}", facts)
        case Kind.PLACEHOLDER:
            facts = sign(Symptom.ENTRY_PLACEHOLDER, client=client, file=file, name=name)
            return Problem(Outcome.WARN, f"{name} was never filled in, in {file}", "write its value there", facts)
        case Kind.UNEXPANDED:
            facts = sign(Symptom.ENTRY_UNEXPANDED, client=client, file=file, variable=name)
            return Problem(Outcome.WARN, f"{client} does not expand {name} in {file}", f"use {_REFERENCES}", facts)
    other = "" if name in FOLDER_VARIABLES else ", or keep the secret elsewhere: file:PATH or keyring:NAME"
    hint = f"add {name} to the entry in {file}{other}"
    if is_uncertain(own, system):
        return Problem(Outcome.WARN, f"{client} may not have the variable {name}, which the bridge reads", hint)
    facts = sign(Symptom.ENTRY_LACKS_VARIABLE, client=client, file=file, variable=name)
    return Problem(Outcome.WARN, f"{client} does not pass on {name}, which the bridge reads", hint, facts)
