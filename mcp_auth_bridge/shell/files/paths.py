"""The folders of the bridge: the user's folder for configuration, one for the data that the bridge keeps, one for logs.

`MCP_AUTH_BRIDGE_HOME` puts all below one folder.
"""

import os
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import ConfigError

HOME_VARIABLE = "MCP_AUTH_BRIDGE_HOME"


class Paths(msgspec.Struct, frozen=True):
    """`config` is a file; the others are folders that need not exist yet."""

    config: Path
    records: Path
    locks: Path
    memory: Path
    log: Path


def paths() -> Paths:
    """The paths of this user on this system. Raises `ConfigError` for a user without a home folder."""
    home = os.environ.get(HOME_VARIABLE)
    return paths_below(Path(home).absolute()) if home else usual_paths()


def usual_paths() -> Paths:
    """As `paths`, without the variable."""
    import platformdirs

    try:
        config = platformdirs.user_config_path("mcp-auth-bridge", appauthor=False)
        data = platformdirs.user_data_path("mcp-auth-bridge", appauthor=False)
        log = platformdirs.user_log_path("mcp-auth-bridge", appauthor=False)
    except RuntimeError:
        config = data = log = Path("~")
    if not config.is_absolute():  # older releases of platformdirs return this instead of raising
        raise ConfigError("this user has no home folder", f"set {HOME_VARIABLE} to a folder that is kept")
    return _paths(config, data, log)


def paths_below(folder: Path) -> Paths:
    """The paths of a bridge that keeps everything below `folder`."""
    return _paths(folder, folder, folder / "log")


def _paths(config: Path, data: Path, log: Path) -> Paths:
    return Paths(config / "config.toml", data / "records", data / "locks", data / "memory", log)


NOWHERE = paths_below(Path("/nonexistent"))
"""The paths of a user without a home folder. Debian gives this one to users without a home; nothing is there."""
