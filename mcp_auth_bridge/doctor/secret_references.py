"""The checks of what the configuration refers to: variables that are not set, and headers and tokens to be read."""

import re
from collections.abc import Iterable, Iterator, Mapping

import anyio

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, sign_of, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, CredentialMissing
from mcp_auth_bridge.secret import (
    CommandOutput,
    EnvironmentVariable,
    FileContent,
    Literal,
    SecretRef,
    Template,
    describe,
)
from mcp_auth_bridge.stores.keys import COMMAND_ENVIRONMENT

_NAME = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
_PASS_IT = "it is set here, but the command does not get it: add pass_environment = [{}] to [servers.{}]"
_SET_IT = "set {} where mcp-auth-bridge is started, for example in the IDE's entry"


async def variables(evidence: Evidence) -> Finding:
    """The environment variables that are not set, so that a default is used."""
    if (bridge := evidence.subject.bridge) is None:
        return skip("no server is named")
    references = bridge.secrets.references()
    names = {part.name for value in references.values() for part in _variables(value)}
    if not names:
        return ok("no setting refers to one")
    if unset := dict(_unset(references, bridge.environ)):
        told = tuple(f"{name} is not set, so the default is used for {what}" for name, what in unset.items())
        signs = (sign(Symptom.VARIABLE_UNSET, variable=next(iter(unset))),)
        return warn(told[0], _SET_IT.format(" and ".join(unset)), *signs, details=told[1:])
    return ok(", ".join(sorted(names)))


def _unset(references: Mapping[str, SecretRef], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for what, value in references.items():
        for part in _variables(value):
            if part.default and not environ.get(part.name):
                yield part.name, what


def _variables(value: SecretRef) -> Iterable[EnvironmentVariable]:
    match value:
        case EnvironmentVariable():
            return (value,)
        case Template(parts=parts) | FileContent(path=Template(parts=parts)):
            return [part for part in parts if isinstance(part, EnvironmentVariable)]
    return ()


async def secrets(evidence: Evidence) -> Finding:
    """Whether each header and token can be read. Commands run, and keyrings are asked unless they are locked."""
    if (bridge := evidence.subject.bridge) is None:
        return skip("no server is named")
    references = {what: value for what, value in bridge.secrets.references().items() if not isinstance(value, Literal)}
    if not references:
        return ok("no setting refers to one")
    errors = await _errors(bridge, references)
    if errors:
        first, *others = (errors[what] for what in references if what in errors)
        if withheld := _withheld(first, bridge):
            first = CredentialMissing(first.message, _PASS_IT.format(", ".join(withheld), bridge.profile.name))
        details = tuple(error.message for error in others)
        return fail(first.message, first.hint, sign_of(Symptom.SECRET_MISSING, first), details=details)
    return ok(", ".join(f"{what} from {describe(value)}" for what, value in references.items()))


def _withheld(error: BridgeError, bridge: Bridge) -> list[str]:
    """The variables that the `error` of a command names, quoted for TOML: they are set, and the command lacks them."""
    passed = COMMAND_ENVIRONMENT | {name.upper() for name in bridge.profile.pass_environment}
    named = {word for word in _NAME.findall(error.message) if word in bridge.environ}
    commands = any(isinstance(value, CommandOutput) for value in bridge.secrets.references().values())
    return [f'"{name}"' for name in sorted(named - passed)] if commands and not bridge.profile.is_bare else []


async def _errors(bridge: Bridge, references: Mapping[str, SecretRef]) -> Mapping[str, BridgeError]:
    errors: dict[str, BridgeError] = {}

    async def read(what: str, value: SecretRef) -> None:
        try:
            await bridge.secrets.read_reference(value, what)
        except BridgeError as error:
            errors[what] = error

    async with anyio.create_task_group() as group:
        for what, value in references.items():
            group.start_soon(read, what, value)
    return errors
