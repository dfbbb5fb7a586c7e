"""How a client wants an entry written: its keys, its fixed members, and the file that it goes into."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.clients.client import Client, ConfigFile, Expansion, Launch, Platform, System
from mcp_auth_bridge.clients.start_environment import environment


class EntryForm(msgspec.Struct, frozen=True):
    """The members of an entry."""

    # The fixed members that come first. Any: JSON, here and below.
    head: Mapping[str, Any] = {}
    # The key of the program.
    command: str = "command"
    # The key of its arguments, "" if the program and its arguments are one list.
    arguments: str = "args"
    # The key of its variables.
    variables: str = "env"
    # The key under which the entry repeats its own name, "" if it does not.
    name: str = ""
    # The key of the names of variables that the client passes on, "" if it passes on all or none.
    forwards: str = ""
    # The fixed members that come last.
    tail: Mapping[str, Any] = {}


class Scope(enum.Enum):
    """For whom an entry is."""

    USER = "user"
    """For the user, in every folder."""

    WORKSPACE = "workspace"
    """For the project in the current folder."""


class Target(msgspec.Struct, frozen=True):
    """A client as `install` writes to it. `graphical_targets.py` and `terminal_targets.py` have all of them."""

    # Its name on a command line.
    key: str
    # The client.
    client: Client
    # The file of the user: the first one that exists is written, else the first one of the system is made.
    user: tuple[ConfigFile, ...]
    # The form of an entry, by the table in the file that it goes into. The first table that exists is taken, else the
    # last one is made.
    forms: Mapping[tuple[str, ...], EntryForm]
    # The file of a workspace, () for a client that has none.
    workspace: tuple[ConfigFile, ...] = ()
    # What the user still has to do after an entry for the user, as a sentence; "" for the client's `reload`.
    wants: str = ""
    # The same after an entry in a workspace.
    workspace_wants: str = ""
    # The page or the file that says so, and the day on which it was read.
    source: str = ""

    def files(self, scope: Scope) -> tuple[ConfigFile, ...]:
        """The files for `scope`, the preferred one first."""
        return self.user if scope is Scope.USER else self.workspace

    def next_step(self, scope: Scope) -> str:
        """What the user still has to do."""
        wanted = self.wants if scope is Scope.USER else self.workspace_wants
        return wanted or self.client.reload


class StartCommand(msgspec.Struct, frozen=True):
    """The command of an entry."""

    # The program, and its arguments.
    argv: tuple[str, ...]
    # The variables that it is given.
    env: Mapping[str, str] = {}
    # The names of variables of the user's shell that the server needs.
    needs: tuple[str, ...] = ()


_OF_A_SESSION = (
    *("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
)
"""What a keyring, a browser and a proxy need, and Codex does not pass on (a run of Codex 0.169 on Linux)."""


def write_entry(form: EntryForm, name: str, start: StartCommand, client: Client) -> dict[str, Any]:
    """The entry `name` with which `client` runs `start`. Any: JSON."""
    program, *arguments = start.argv
    words = {form.command: program, form.arguments: arguments} if form.arguments else {form.command: [*start.argv]}
    env = {**start.env, **{each: f"${{{each}}}" for each in start.needs if _expands_hidden(client, each)}}
    forwards = {form.forwards: [*_OF_A_SESSION, *start.needs]} if form.forwards else {}
    return {
        **form.head,
        **({form.name: name} if form.name else {}),
        **words,
        **({form.variables: env} if env else {}),
        **forwards,
        **form.tail,
    }


def hidden_variables(client: Client, form: EntryForm, system: System, needs: tuple[str, ...]) -> list[str]:
    """Those of `needs` that a server of `client` does not get, however its entry is written."""
    if form.forwards:
        return []
    seen = environment(client, msgspec.structs.replace(system, environ=dict.fromkeys(needs, "")))
    return [each for each in needs if each not in seen and not _expands_hidden(client, each)]


def _expands_hidden(client: Client, name: str) -> bool:
    """Whether `client` keeps the variable `name` from its servers, and yet puts its value into an entry's variables."""
    screened = client.launch is Launch.SCREENED and name not in environment(client, _only(name))
    return screened and Expansion.BRACES in client.expands


def _only(name: str) -> System:
    return System(Platform.LINUX, "/", "", {name: ""})
