"""The passphrase of an exported login. It comes from a terminal, a reference or stdin, and never from argv."""

from collections.abc import Mapping

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Literal, Secret, Template, parse_reference
from mcp_auth_bridge.shell.console import hidden_prompt, terminal
from mcp_auth_bridge.shell.files.secret_backends import secret_sources

STDIN = "-"

_LEAST = 12
"""Characters. A thief can try passphrases on the file without limit, ten a second for each core."""

_FORMS = "write env:NAME, file:PATH, command:PROGRAM or keyring:NAME, or - for stdin"
_GIVE_ONE = "give it with --passphrase env:NAME or --passphrase file:PATH"


async def choose_passphrase(given: str, environ: Mapping[str, str]) -> Secret:
    """A new passphrase: the one that `given` names, or if that is "", one that the user types twice.

    Raises `BridgeError`.
    """
    secret = await _read_given(given, environ) if given else _ask_twice()
    if len(secret.reveal()) < _LEAST:
        raise ConfigError(
            f"the passphrase has fewer than {_LEAST} characters",
            "use four words, or the output of: openssl rand -base64 18",
        )
    return secret


async def read_passphrase(given: str, environ: Mapping[str, str]) -> Secret:
    """The passphrase of an existing file, from the same places. Raises `BridgeError`."""
    return await _read_given(given, environ) if given else _ask("passphrase of the exported login")


async def _read_given(text: str, environ: Mapping[str, str]) -> Secret:
    if text == STDIN:
        secret = Secret((await terminal.read_stdin()).decode(errors="surrogateescape").rstrip("\r\n"))
    else:
        named = parse_reference(text, "--passphrase")
        if isinstance(named, Literal | Template):
            raise ConfigError(
                "--passphrase does not take the passphrase itself: every user of this machine can read command lines",
                _FORMS,
            )
        secret = await secret_sources(environ, ()).read(named, "the passphrase")
    if not secret:
        raise ConfigError("the passphrase is empty", _FORMS)
    return secret


def _ask_twice() -> Secret:
    secret = _ask("new passphrase for the exported login")
    if secret != _ask("the same once more"):
        raise ConfigError("the two passphrases differ", "run it again")
    return secret


def _ask(question: str) -> Secret:
    secret = hidden_prompt.ask_secret(question)
    if secret is None:
        raise ConfigError("a passphrase is needed, and there is no terminal to ask for it", _GIVE_ONE)
    return secret
