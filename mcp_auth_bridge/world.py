"""What a command finds around it: folders, the configuration, the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mcp_auth_bridge.config import Config, SignsIn, Unwritten, load
from mcp_auth_bridge.shell.paths import Paths
from mcp_auth_bridge.store_settings import MemoryStore, StoreChoice


class World(msgspec.Struct, frozen=True):
    """What a command finds around it."""

    paths: Paths
    config: Config
    environ: Mapping[str, str]


def world(paths: Paths, config_file: Path | None, unwritten: Unwritten) -> World:
    return World(paths, load(config_file or paths.config, unwritten), os.environ)


def nobody(_: SignsIn) -> StoreChoice:
    """The store where no person is, and none is written down: a keyring might ask somebody."""
    return MemoryStore()
