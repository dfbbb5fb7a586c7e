"""The entries of all clients, sorted by the server that they are about."""

import difflib
import enum
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.clients.entries import Entry
from mcp_auth_bridge.clients.entry_programs import BridgeStart, OtherBridge, started
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.profile import Profile, ServerChoice, parse_server_url
from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, printable, quoted
from mcp_auth_bridge.urls import Purpose, Url

_LIKE = 0.85
"""How similar two host names are that may be meant for one (difflib's ratio): `mcp.acme.io` and `mpc.acme.io`."""

_LONGEST = 256  # characters of a name that is compared


class Subject(enum.Enum):
    """The server that an entry is about."""

    SAME = "this server"
    ALIKE = "a server that may be meant for this one"
    OTHER = "another server"


class OwnEntry(msgspec.Struct, frozen=True):
    """An entry that starts this bridge."""

    # The entry, as it stands in the file.
    entry: Entry
    # The command line of the bridge in it.
    begin: BridgeStart
    # The server that it is about.
    subject: Subject
    # The name or URL of a server that is not the same.
    other: str = ""
    # Whether it uses the login that was looked at: the same configuration and the same `--auth`.
    same_login: bool = True


class ClientEntries(msgspec.Struct, frozen=True):
    """The entries that concern one server."""

    # Those that start this bridge for this server.
    same: tuple[OwnEntry, ...] = ()
    # Those that start this bridge for a server that may be meant for this one.
    alike: tuple[OwnEntry, ...] = ()
    # How clients reach this server without this bridge, as sentences.
    without: tuple[str, ...] = ()


def sort_entries(entries: Iterable[Entry], bridge: Bridge, context: Context) -> ClientEntries:
    """Sort `entries` by the server that `bridge` is for. `context` has the configuration that the names come from."""
    own: dict[Subject, list[OwnEntry]] = {subject: [] for subject in Subject}
    without: list[str] = []
    for entry in entries:
        match started(entry.argv):
            case BridgeStart() as begin:
                found = _own_entry(entry, begin, bridge.profile, context)
                own[found.subject].append(found)
            case OtherBridge(program=program, url=url) if _is_url_of(url, bridge.profile.url):
                without.append(f"{entry.client.name} uses {program} for this server: {where(entry)}")
            case None if entry.url and _is_url_of(entry.url, bridge.profile.url):
                without.append(f"{entry.client.name} reaches this server by itself: {where(entry)}")
    return ClientEntries(tuple(own[Subject.SAME]), tuple(own[Subject.ALIKE]), tuple(dict.fromkeys(without)))


def where(entry: Entry) -> str:
    """The name and the file of `entry`, for the user."""
    return f"{quoted(entry.name, 60)} in {printable(entry.path)}"


def _own_entry(entry: Entry, begin: BridgeStart, profile: Profile, context: Context) -> OwnEntry:
    config = _config_of(begin, context)
    target = begin.target or begin.verb
    try:
        meant = config.choose(ServerChoice(target, auth=begin.auth, allow_http=True))
    except ConfigError:
        names = [profile.name, short_name(profile.url)]
        like = nearest(target, names) if 0 < len(target) < _LONGEST else ""
        subject = Subject.SAME if target in names else Subject.ALIKE if like else Subject.OTHER
        return OwnEntry(entry, begin, subject, target, same_login=False)
    if meant.name == profile.name:
        return OwnEntry(entry, begin, Subject.SAME, same_login=meant.key == profile.key and config is context.config)
    # A server with a name of its own is there on purpose.
    alike = meant.is_bare and _is_like(meant.url, profile.url)
    return OwnEntry(entry, begin, Subject.ALIKE if alike else Subject.OTHER, meant.url.resource, same_login=False)


def _config_of(begin: BridgeStart, context: Context) -> Config:
    """The configuration that the entry names; if it cannot be read, an empty one: the entry's start will show that."""
    path = Path(begin.config) if begin.config else context.config.path
    if path == context.config.path.absolute() or not begin.config:
        return context.config
    try:
        return config_file.load(path)
    except ConfigError:
        return Config(path)


def _is_like(one: Url, other: Url) -> bool:
    """Whether only the path or the query differs, or a few letters of the host."""
    if one.authority == other.authority:
        return True
    likeness = difflib.SequenceMatcher(None, one.authority, other.authority).ratio()
    return one.path == other.path and not one.is_loopback and likeness >= _LIKE


def _is_url_of(text: str, url: Url) -> bool:
    try:
        found = parse_server_url(text, "an entry", Purpose.PLAIN_SERVER)
    except ConfigError:
        return False
    return str(found).rstrip("/") == str(url).rstrip("/")
