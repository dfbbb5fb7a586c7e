"""What a command finds around it: folders, the configuration, the environment."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.config_file import Config, load
from mcp_auth_bridge.config.store import StoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.paths import Paths


class Context(msgspec.Struct, frozen=True):
    """What a command finds around it."""

    paths: Paths
    config: Config
    environ: Mapping[str, str]

    def store_access(self) -> StoreAccess:
        """The store of the whole configuration."""
        return StoreAccess(self.config.store, self.paths, config=self.config.path)


def context(paths: Paths, config_file: Path | None, unwritten: StoreSettings) -> Context:
    """With the configuration in `config_file`, None for the user's own; `unwritten` is the store if it names none.

    Raises `ConfigError`: one that somebody named has to be there, or a bridge would start with other settings.
    """
    if config_file is not None:
        _check_there(config_file)
    return Context(paths, load(config_file or paths.config, unwritten), os.environ)


def _check_there(path: Path) -> None:
    with contextlib.suppress(PermissionError):  # `load` says so
        if not path.exists():
            raise ConfigError(f"--config: there is no {path.absolute()}", "correct the path, or leave --config out")
