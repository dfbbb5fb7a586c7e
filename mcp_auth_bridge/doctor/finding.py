"""The finding of one check, and the signs in it from which the verdict is drawn."""

import enum
from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError


class Outcome(enum.Enum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """It works, but something about it may cost the user a fault later."""
    FAIL = "fail"
    """It does not work."""
    SKIP = "skip"
    """It could not be looked at, and the finding says why."""


class Section(enum.Enum):
    """The place that a check looks at, in the order of the report."""

    HERE = "here"
    WAY = "the way"
    SERVER = "the server"
    OAUTH = "its OAuth"
    CREDENTIAL = "the credential"
    CLIENT = "the client"


class Sign(msgspec.Struct, frozen=True):
    """A symptom that a check has seen, with the facts that belong to it (`symptoms.py`)."""

    symptom: Symptom
    facts: Mapping[str, str] = {}


class Finding(msgspec.Struct, frozen=True):
    """The finding of one check: what it saw, and what to do about it."""

    # How the check ended.
    outcome: Outcome
    # One sentence, lower case, without a full stop.
    says: str
    # The command to run or the line to change, "" for none.
    hint: str = ""
    # Further lines, such as each address that was asked.
    details: tuple[str, ...] = ()
    # The signs for the verdict.
    signs: tuple[Sign, ...] = ()


def sign(symptom: Symptom, **facts: str) -> Sign:
    """The sign of `symptom` with exactly the facts that it needs."""
    if {*facts} != {*symptom.facts}:
        raise TypeError(f"{symptom.name} needs the facts {', '.join(symptom.facts) or 'none'}")
    return Sign(symptom, facts)


def sign_of(symptom: Symptom, error: BridgeError) -> Sign:
    """The sign of a `symptom` whose facts are an `error` and its hint."""
    return sign(symptom, error=error.message, hint=error.hint)


def ok(says: str, *signs: Sign, details: tuple[str, ...] = ()) -> Finding:
    return Finding(Outcome.OK, says, "", details, signs)


def warn(says: str, hint: str, *signs: Sign, details: tuple[str, ...] = ()) -> Finding:
    return Finding(Outcome.WARN, says, hint, details, signs)


def fail(says: str, hint: str, *signs: Sign, details: tuple[str, ...] = ()) -> Finding:
    return Finding(Outcome.FAIL, says, hint, details, signs)


def skip(says: str, hint: str = "") -> Finding:
    return Finding(Outcome.SKIP, says, hint)
