"""`mcp-auth-bridge secret`: store a secret in the OS keyring, for `keyring:NAME` in the configuration.

The user types it, or it comes from stdin.
"""

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.errors import ConfigError, shell_quoted
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import hidden_prompt, terminal
from mcp_auth_bridge.shell.files.kept_secrets import KeptSecrets
from mcp_auth_bridge.shell.files.secret_backends import put_in_keyring


class Input(msgspec.Struct, frozen=True):
    name: str


async def run(given: Input, context: Context) -> int:
    secret = hidden_prompt.ask_secret(f"the secret for keyring:{given.name}")
    if secret is None:
        secret = Secret((await terminal.read_stdin()).decode(errors="replace").rstrip("\r\n"))
    if not secret:
        raise ConfigError(
            "there is no secret on stdin", f"type it, or run: mcp-auth-bridge secret {shell_quoted(given.name)} < FILE"
        )
    await put_in_keyring(given.name, secret)
    KeptSecrets(context.paths).add(given.name)
    terminal.say(f"stored in the OS keyring; write keyring:{given.name} in the configuration")
    return 0
