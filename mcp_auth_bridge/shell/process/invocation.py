"""The command that starts this program again from any folder and with any PATH, for an IDE's configuration."""

import os
import re
import shutil
import sys
from pathlib import Path

_NAME = "mcp-auth-bridge"
_OF_UVX = re.compile(r"archive-v\d+")
"""The folder in uv's cache below which `uvx` keeps the programs that it runs, until the cache is cleaned."""


def invocation() -> tuple[str, ...]:
    """The words before the bridge's arguments. The first is a full path: an IDE that a dock starts has a short PATH."""
    if any(_OF_UVX.fullmatch(part) for part in Path(sys.prefix).parts):
        return (_uvx(), _NAME)
    begun = Path(sys.argv[0]).absolute() if sys.argv else Path()
    beside = Path(sys.executable).with_name(_NAME)  # for `python -m`
    for path in (begun, beside):
        if path.name == _NAME and (found := shutil.which(str(path))):
            return (found,)
    return (sys.executable, "-m", "mcp_auth_bridge")


def removal_command() -> str:
    """The command that removes the program itself, as far as its folder tells who has installed it."""
    parts = Path(sys.prefix).parts
    if any(_OF_UVX.fullmatch(part) for part in parts):
        return f"uv cache clean {_NAME}"
    for installer, folder in (("uv tool", "uv"), ("pipx", "pipx")):
        if folder in parts and _NAME in parts:
            return f"{installer} uninstall {_NAME}"
    return f"{sys.executable} -m pip uninstall {_NAME}"


def _uvx() -> str:
    beside = Path(os.environ.get("UV", "uv")).with_name("uvx")
    return (beside.is_absolute() and shutil.which(str(beside))) or shutil.which("uvx") or "uvx"
