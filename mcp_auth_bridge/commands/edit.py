"""`mcp-auth-bridge edit`: open the configuration file in the user's editor, and check it after the editor closes.

The user's text stays as they wrote it, right or wrong.
"""

import re

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands.config_change import read_config
from mcp_auth_bridge.config import toml
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.user_file import make_folders, read_user_file, replace_user_file
from mcp_auth_bridge.shell.process.editor import editor_command, open_editor


class Input(msgspec.Struct, frozen=True):
    """`name` is the server to begin at, None for the beginning of the file."""

    name: str | None = None


async def run(given: Input, context: Context) -> int:
    path = context.config.path
    editor = editor_command(context.environ)
    before = read_user_file(path)
    line = 1 if given.name is None else _line_of(given.name, context)
    if before.data is None:
        make_folders(path, 0o700)
        replace_user_file(before, "")
    while True:
        open_editor(editor, path, line)
        mistakes = _mistakes(context)
        if not mistakes:
            break
        for error in mistakes:
            terminal.report_error(error)
        line = _line_in(mistakes[0]) or line
        if not await _wants_again(line):
            raise ConfigError(f"{path} has a mistake, and stays as you wrote it", "run: mcp-auth-bridge edit")
    changed = read_user_file(path).data != before.data
    terminal.say(f"{path} is in order" if changed else f"{path} is in order, and has not changed")
    return 0


def _line_of(name: str, context: Context) -> int:
    """The line of the server `name`. Raises `ConfigError` if the file is in order and has no such server."""
    text = read_user_file(context.config.path).unmarked
    try:
        config = read_config(context)[1]
    except ConfigError as error:
        return _line_in(error) or 1
    if name not in {*config.profiles, *config.broken}:
        config.profile(name)  # raises the error for an unknown name
        raise ConfigError(f"{quoted(name)} is not the name of a server", "give the name that `list` shows")
    return toml.find_line(text, ("servers", name)) or 1


def _mistakes(context: Context) -> list[ConfigError]:
    try:
        return [broken.error for broken in read_config(context)[1].broken.values()]
    except ConfigError as error:
        return [error]


def _line_in(error: ConfigError) -> int | None:
    """The line that `error` names."""
    found = re.search(r"\bline (\d+)", error.message)
    return int(found[1]) if found else None


async def _wants_again(line: int) -> bool:
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        return False
    terminal.say(f"open it again at line {line}? press Enter for yes, or type n")
    typed = await read_typed_line()
    return typed != "" and typed.strip().lower() in ("", "y", "yes")
