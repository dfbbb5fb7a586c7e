"""The configuration files of all known clients on this machine: read, and never changed."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from mcp_auth_bridge.clients.client import Client, ConfigFile, Place, System, locate
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
        most = _LARGEST_OF_PROJECT if file.place is Place.WORKSPACE else _LARGEST
        with whole.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        return UnreadFile(client, path, os_error_text(error), concerns=False)
    if len(content) > most:  # its beginning alone is not valid, which is not the user's fault
        return UnreadFile(client, path, f"it has more than {most // 1024 // 1024} MiB", concerns=False)
    return _parse(client, file, path, content, concerns=any(word.encode() in content for word in words))


def _parse(client: Client, file: ConfigFile, path: str, content: bytes, *, concerns: bool) -> list[Entry] | UnreadFile:
    """The entries in the `content` of a file, which `concerns` the bridge or the server if it names one of them."""
    try:
        return read_entries(client, file, path, content.decode())
    except UnicodeDecodeError:
        return UnreadFile(client, path, "it is not text in UTF-8", concerns)
    except ConfigError as error:
        return UnreadFile(client, path, error.message, concerns)
