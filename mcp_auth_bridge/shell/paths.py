"""Where everything lives: one folder of the user's for the configuration, one for what the bridge keeps.

`MCP_AUTH_BRIDGE_HOME` puts both below one folder.
"""

import os
from pathlib import Path

import msgspec

HOME_VARIABLE = "MCP_AUTH_BRIDGE_HOME"


class Paths(msgspec.Struct, frozen=True):
    """`config` is a file; the others are folders that need not exist yet."""

    config: Path
    records: Path
    locks: Path
    memory: Path


def paths() -> Paths:
    """The paths of this user on this system."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return _below(Path(home).absolute(), Path(home).absolute())
    import platformdirs

    return _below(
        platformdirs.user_config_path("mcp-auth-bridge", appauthor=False),
        platformdirs.user_data_path("mcp-auth-bridge", appauthor=False),
    )


def _below(config: Path, data: Path) -> Paths:
    return Paths(config / "config.toml", data / "records", data / "locks", data / "memory")
