"""The context of a command: folders, the configuration, the environment."""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.config_file import Config, load
from mcp_auth_bridge.config.store import MemoryStoreSettings, StoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.paths import NOWHERE, Paths


class Context(msgspec.Struct, frozen=True):
    """The folders, the configuration and the environment, which every command gets."""

    paths: Paths
    config: Config
    environ: Mapping[str, str]
    error: ConfigError | None = None
    """Why the configuration cannot be used. Only `doctor` goes on without one."""

    def store_access(self) -> StoreAccess:
        """Access to the store of the configuration."""
        return StoreAccess(self.config.store, self.paths, config=self.config.path)


def load_context(paths: Paths, config_file: Path | None, default_store: StoreSettings) -> Context:
    """The context with the configuration in `config_file`, None for the user's own.

    `default_store` is the store of a configuration that names none. Raises `ConfigError`, also where `config_file` does
    not exist: otherwise the bridge would start with other settings than the command line says.
    """
    if config_file is not None:
        _check_exists(config_file)
    return Context(paths, load(config_file or paths.config, default_store), os.environ)


def load_context_or_default(
    find_paths: Callable[[], Paths], config_file: Path | None, default_store: StoreSettings
) -> Context:
    """As `load_context`; if that fails, the context with an empty configuration and the error.

    `find_paths` may raise `ConfigError` too. Then the folders are `NOWHERE`, and the store is memory.
    """
    try:
        found = find_paths()
    except ConfigError as homeless:
        return Context(NOWHERE, Config(NOWHERE.config, MemoryStoreSettings()), os.environ, homeless)
    try:
        return load_context(found, config_file, default_store)
    except ConfigError as error:
        return Context(found, Config(config_file or found.config, default_store), os.environ, error)


def _check_exists(path: Path) -> None:
    with contextlib.suppress(PermissionError):  # `load` reports it
        if not path.exists():
            raise ConfigError(f"--config: there is no {path.absolute()}", "correct the path, or leave --config out")
