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

    SERVER_UNKNOWN = "server_unknown", "error", "hint"
    """The command line names a server that neither the configuration nor the store has."""

    CLOCK_WRONG = "clock_wrong", "skew"
    """The clock of this machine and those of the servers differ by minutes."""

    SERVER_CLOCK_WRONG = "server_clock_wrong", "host", "skew"
    """The clock of the MCP server is wrong: that of its authorization server agrees with this machine's."""

    ISSUER_CLOCK_WRONG = "issuer_clock_wrong", "host", "skew"
    """The clock of an authorization server is wrong: that of the MCP server agrees with this machine's."""

    SECRET_MISSING = "secret_missing", "error", "hint"
    """A header or a token that the configuration refers to cannot be read."""

    VARIABLE_UNSET = "variable_unset", "variable"
    """An environment variable is not set, so that the default in the configuration is sent."""

    STORE_CLOSED = "store_closed", "error", "hint"
    """The store holds a login to the server, or may hold one, and cannot be opened."""

    LOGIN_DAMAGED = "login_damaged", "error", "hint"
    """The record of the login cannot be opened."""

    FOLDER_UNUSABLE = "folder_unusable", "error", "hint"
    """A folder in which logins are kept cannot be written: a full or read-only disk, or the folder of another user."""

    LOCK_HELD = "lock_held", "what", "pid"
    """A stopped process holds a lock of the login."""

    LOGIN_NOT_KEPT = "login_not_kept", "error", "hint"
    """A login could not be stored here."""

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
