"""The configuration files of all known clients on this machine: read, and never changed."""

import sys
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from mcp_auth_bridge.clients.client import Client, ConfigFile, Format, Place, Platform, System, is_absolute, locate
from mcp_auth_bridge.clients.entries import Entry, read_entries
from mcp_auth_bridge.clients.known_clients import CLIENTS
from mcp_auth_bridge.errors import ConfigError, os_error_text, printable

_TIMEOUT = 3.0  # seconds: a home folder may be on a network
_LARGEST = 32 * 1024 * 1024  # bytes: Claude Code keeps histories in its file
_LARGEST_OF_PROJECT = 1024 * 1024  # bytes of a file that may be hostile


class UnreadFile(msgspec.Struct, frozen=True):
    """A file that exists and could not be read."""

    # The client that reads it.
    client: Client
    # Where it is.
    path: str
    # Why it was not read; it begins with the line, if one is at fault.
    reason: str
    # Whether its text names the bridge or the server.
    concerns: bool


class ClientFiles(msgspec.Struct, frozen=True):
    """All that the files say."""

    entries: tuple[Entry, ...] = ()
    unread: tuple[UnreadFile, ...] = ()
    # Whether every file was looked at in time.
    complete: bool = True


def this_system(environ: Mapping[str, str]) -> System:
    """The machine that this runs on, with the environment of the terminal."""
    known = {platform.value: platform for platform in Platform}
    platform = known.get(sys.platform, Platform.LINUX)
    home = environ.get("USERPROFILE" if platform is Platform.WINDOWS else "HOME", "")
    try:
        workspace = Path.cwd().as_posix()
    except OSError:
        workspace = ""
    return System(platform, Path(home).as_posix() if is_absolute(home) else "", workspace, environ)


async def read_client_files(system: System, words: Collection[str]) -> ClientFiles:
    """Read all files on `system`. One of `words` in a file that cannot be parsed means that it concerns the server."""
    with anyio.move_on_after(_TIMEOUT):
        return await anyio.to_thread.run_sync(partial(_read_all, system, words), abandon_on_cancel=True)
    return ClientFiles(complete=False)


def _read_all(system: System, words: Collection[str]) -> ClientFiles:
    found = [_read(client, file, path, words) for client in CLIENTS for path, file in _files(client, system).items()]
    entries = (each for entries in found if not isinstance(entries, UnreadFile) for each in entries)
    return ClientFiles(tuple(entries), tuple(each for each in found if isinstance(each, UnreadFile)))


def _files(client: Client, system: System) -> dict[str, ConfigFile]:
    """The files of `client` by path. In the home folder, a project's file may be the user's own."""
    files: dict[str, ConfigFile] = {}
    for file in client.files:
        for path in _existing(file, system):
            files.setdefault(path, file)
    return files


def _existing(file: ConfigFile, system: System) -> Iterator[str]:
    for path in locate(file, system):
        folder, _, name = path.rpartition("/")
        yield from sorted(map(str, Path(folder).glob(name))) if "*" in name else [str(Path(path))]


def _read(client: Client, file: ConfigFile, path: str, words: Collection[str]) -> list[Entry] | UnreadFile:
    whole, path = Path(path), printable(path)
    try:
        if not whole.is_file():
            return []  # a pipe would never end
        with whole.open("rb") as opened:
            content = opened.read(_LARGEST_OF_PROJECT if file.place is Place.WORKSPACE else _LARGEST)
    except OSError as error:
        return UnreadFile(client, path, os_error_text(error), concerns=False)
    concerns = any(word.encode() in content for word in words)
    if file.format is Format.YAML:
        return UnreadFile(client, path, "the bridge does not read YAML", concerns=False) if concerns else []
    try:
        return read_entries(client, file, path, content.decode())
    except UnicodeDecodeError:
        return UnreadFile(client, path, "it is not text in UTF-8", concerns)
    except ConfigError as error:
        return UnreadFile(client, path, error.message, concerns)
