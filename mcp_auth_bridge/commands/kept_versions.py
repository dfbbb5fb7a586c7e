"""The first versions of clients' files that the bridge has kept beside them, and whether they are needed any more."""

from contextlib import suppress
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.clients.client import ConfigFile
from mcp_auth_bridge.clients.entries import read_entries
from mcp_auth_bridge.clients.entry_form import Scope, Target
from mcp_auth_bridge.clients.entry_programs import BridgeStart, started
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.commands.uninstall import files_of
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.client_files import backup_of, read_file


class KeptVersion(msgspec.Struct, frozen=True):
    """A first version, at `copy`, of the client's file at `path`."""

    target: Target
    file: ConfigFile
    path: Path
    copy: Path

    def has_more(self) -> bool:
        """Whether it has another server that is not in the file now, as `--replace` and `--migrate` leave it."""
        try:
            return any(
                name not in self._servers(self.path)
                for name, argv in self._servers(self.copy).items()
                if not isinstance(started(argv), BridgeStart)
            )
        except ConfigError:
            return True

    def _servers(self, path: Path) -> dict[str, tuple[str, ...]]:
        """The words that start each server in the file at `path`, by name."""
        entries = read_entries(self.target.client, self.file, str(path), read_file(path).text)
        return {entry.name: entry.argv for entry in entries}


def kept_versions(context: Context) -> list[KeptVersion]:
    """The first versions of all files, each once."""
    found = dict[Path, KeptVersion]()
    for target, file, path in files_of([*TARGETS.values()], tuple(Scope), context):
        with suppress(ConfigError):  # it is reported with its entry
            copy = backup_of(read_file(path))
            if copy.exists():
                found.setdefault(copy, KeptVersion(target, file, path, copy))
    return [*found.values()]
