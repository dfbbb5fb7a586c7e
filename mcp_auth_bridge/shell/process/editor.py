"""The user's editor, started without a shell in the user's terminal."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from mcp_auth_bridge.errors import ConfigError, os_error_text, quoted

_FALLBACKS = ("notepad",) if sys.platform == "win32" else ("sensible-editor", "nano", "vim", "vi")
_PLUS = frozenset(["vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "kak", "micro", "joe", "ne"])
"""Editors that take the line as `+LINE` before the file."""
_COLON = frozenset(["hx", "helix", "subl", "zed", "zeditor"])
"""Editors that take it as `FILE:LINE`."""
_GOTO = frozenset(["code", "code-insiders", "codium", "cursor", "windsurf", "kiro"])
"""Editors that take it as `--goto FILE:LINE` (VS Code and its descendants)."""


def editor_command(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The editor of $VISUAL or $EDITOR, else one that is installed, as an argument vector. Raises `ConfigError`."""
    for name in ("VISUAL", "EDITOR"):
        if text := environ.get(name, "").strip():
            return _words(text, name)
    found = next((path for program in _FALLBACKS if (path := shutil.which(program))), None)
    if found is None:
        raise ConfigError("no editor is known here", "set the variable EDITOR to the command of your editor")
    return (found,)


def _words(text: str, name: str) -> tuple[str, ...]:
    if Path(text).is_file():
        return (text,)  # a path with blanks, without quotation marks
    try:
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError:
        words = []
    if not words:
        raise ConfigError(f"the variable {name} is not a command", "write it as a program and its arguments")
    return tuple(word.strip('"') if os.name == "nt" else word for word in words)


def arguments_for(editor: tuple[str, ...], path: Path, line: int) -> tuple[str, ...]:
    """The argument vector that opens `path` at `line`, from 1, if the editor is known to take a line."""
    program = Path(editor[0].replace("\\", "/")).name.lower().removesuffix(".exe").removesuffix(".cmd")
    if line > 1 and program in _PLUS:
        return (*editor, f"+{line}", str(path))
    if line > 1 and program in _COLON:
        return (*editor, f"{path}:{line}")
    if line > 1 and program in _GOTO:
        return (*editor, "--goto", f"{path}:{line}")
    return (*editor, str(path))


def open_editor(editor: tuple[str, ...], path: Path, line: int) -> None:
    """Open `path` at `line` and wait until the editor ends. Raises `ConfigError` if it cannot be run.

    Meanwhile Ctrl-C belongs to the editor.
    """
    command = list(arguments_for(editor, path, line))
    # A handler that does nothing, rather than SIG_IGN: a new program would inherit that.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        program = shutil.which(command[0]) or command[0]  # on Windows it may be a .cmd
        status = subprocess.run([program, *command[1:]], check=False).returncode  # noqa: S603 - the user's own editor
    except OSError as error:
        hint = "set the variable EDITOR to the command of your editor"
        raise ConfigError(f"the editor {quoted(editor[0])} cannot be run: {os_error_text(error)}", hint) from None
    finally:
        signal.signal(signal.SIGINT, before)
    if status != 0:
        raise ConfigError(f"the editor {quoted(editor[0])} ended with status {status}", f"look at {path}")
