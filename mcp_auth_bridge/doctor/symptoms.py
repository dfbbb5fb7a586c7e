"""The closed list of symptoms: each has a name, and the facts that the rules of the verdict may quote.

A check states a symptom only if it is sure of it. A rule (`rules.py`) draws the cause from one symptom or from several.
"""

import enum
from typing import Self


class Symptom(enum.Enum):
    """A symptom: its name in JSON, then the names of its facts."""

    # Here

    CONFIG_UNREADABLE = "config_unreadable", "error", "hint"
    """The configuration file cannot be read, or it is not valid."""

    # The way

    NAME_UNKNOWN = "name_unknown", "host"
    """No name server knows the host."""

    # The server

    NOT_MCP = "not_mcp", "status"
    """There is no MCP endpoint at this URL: 404, 405, or a page for people."""

    WANTS_CREDENTIALS = "wants_credentials", "status"
    """The server refuses a request without credentials."""

    SERVES_STRANGERS = ("serves_strangers",)
    """The server serves a request without credentials."""

    # The credential

    NO_LOGIN = ("no_login",)
    """A login is configured, and there is none in the store."""

    # The client

    ENTRY_FILE_INVALID = "entry_file_invalid", "client", "file", "error", "reload"
    """A client cannot parse its configuration file, in which this bridge or this server is named."""

    ENTRY_COMMAND_MISSING = "entry_command_missing", "client", "file", "command", "path", "reload"
    """The command of an entry does not exist; `path` is that of this bridge."""

    ENTRY_COMMAND_HIDDEN = "entry_command_hidden", "client", "file", "command", "path", "reload"
    """The command of an entry is on the terminal's PATH, at `path`, and not on that of a program from a dock."""

    ENTRY_FAILS = "entry_fails", "client", "file", "error"
    """An entry, started as its client starts it, does not serve its client."""

    ENTRY_SLOW = "entry_slow", "client", "file", "seconds", "path"
    """An entry that may download the bridge at its start was not ready in time."""

    ENTRY_LACKS_VARIABLE = "entry_lacks_variable", "client", "file", "variable"
    """The bridge reads a variable that is set in this terminal, and that the client does not pass on."""

    ENTRY_UNEXPANDED = "entry_unexpanded", "client", "file", "variable"
    """An entry has a variable in a form that its client does not replace by its value."""

    ENTRY_PLACEHOLDER = "entry_placeholder", "client", "file", "name"
    """A value in an entry was never filled in."""

    ENTRY_DISABLED = "entry_disabled", "client", "file"
    """The only entry for this server is switched off."""

    ENTRY_OF_ANOTHER_URL = "entry_of_another_url", "client", "file", "other"
    """No entry is for this server, but one is for a URL or name that looks almost the same."""

    ENTRY_HOLDS_SECRET = "entry_holds_secret", "client", "file", "name"
    """An entry holds a secret in plain text."""

    # Any

    BRIDGE_FAULT = "bridge_fault", "error"
    """A check met a bug of the bridge."""

    facts: tuple[str, ...]
    """The names of the facts that belong to it."""

    def __new__(cls, name: str, *facts: str) -> Self:
        member = object.__new__(cls)
        member._value_ = name
        member.facts = facts
        return member
