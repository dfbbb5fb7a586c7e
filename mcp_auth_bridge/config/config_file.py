"""The configuration file: TOML → `Config`, which finds the profile that a command line means.

A message names the file, the key and what was expected.

[store]                                  # optional: where the sealing key lives
kind = "keyring"

[servers.acme]
url = "https://mcp.acme.example/mcp"
headers = { "X-Acme-Org" = "42", "X-Api-Key" = "env:ACME_KEY" }
auth = { kind = "browser", scopes = ["read"] }
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.config import headers as headers_module
from mcp_auth_bridge.config import store as store_module
from mcp_auth_bridge.config import toml
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.profile import Profile, ServerChoice, SignsIn, server_url, with_headers
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.config.store import KeyringStoreSettings, StoreSettings
from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, quoted, reason
from mcp_auth_bridge.urls import Purpose, with_scheme

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEYS = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

_KEYRING = KeyringStoreSettings()


class _ServerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    auth: dict[str, Any] = {}
    headers: dict[str, str] = {}
    allow_http: bool = False
    browser_command: tuple[str, ...] | str = ()
    pass_environment: tuple[str, ...] = ()
    login: SignsIn = "auto"
    network: NetworkSettings = NetworkSettings()
    relay: RelaySettings = RelaySettings()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # The tables in it are converted one by one, so that a message can name theirs, and a mistake costs one server.
    store: dict[str, Any] | None = None
    servers: dict[str, Any] = {}


class BrokenProfile(msgspec.Struct, frozen=True):
    """A server whose table is wrong: `error` says where. `url` is what stands there as its URL, "" for nothing."""

    url: str
    error: ConfigError


class Config(msgspec.Struct, frozen=True):
    """The whole file. `path` is where it was read from or would be. A server that is `broken` stops no other."""

    path: Path
    store: StoreSettings = KeyringStoreSettings()
    profiles: Mapping[str, Profile] = {}
    broken: Mapping[str, BrokenProfile] = {}

    def choose(self, choice: ServerChoice) -> Profile:
        """The profile that a command line means. Raises `ConfigError`."""
        own = self.profile(choice.target, Purpose.PLAIN_SERVER if choice.allow_http else Purpose.SERVER)
        network = msgspec.structs.replace(own.network, ipv4_only=choice.ipv4 or own.network.ipv4_only)
        profile = msgspec.structs.replace(own, network=network)
        if choice.auth is not None:
            profile = _with_auth(profile, choice.auth)
        extra = headers_module.on_the_command_line(choice.headers, "--header")
        where = "--header" if choice.auth is None else "--auth"
        return with_headers(profile, headers_module.merged(own.headers, extra), where)

    def profile(self, target: str, purpose: Purpose = Purpose.SERVER) -> Profile:
        """The profile named `target`, or one made of a bare URL for that `purpose`. Raises `ConfigError`."""
        if target in self.profiles:
            return self.profiles[target]
        if target in self.broken:
            raise self.broken[target].error
        if "://" not in target:
            self._check_variant(target)
            raise ConfigError(f"there is no server named {quoted(target)} in {self.path}", self._meant(target))
        url = server_url(target, "the URL on the command line", Purpose.PLAIN_SERVER)
        match [known for known in self.profiles.values() if known.url == url]:
            case [known]:
                return known
            case [_, *_] as several:
                names = ", ".join(known.name for known in several)
                raise ConfigError(
                    f"{self.path} has several servers with this URL: {names}",
                    "say which by its name: each has a login of its own",
                )
        for broken in self.broken.values():
            if broken.url in (target, str(url)):
                raise broken.error  # without what its table says, this would be another login
        url = server_url(target, "the URL on the command line", purpose)
        return Profile(name=str(url), url=url, store=self.store)

    def _meant(self, target: str) -> str:
        """What to write in place of `target`, which names nothing."""
        names = sorted({*self.profiles, *self.broken})
        if meant := nearest(target, names) or with_scheme(target):
            return f"did you mean {meant}?"
        return f"the servers there: {', '.join(names) or 'none yet'}; a URL starts with https://"

    def _check_variant(self, target: str) -> None:
        """Raise `ConfigError` for a `Profile.key`, as `status` shows it: its settings cannot be seen in it."""
        name, mark, _ = target.partition("~")
        if mark and name in self.profiles:
            hint = f"give {name} and the same --auth again; `logout --all` ends every login"
            raise ConfigError(f"{quoted(target)} is a login that was made with --auth", hint)


def _with_auth(profile: Profile, auth_argument: str) -> Profile:
    auth = auth_module.convert_argument(_inside(auth_argument))
    if auth == profile.auth:
        return profile
    return msgspec.structs.replace(profile, auth=auth, auth_argument=auth_argument, variant=auth_module.digest(auth))


def _inside(text: str) -> dict[str, Any]:
    """The table of which `text`, from the command line, is the inside. Any: TOML. Raises `ConfigError`."""
    try:
        document = toml.parse(f"auth = {{ {text} }}", "--auth") if text.isprintable() else {}
    except ConfigError:
        document = {}  # the error's own words would point into a line that nobody wrote
    if [*document] != ["auth"]:
        hint = f"write it as {auth_module.AUTH_FORM}"
        raise ConfigError("--auth is not what stands between the braces of a table in TOML", hint)
    return dict(document["auth"])


def load(path: Path, unwritten: StoreSettings = _KEYRING) -> Config:
    """Read the configuration, with the store `unwritten` if it names none; a missing file is an empty one. Raises
    `ConfigError`.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return Config(path, unwritten)
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}", "check the file's owner and mode") from None
    return parse(text, path, unwritten)


def parse(text: str, path: Path, unwritten: StoreSettings = _KEYRING) -> Config:
    """The configuration in `text`, which came from `path`. Raises `ConfigError` for what concerns every server."""
    document = toml.parse(text, str(path))
    try:
        file = toml.convert(document, _File, str(path), "")
        store = unwritten if file.store is None else _store(file.store, path)
    except ConfigError as error:
        raise _with_line(error, text, path, ()) from None
    profiles: dict[str, Profile] = {}
    broken: dict[str, BrokenProfile] = {}
    for name, table in file.servers.items():
        try:
            profiles[name] = _profile(name, table, path, store)
        except ConfigError as error:
            broken[name] = BrokenProfile(_written_url(table), _with_line(error, text, path, ("servers", name)))
    return Config(path, store, profiles, broken)


def _written_url(table: Any) -> str:
    url = table.get("url") if isinstance(table, dict) else None
    return url if isinstance(url, str) else ""


def _with_line(error: ConfigError, text: str, path: Path, table: Sequence[str]) -> ConfigError:
    """`error` with the line that it is about: its message begins with the file, then the keys below `table`."""
    said = error.message.removeprefix(f"{path}: ")
    below = _KEYS.match(said.removeprefix(".".join(table)))
    keys = [*table, *(below[0].strip(".").split(".") if below and below[0] else ())]
    lines = (toml.find_line(text, keys[:count]) for count in range(len(keys), 0, -1))
    line = next(filter(None, lines), None)
    return error if line is None else ConfigError(f"{path}, line {line}: {said}", error.hint)


def _store(table: dict[str, Any], path: Path) -> StoreSettings:
    store: StoreSettings = toml.convert(table, StoreSettings, str(path), "store")  # type: ignore[arg-type]  # a union
    store_module.check(store, f"{path}: store")
    return store


def _profile(name: str, table: Any, path: Path, store: StoreSettings) -> Profile:
    where = f"servers.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{path}: {quoted(name)} is not a server name", "use letters, digits, '.', '_' and '-'")
    server = toml.convert(table, _ServerTable, str(path), where)
    allowed = Purpose.PLAIN_SERVER if server.allow_http else Purpose.SERVER
    profile = Profile(
        name=name,
        url=server_url(server.url, f"{path}: {where}.url", allowed),
        auth=auth_module.convert(server.auth, str(path), f"{where}.auth"),
        store=store,
        browser_command=toml.split_arguments(server.browser_command, f"{path}: {where}.browser_command"),
        pass_environment=server.pass_environment,
        login=server.login,
        network=server.network,
        relay=server.relay,
    )
    place = f"{path}: {where}.headers"
    return with_headers(profile, headers_module.parse(server.headers, place), place)
