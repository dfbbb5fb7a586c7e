"""What is wrong with an entry that starts the bridge, as far as its text tells. No value of it is repeated."""

import enum
import re
from collections.abc import Collection, Iterator

import msgspec

from mcp_auth_bridge.clients.client import System
from mcp_auth_bridge.clients.entries import Entry
from mcp_auth_bridge.clients.entry_programs import BridgeStart
from mcp_auth_bridge.clients.start_environment import start_of, unexpanded

_REFERENCE = re.compile(r"(env|file|command|keyring):|.*\{", re.DOTALL)
"""The beginning of a value that refers to a secret: the bridge's own forms, or a client's variable."""

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|KEY$|API_?KEY|CREDENTIAL|AUTHORI[SZ]ATION|COOKIE", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(bearer|basic) .{8}|ey[\w-]{10,}\.|(sk|pk|ghp|gho|xox[abp]|glpat)[-_]\w{8}", re.IGNORECASE)
_SECRET_SETTING = re.compile(r"(\w*(?:token|secret|password|key|assertion))\s*=\s*(\"[^\"]*\"|'[^']*')")
_PLACEHOLDER = re.compile(
    r"<[^<>]+>|\.\.\.|…|.*\byour[-_ ]|change[-_]?me|todo|x{3,}|placeholder|replace[-_ ]", re.IGNORECASE
)
_VARIABLE = re.compile(r"\benv:([A-Za-z_]\w*)")
_LONGEST = 4096  # characters of settings that are looked at
_SHORTEST = 8  # characters of a secret: a shorter value is a number or a word


class Kind(enum.Enum):
    """The kinds of faults."""

    SECRET = "holds a secret in plain text"
    PLACEHOLDER = "holds a placeholder instead of a value"
    UNEXPANDED = "has a variable in a form that its client does not expand"
    LACKING = "needs a variable that its client does not pass on"


class Fault(msgspec.Struct, frozen=True):
    """One fault of an entry, with the name of the variable or header that has it."""

    kind: Kind
    name: str


def faults(entry: Entry, bridge: BridgeStart, system: System, needed: Collection[str]) -> Iterator[Fault]:
    """The faults of `entry`, which starts `bridge`.

    `needed` are the variables that the bridge reads apart from those on its command line.
    """
    for name, value in _named_values(entry, bridge):
        if _PLACEHOLDER.match(value):
            yield Fault(Kind.PLACEHOLDER, name)
        elif _is_secret(name, value):
            yield Fault(Kind.SECRET, name)
    start = start_of(entry, system)
    texts = (*start.argv, *(start.environ[name] for name in entry.env))
    for variable in dict.fromkeys(found for text in texts for found in unexpanded(text)):
        yield Fault(Kind.UNEXPANDED, variable)
    for variable in dict.fromkeys(() if entry.env_file else (*_variables(bridge), *needed)):
        if variable in system.environ and variable not in start.environ:
            yield Fault(Kind.LACKING, variable)


def _named_values(entry: Entry, bridge: BridgeStart) -> Iterator[tuple[str, str]]:
    """The values of an entry that may be secret, with their names."""
    yield from ((name, value.reveal()) for name, value in entry.env.items())
    for header in bridge.headers:
        name, _, value = header.partition(":")
        yield name.strip(), value.strip()
    for setting in _SECRET_SETTING.finditer((bridge.auth or "")[:_LONGEST]):
        yield setting[1], setting[2].strip("\"'")


def _is_secret(name: str, value: str) -> bool:
    if _REFERENCE.match(value) or len(value) < _SHORTEST or value.startswith(("/", "~")):
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.match(value))


def _variables(bridge: BridgeStart) -> Iterator[str]:
    """The variables that the command line of `bridge` names."""
    for text in (*bridge.headers, bridge.auth or ""):
        yield from _VARIABLE.findall(text)
