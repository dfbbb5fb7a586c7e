"""The sources of secrets: reads a reference at the moment of use. No message ever holds a part of a secret."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from mcp_auth_bridge.errors import BridgeError, CredentialMissing, os_error_text, quoted, shell_quoted
from mcp_auth_bridge.secret import (
    CommandOutput,
    EnvironmentVariable,
    FileContent,
    KeyringEntry,
    Literal,
    Secret,
    SecretRef,
    Template,
)
from mcp_auth_bridge.stores.file_io import read_all

LIMIT = 64 * 1024
"""Bytes of a file or of a command's output: a larger secret is a mistake."""

_PAUSES = (0.05, 0.15, 0.3)
"""Seconds between attempts to read a file that is missing or empty: another program may be replacing it."""

_CORRECT_FILE = "correct file:PATH, or the file's owner and mode"
_RUN_IT = "run it in a terminal to see what it prints (it gets no stdin and only the variables in pass_environment)"


K = TypeVar("K")
V = TypeVar("V")


class SecretSources(msgspec.Struct, frozen=True):
    """The shell's services for reading secrets."""

    environ: Mapping[str, str]
    # Runs a command and returns its output, unchanged.
    run: Callable[[Sequence[str]], Awaitable[bytes]]
    # Reads an entry of the OS keyring, None if there is no such entry.
    entry: Callable[[str], Awaitable[str | None]]
    # `asyncio.sleep`.
    sleep: Callable[[float], Awaitable[None]]

    async def read(self, reference: SecretRef, what: str) -> Secret:
        """The text that `reference` names, without its last line ends.

        Raises `CredentialMissing`, which says `what` the text is: "the token of acme".
        """
        match reference:
            case Literal(value=value):
                return Secret(value)
            case EnvironmentVariable() | Template():
                return Secret(expanded(reference, self.environ, what))
            case FileContent(path=path):
                return Secret(await self._read_file(path, what))
            case CommandOutput(argv=argv):
                return Secret(await self._run(argv, what))
            case KeyringEntry(name=name):
                return Secret(await self._read_entry(name, what))

    async def _read_file(self, path: Template, what: str) -> str:
        place = place_of(path, self.environ, what)
        text = _text(place, what)
        for pause in () if text else _PAUSES:
            await self.sleep(pause)
            if text := _text(place, what):
                break
        if not text:
            problem = "cannot be read: no such file" if text is None else "is empty"
            raise CredentialMissing(f"{what} should come from {place}, which {problem}", _CORRECT_FILE)
        return text

    async def _run(self, argv: Sequence[str], what: str) -> str:
        try:
            output = await self.run(argv)
        except BridgeError as error:
            raise CredentialMissing(f"{what} cannot be read: {error.message}", error.hint) from None
        program = f"{what} cannot be read: the command {quoted(argv[0])}"
        if not output.isascii():
            raise CredentialMissing(f"{program} printed characters outside ASCII", _RUN_IT)
        if not (text := output.decode("ascii").rstrip("\r\n")):
            raise CredentialMissing(f"{program} printed nothing", _RUN_IT)
        return text

    async def _read_entry(self, name: str, what: str) -> str:
        try:
            text = await self.entry(name)
        except BridgeError as error:
            raise CredentialMissing(
                f"{what} cannot be read: {error.message}", "unlock the keyring, or write file:PATH"
            ) from None
        if not text:
            hint = f"put it there with: mcp-auth-bridge secret {shell_quoted(name)}"
            raise CredentialMissing(
                f"{what} should come from the entry {quoted(name)} of the OS keyring, which is not there", hint
            )
        return text


def once(function: Callable[[K], Awaitable[V]]) -> Callable[[K], Awaitable[V]]:
    """`function`, called once for each argument: every later caller gets the same result or error, or waits for it."""
    calls: dict[K, asyncio.Future[V]] = {}

    async def call(argument: K) -> V:
        if argument not in calls:
            calls[argument] = asyncio.ensure_future(function(argument))
        return await asyncio.shield(calls[argument])

    return call


def expanded(template: EnvironmentVariable | Template, environ: Mapping[str, str], what: str) -> str:
    """The text of `template`, for `what`. Raises `CredentialMissing` for a variable that is not set."""
    parts = template.parts if isinstance(template, Template) else (template,)
    return "".join(part if isinstance(part, str) else _variable(part, environ, what) for part in parts)


def _variable(variable: EnvironmentVariable, environ: Mapping[str, str], what: str) -> str:
    """The value of a variable. As in a shell, an empty one counts as not set."""
    if value := environ.get(variable.name) or variable.default:
        return value
    if variable.default is not None:
        return ""
    state = "empty" if variable.name in environ else "not set"
    raise CredentialMissing(
        f"{what} should come from the environment variable {variable.name}, which is {state}",
        "set it where mcp-auth-bridge is started, for example in the IDE's entry, or write file:PATH",
    )


def place_of(path: Template, environ: Mapping[str, str], what: str) -> str:
    """The path of the file that holds `what`. `~` is expanded, because people write it outside shells too."""
    return os.path.expanduser(expanded(path, environ, f"the path of {what}"))  # noqa: PTH111 - a string before and after


def _text(place: str, what: str) -> str | None:
    """The text in the file, None if there is no file. Raises `CredentialMissing` if waiting would not help."""
    try:
        data = _contents_of(place)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read: {os_error_text(error)}"
    else:
        if len(data) > LIMIT:
            problem = f"holds more than {LIMIT // 1024} KiB"
        else:
            try:
                return data.decode().rstrip("\r\n")
            except UnicodeDecodeError:
                problem = "is not text in UTF-8"
    raise CredentialMissing(f"{what} should come from {place}, which {problem}", _CORRECT_FILE)


def _contents_of(place: str) -> bytes:
    """The contents, up to one byte more than the limit. Refuses a FIFO or a terminal, which would block the loop."""
    descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        return read_all(descriptor, LIMIT + 1)
    finally:
        os.close(descriptor)
