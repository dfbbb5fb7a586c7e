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

    LOGIN_ENDED = "login_ended", "why"
    """The authorization server has ended the login, or it expired and cannot be renewed."""

    RENEWAL_REFUSED = "renewal_refused", "reason"
    """The authorization server has refused so many renewals in a row that only a login can help."""

    OTHER_ACCOUNT = "other_account", "account", "expected"
    """The login is of another account than the one that the configuration expects."""

    FROM_LOGIN = "from_login", "authority"
    """The credential that the server refused is the token of a login."""

    FROM_MACHINE = ("from_machine",)
    """The credential that the server refused is a token that the bridge obtained without a person."""

    FROM_CONFIGURATION = ("from_configuration",)
    """The credential that the server refused is in the configuration, or in a place that it names."""

    TOKEN_EXPIRED = "token_expired", "what", "remedy", "when"
    """The server refuses a token that has expired."""

    EXPIRED_EARLY = "expired_early", "what", "remedy", "left"
    """The server says that a token has expired which by this machine's clock has not."""

    NOT_YET_VALID = "not_yet_valid", "what", "remedy", "when"
    """The server refuses a token that by this machine's clock is not valid yet."""

    WRONG_AUDIENCE = "wrong_audience", "what", "remedy", "audience", "resource"
    """The server says that a token has the wrong audience, which does not name the server."""

    AUDIENCE_DISPUTED = "audience_disputed", "what", "remedy", "audience"
    """The server says that a token has the wrong audience, which names the server."""

    TOKEN_OF_ANOTHER_SERVICE = "token_of_another_service", "what", "remedy", "host", "issuer"
    """The server refuses a token whose audience is the host of another service."""

    TOKEN_ISSUER_UNKNOWN = "token_issuer_unknown", "what", "remedy", "issuer"
    """The server says that it does not know the issuer of a token."""

    NOT_A_TOKEN = "not_a_token", "what", "remedy", "reason"
    """The server refuses something that is a placeholder, a part of a token, or unreadable to it."""

    SCOPE_MISSING = "scope_missing", "what", "remedy", "scopes"
    """The server names scopes that the token lacks."""

    TOKEN_REFUSED = "token_refused", "what", "remedy", "reason"
    """The server refuses a credential, and nothing shows with certainty why."""

    ACCEPTED = ("accepted",)
    """The server serves a request with the credential, and refuses one without it."""

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
