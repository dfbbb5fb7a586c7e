"""The checks of what the configuration refers to: variables that are not set, and headers and tokens to be read."""

import re
from collections.abc import Iterator, Mapping

import anyio

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.secret import CommandOutput, Literal, SecretRef, describe, variables_in
from mcp_auth_bridge.stores.keys import COMMAND_ENVIRONMENT

_NAME = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
_PASS_IT = "it is set here, but the command does not get it: add pass_environment = [{}] to [servers.{}]"
_SET_IT = "set {} where mcp-auth-bridge is started, for example in the IDE's entry"


async def variables(evidence: Evidence) -> Finding:
    """The environment variables that are not set, so that a default is used."""
    if (bridge := evidence.subject.bridge) is None:
        return skip("no server is named")
    references = bridge.secrets.references()
    names = {part.name for value in references.values() for part in variables_in(value)}
    if not names:
        return ok("no setting refers to one")
    if unset := dict(_unset(references, bridge.environ)):
        told = tuple(f"{name} is not set, so the default is used for {what}" for name, what in unset.items())
        return warn(told[0], _SET_IT.format(" and ".join(unset)), *_signs(unset, bridge), details=told[1:])
    return ok(f"the settings refer to {', '.join(sorted(names))}")


def _signs(unset: Mapping[str, str], bridge: Bridge) -> Iterator[Sign]:
    """The signs of the variables `unset`, of which those of credentials weigh more."""
    yield sign(Symptom.VARIABLE_UNSET, variable=next(iter(unset)))
    credentials = auth_module.references(bridge.profile.auth)
    yield from (sign(Symptom.DEFAULT_CREDENTIAL, variable=name) for name, what in unset.items() if what in credentials)


def _unset(references: Mapping[str, SecretRef], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for what, value in references.items():
        for part in variables_in(value):
            if part.default and not environ.get(part.name):
                yield part.name, what


async def secrets(evidence: Evidence) -> Finding:
    """Whether each header and token can be read. Commands run, and keyrings are asked unless they are locked."""
    if (bridge := evidence.subject.bridge) is None:
        return skip("no server is named")
    references = {what: value for what, value in bridge.secrets.references().items() if not isinstance(value, Literal)}
    if not references:
        return ok("no setting refers to one")
    errors = await _errors(bridge, references)
    if failed := [what for what in references if what in errors]:
        first = errors[failed[0]]
        hint = _pass_hint(references[failed[0]], first, bridge) or first.hint
        details = tuple(errors[what].message for what in failed[1:])
        because = sign(Symptom.SECRET_MISSING, error=first.message, hint=hint)
        return fail(first.message, hint, because, details=details)
    return ok(", ".join(f"{what} from {describe(value)}" for what, value in references.items()))


def _pass_hint(value: SecretRef, error: BridgeError, bridge: Bridge) -> str:
    """The hint for the `error` of a command that names variables which are set, and which the command does not get."""
    if not isinstance(value, CommandOutput) or bridge.profile.is_bare:
        return ""
    passed = COMMAND_ENVIRONMENT | {name.upper() for name in bridge.profile.pass_environment}
    withheld = {name for name in _NAME.findall(error.message) if name in bridge.environ} - passed
    quoted = ", ".join(f'"{name}"' for name in sorted(withheld))
    return _PASS_IT.format(quoted, bridge.profile.name) if withheld else ""


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
