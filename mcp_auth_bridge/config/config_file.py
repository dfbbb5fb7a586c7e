"""The configuration file: TOML → `Config`, which finds the profile of the server that a command line names.

An error names the file, the key and the expected value.

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
from mcp_auth_bridge.config.profile import OpensBrowser, Profile, ServerChoice, parse_server_url, with_headers
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.config.store import KeyringStoreSettings, StoreSettings
from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, os_error_text, quoted
from mcp_auth_bridge.urls import Purpose, with_scheme

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""The name of a server."""

_KEYS = r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"

_KEYRING = KeyringStoreSettings()


class ServerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of `servers` before it is checked. Its keys become the fields of `Profile`, apart from `allow_http`."""

    # The MCP server's URL.
    url: str
    # Converted on its own, because its keys depend on its `kind`.
    auth: dict[str, Any] = {}
    # Secret references (`secret.parse_reference`), by header name.
    headers: dict[str, str] = {}
    # Whether `url` may use plain http beyond loopback.
    allow_http: bool = False
    # An argument vector, or text to be split into one.
    browser_command: tuple[str, ...] | str = ()
    # As in `Profile`.
    pass_environment: tuple[str, ...] = ()
    # Whether a tool call may open the browser.
    login: OpensBrowser = "auto"
    # The `network` table.
    network: NetworkSettings = NetworkSettings()
    # The `relay` table.
    relay: RelaySettings = RelaySettings()


class ConfigFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file before its tables are checked."""

    # Each table in it is converted on its own, so that an error can name the table and affects one server only.
    store: dict[str, Any] | None = None
    servers: dict[str, Any] = {}


class BrokenProfile(msgspec.Struct, frozen=True):
    """A server with an invalid table; `error` says why. `url` is its URL as written, "" if it has none."""

    url: str
    error: ConfigError


class Config(msgspec.Struct, frozen=True):
    """The whole configuration file at `path`, which may not exist. A `broken` server does not affect the others."""

    path: Path
    store: StoreSettings = KeyringStoreSettings()
    profiles: Mapping[str, Profile] = {}
    broken: Mapping[str, BrokenProfile] = {}

    def choose(self, choice: ServerChoice) -> Profile:
        """The profile of the server that a command line names, with the changes that it makes. Raises `ConfigError`."""
        own = self.profile(choice.target, Purpose.PLAIN_SERVER if choice.allow_http else Purpose.SERVER)
        network = msgspec.structs.replace(own.network, ipv4_only=choice.ipv4 or own.network.ipv4_only)
        profile = msgspec.structs.replace(own, network=network)
        if choice.auth is not None:
            profile = _with_auth(profile, choice.auth)
        extra = headers_module.parse_unexpanded(choice.headers, "--header")
        where = "--header" if choice.auth is None else "--auth"
        return with_headers(profile, headers_module.merge(own.headers, extra), where)

    def profile(self, target: str, purpose: Purpose = Purpose.SERVER) -> Profile:
        """The profile with the name or URL `target`, or a new one for another URL. Raises `ConfigError`."""
        if target in self.profiles:
            return self.profiles[target]
        if target in self.broken:
            raise self.broken[target].error
        if "://" not in target:
            self._check_variant(target)
            raise ConfigError(f"there is no server named {quoted(target)} in {self.path}", self._target_hint(target))
        url = parse_server_url(target, "the URL on the command line", Purpose.PLAIN_SERVER)
        match [known for known in self.profiles.values() if known.url == url]:
            case [known]:
                return known
            case [_, *_] as several:
                names = ", ".join(known.name for known in several)
                raise ConfigError(
                    f"{self.path} has several servers with this URL: {names}",
                    "choose one by its name: each has a login of its own",
                )
        for broken in self.broken.values():
            if broken.url in (target, str(url)):
                raise broken.error  # without the settings in its table, this would be another login
        url = parse_server_url(target, "the URL on the command line", purpose)
        return Profile(name=str(url), url=url, store=self.store)

    def _target_hint(self, target: str) -> str:
        """The hint for a `target` that is not the name of a server."""
        names = sorted({*self.profiles, *self.broken})
        if meant := nearest(target, names) or with_scheme(target):
            return f"did you mean {meant}?"
        if not names:
            return "give the URL, which starts with https://, or first run: mcp-auth-bridge add NAME URL"
        return f"name one of the servers there: {', '.join(names)}; or give a URL, which starts with https://"

    def _check_variant(self, target: str) -> None:
        """Raise `ConfigError` if `target` is the `Profile.key` of a login with `--auth`, as `status` shows it.

        Such a key does not hold the settings of the login, so a command cannot use it.
        """
        name, mark, _ = target.partition("~")
        if mark and name in self.profiles:
            hint = f"give {name} and the same --auth again; `logout --all` ends every login"
            raise ConfigError(f"{quoted(target)} is a login that was made with --auth", hint)


def _with_auth(profile: Profile, auth_argument: str) -> Profile:
    auth = auth_module.convert_argument(parse_auth_argument(auth_argument))
    if auth == profile.auth:
        return profile
    return msgspec.structs.replace(profile, auth=auth, auth_argument=auth_argument, variant=auth_module.digest(auth))


def parse_auth_argument(text: str) -> dict[str, Any]:
    """The table with the content `text`, the value of `--auth`. Any: TOML. Raises `ConfigError`."""
    try:
        document = toml.parse(f"auth = {{ {text} }}", "--auth") if text.isprintable() else {}
    except ConfigError:
        document = {}  # the error would name a line and a column that the user did not write
    if [*document] != ["auth"]:
        hint = f"write it as {auth_module.AUTH_FORM}"
        raise ConfigError("--auth is not the content of a TOML table", hint)
    return dict(document["auth"])


def load(path: Path, default_store: StoreSettings = _KEYRING) -> Config:
    """Read the configuration file. A missing file counts as an empty one. Raises `ConfigError`.

    `default_store` is the store if the file does not name one.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return Config(path, default_store)
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {os_error_text(error)}", "check the file's owner and mode") from None
    return parse(text, path, default_store)


def parse(text: str, path: Path, default_store: StoreSettings = _KEYRING) -> Config:
    """Parse `text`, the content of `path`. Raises `ConfigError` for an error that affects every server."""
    document = toml.parse(text, str(path))
    try:
        file = toml.convert(document, ConfigFile, str(path), "")
        store = default_store if file.store is None else _store(file.store, path)
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
    """`error` with the number of its line. Its message begins with the file, then the keys below `table`."""
    said = error.message.removeprefix(f"{path}: ")
    below = re.match(_KEYS, said.removeprefix(".".join(table)))
    keys = [*table, *(below[0].strip(".").split(".") if below and below[0] else ())]
    lines = (toml.find_line(text, keys[:count]) for count in range(len(keys), 0, -1))
    line = next(filter(None, lines), None)
    return error if line is None else ConfigError(f"{path}, line {line}: {said}", error.hint)


def _store(table: dict[str, Any], path: Path) -> StoreSettings:
    store: StoreSettings = toml.convert(table, StoreSettings, str(path), "store")  # type: ignore[arg-type]  # a union is not a type to mypy
    store_module.check(store, f"{path}: store")
    return store


def _profile(name: str, table: Any, path: Path, store: StoreSettings) -> Profile:
    where = f"servers.{name}"
    if not NAME.fullmatch(name):
        raise ConfigError(f"{path}: {quoted(name)} is not a server name", "use letters, digits, '.', '_' and '-'")
    server = toml.convert(table, ServerTable, str(path), where)
    allowed = Purpose.PLAIN_SERVER if server.allow_http else Purpose.SERVER
    profile = Profile(
        name=name,
        url=parse_server_url(server.url, f"{path}: {where}.url", allowed),
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
