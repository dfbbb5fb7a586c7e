"""The command that starts this program again from any folder and with any PATH, for an IDE's configuration."""

import os
import re
import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

_NAME = "mcp-auth-bridge"
_OF_UVX = re.compile(r"archive-v\d+")
"""The folder in uv's cache below which `uvx` keeps the programs that it runs, until the cache is cleaned."""

_INSTALLERS = {"uv-receipt.toml": "uv tool", "pipx_metadata.json": "pipx"}
"""The file that an installer leaves in the environment of each tool (astral-sh/uv, issue 6931; pipx,
src/pipx/pipx_metadata_file.py)."""


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
    folder = Path(sys.prefix)
    if any(_OF_UVX.fullmatch(part) for part in folder.parts):
        return f"uv cache clean {_NAME}"
    for file, installer in _INSTALLERS.items():
        if (folder / file).exists():
            return f"{installer} uninstall {_NAME}"
    if find_spec("pip") is None:  # as in an environment that uv has made
        return shlex.join(["uv", "pip", "uninstall", "--python", sys.executable, _NAME])
    return shlex.join([sys.executable, "-m", "pip", "uninstall", _NAME])


def adding_command(extra: str) -> str:
    """The command that adds the packages of the `extra` of pyproject.toml to the environment of this program.

    It names the packages, not the extra: where this program came from, a clone or a wheel, is not known any more.
    """
    from importlib.metadata import requires  # only for a hint

    parts = (line.partition(";") for line in requires(_NAME) or ())
    packages = [package.strip() for package, _, marker in parts if f"extra == '{extra}'" in marker.replace('"', "'")]
    if (Path(sys.prefix) / "pipx_metadata.json").exists():
        return shlex.join(["pipx", "inject", _NAME, *packages])
    if find_spec("pip") is None:
        return shlex.join(["uv", "pip", "install", "--python", sys.executable, *packages])
    return shlex.join([sys.executable, "-m", "pip", "install", *packages])


def _uvx() -> str:
    beside = Path(os.environ.get("UV", "uv")).with_name("uvx")
    return (beside.is_absolute() and shutil.which(str(beside))) or shutil.which("uvx") or "uvx"
