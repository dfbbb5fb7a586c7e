"""The clients that `install` and `uninstall` mean, and the words in which their files are shown."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from mcp_auth_bridge.clients.client import System, locate
from mcp_auth_bridge.clients.entry_form import Scope, Target
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, copyable_url, printable, quoted
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.view import Table, Tone, words

EVERY_NAME = f"choose one of {', '.join(TARGETS)}; another client takes the entry that login prints"


def target_named(name: str, command: str) -> Target:
    """The client of that name, for the bridge's `command`. Raises `ConfigError`."""
    if (target := TARGETS.get(name.lower())) is not None:
        return target
    if "://" in name:
        example = f"mcp-auth-bridge {command} kiro {copyable_url(name)}"
        raise ConfigError(
            f"{quoted(name)} is a server, and the name of a client comes before it",
            f"for example: {example}; or {EVERY_NAME}",
        )
    meant = nearest(name.lower(), TARGETS)
    raise ConfigError(
        f"{quoted(name)} is not a client that the bridge knows{f'; did you mean {meant}?' if meant else ''}",
        EVERY_NAME,
    )


def found_targets(system: System) -> list[Target]:
    """The clients that have been here: the folder of a file of theirs exists."""
    return [target for target in TARGETS.values() if any(map(_is_used, paths_of(target, Scope.USER, system)))]


def paths_of(target: Target, scope: Scope, system: System) -> list[Path]:
    """The paths of the files of `target` for `scope` on `system`."""
    return [Path(path) for file in target.files(scope) for path in locate(file, system)]


def _is_used(path: Path) -> bool:
    """Whether the file exists, or else a folder that only its client makes."""
    return path.exists() or (path.parent != Path.home() and path.parent.is_dir())


class ListedClient(msgspec.Struct, frozen=True):
    """One client, as `install --json` prints it."""

    # The word for it on the command line.
    client: str
    # Its name.
    name: str
    # The files of the user that it reads; the first is the one that `install` writes.
    files: tuple[str, ...]


def listed(targets: Iterable[Target], system: System) -> list[ListedClient]:
    """The clients `targets` with their files."""
    return [
        ListedClient(target.key, target.client.name, tuple(map(str, paths_of(target, Scope.USER, system))))
        for target in targets
    ]


def show_targets(targets: Iterable[Target], system: System) -> None:
    """Print the clients `targets` with their files."""
    rows = listed(targets, system)
    if not rows:
        return
    width = max(len(row.client) for row in rows)
    texts = [f"{row.client:{width}}  {row.name}  {''.join(row.files[:1])}".rstrip() for row in rows]
    cells = [(words(row.client, Tone.STRONG), words(row.name), words("".join(row.files[:1]))) for row in rows]
    terminal.print_view([Table(("client", "name", "file"), tuple(cells))], "\n".join(texts))


def shown(path: Path) -> str:
    """`path` for the user."""
    return printable(str(path))
