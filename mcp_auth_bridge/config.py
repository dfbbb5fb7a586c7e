"""TOML → `Profile`. A message names the file, the key and what was expected.

[store]                                  # optional: where the sealing key lives
kind = "keyring"

[servers.acme]
url = "https://mcp.acme.example/mcp"
headers = { "X-Acme-Org" = "42", "X-Api-Key" = "env:ACME_KEY" }
auth = { kind = "browser", scopes = ["read"] }
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args
from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge import header_fields
from mcp_auth_bridge.errors import ConfigError, UrlRefused, quoted, reason
from mcp_auth_bridge.machine_settings import ClientCredentials, Enterprise, JwtBearer, Machine, TokenExchange, check
from mcp_auth_bridge.network_settings import NetworkSettings
from mcp_auth_bridge.redis_settings import RedisStore, place
from mcp_auth_bridge.relay_settings import RelaySettings
from mcp_auth_bridge.secret import SecretRef, reference, template
from mcp_auth_bridge.urls import Purpose, Url, gate, shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_CLIENT_NAME = 100
# draft-ietf-oauth-client-id-metadata-document section 3: https, a path without dot segments, no fragment, no user.
_METADATA_URL = re.compile(r"https://[^\s/?#@]+(?!.*/\.\.?(?:[/?]|$))/[^\s#]+", re.ASCII)

RESERVED_PARAMETERS = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "redirect_uri",
        "resource",
        "response_type",
        "scope",
        "state",
    }
)
"""Parameters of the authorization request that are the bridge's own (RFC 6749, 7636, 8707, 9449)."""


OMITTED = "none"
"""Written for a parameter that is not to be sent at all; no resource is called so, because they are URIs (RFC 8707)."""


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """OAuth with a person. Everything is discovered unless it is given here.

    `trusted_issuer` is the issuer that this server's metadata may name although they were found under another;
    `resource_metadata` is where they are, if the server itself does not say it right.
    `client_metadata_url` is where a client ID metadata document for this bridge is published, if one is. `audience` is
    what Auth0 calls the resource; `token` is the one that the MCP server takes; `account` is who may sign in.
    `client_name` is what the bridge registers as, "" for its own; some authorization servers have a list of names.
    """

    scopes: tuple[str, ...] = ()
    resource: str = ""
    audience: str = ""
    token: OneOf["access", "id"] = "access"
    account: str = ""
    client_id: str = ""
    client_secret: str = ""
    issuer: str = ""
    trusted_issuer: str = ""
    resource_metadata: str = ""
    client_metadata_url: str = ""
    client_name: str = ""


class Browser(Login, frozen=True, tag="browser"):
    """By the way back of the browser on this machine: authorization code, PKCE, refresh."""

    authorize_params: dict[str, str] = {}
    callback_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    callback_host: OneOf["127.0.0.1", "localhost"] = "127.0.0.1"


class Device(Login, frozen=True, tag="device"):
    """With a browser on any device (RFC 8628), as `login --device`; then as any other login."""


class Bearer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bearer", tag_field="kind"):
    """A token from a secret reference. No discovery, no browser. `resource` is what its `aud` should be, "" for the
    server's URL: for the explanation when it is refused.
    """

    token: str
    resource: str = ""


class Headers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="headers", tag_field="kind"):
    """Headers that are the credentials, such as an API key, each from a secret reference. No discovery, no browser."""

    headers: dict[str, str]


class Anonymous(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="none", tag_field="kind"):
    """No Authorization header at all."""


Auth = Browser | Device | Bearer | Headers | ClientCredentials | JwtBearer | TokenExchange | Enterprise | Anonymous


class KeyringStore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="keyring", tag_field="kind"):
    """Sealed records; the key is in the operating system's keyring."""


class KeyFileStore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key_file", tag_field="kind"):
    """Sealed records; the key is in a file that another system protects (systemd credentials, a mounted secret).

    `path` may have variables: "${CREDENTIALS_DIRECTORY}/bridge-key".
    """

    path: str


class KeyCommandStore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key_command", tag_field="kind"):
    """Sealed records; the key is what a command prints (`pass`, `op`, `vault`)."""

    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class MemoryStore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="memory", tag_field="kind"):
    """Nothing is kept between processes."""


class InsecureFileStore(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="insecure_file", tag_field="kind"):
    """Sealed records with the key beside them: whoever reads the folder reads the login. Explicit, never a fallback."""


StoreChoice = KeyringStore | KeyFileStore | KeyCommandStore | MemoryStore | InsecureFileStore | RedisStore


SignsIn = OneOf["auto", "never"]
"""Whether a tool call that lacks a login may open a browser."""

Unwritten: TypeAlias = Callable[[SignsIn], StoreChoice]
"""The store where the file names none, for a server that signs in like this."""


class Profile(msgspec.Struct, frozen=True):
    """One remote server as the user wants it. `browser_command` is an argument vector, () for the desktop's own;
    `pass_environment` are the variables that commands which print secrets get besides harmless ones.
    """

    name: str
    url: Url
    auth: Auth = Browser()
    headers: Mapping[str, SecretRef] = {}
    store: StoreChoice = KeyringStore()
    browser_command: tuple[str, ...] = ()
    pass_environment: tuple[str, ...] = ()
    login: SignsIn = "auto"
    network: NetworkSettings = NetworkSettings()
    relay: RelaySettings = RelaySettings()

    @property
    def label(self) -> str:
        """What a log calls the server: its name, or the origin of a bare URL, whose rest may be nobody's business."""
        return self.url.origin if "://" in self.name else self.name

    def over_ipv4(self) -> "Profile":
        """The same server by IPv4 only."""
        return msgspec.structs.replace(self, network=msgspec.structs.replace(self.network, ipv4_only=True))


class _Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    auth: Auth = Browser()
    headers: dict[str, str] = {}
    browser_command: tuple[str, ...] | str = ()
    pass_environment: tuple[str, ...] = ()
    login: SignsIn = "auto"
    network: NetworkSettings = NetworkSettings()
    relay: RelaySettings = RelaySettings()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    # The servers are converted one by one, so that a message can name theirs.
    store: StoreChoice | None = None
    servers: dict[str, dict[str, Any]] = {}


class Config(msgspec.Struct, frozen=True):
    """The whole file. `path` is where it was read from or would be."""

    path: Path
    store: StoreChoice = KeyringStore()
    profiles: Mapping[str, Profile] = {}

    def profile(self, target: str, headers: Mapping[str, str] | None = None) -> Profile:
        """The profile named `target`, or one made of a bare URL; `headers` are added to its own."""
        extra = header_fields.on_the_command_line(headers or {}, "--header")
        if target in self.profiles:
            known = self.profiles[target]
            return _unambiguous(known, header_fields.merged(known.headers, extra), "--header")
        if "://" not in target:
            raise ConfigError(
                f"there is no server named {quoted(target)} in {self.path}",
                f"the servers there: {', '.join(sorted(self.profiles)) or 'none yet'}; a URL starts with https://",
            )
        url = server_url(target, "the URL on the command line")
        match [known for known in self.profiles.values() if known.url == url]:
            case [known]:
                return _unambiguous(known, header_fields.merged(known.headers, extra), "--header")
            case [_, *_] as several:
                names = ", ".join(known.name for known in several)
                raise ConfigError(
                    f"{self.path} has several servers with this URL: {names}",
                    "say which by its name: each has a login of its own",
                )
        return Profile(name=str(url), url=url, headers=extra, store=self.store)


def _unambiguous(profile: Profile, headers: Mapping[str, SecretRef], where: str) -> Profile:
    """`profile` with `headers` of its own. Raises `ConfigError` where its credentials are in a header of that name."""
    credentials = profile.auth.headers if isinstance(profile.auth, Headers) else {}
    if clash := {name.lower() for name in credentials} & {name.lower() for name in headers}:
        raise ConfigError(f"{where}: {', '.join(sorted(clash))} is among auth.headers too", "write it in one place")
    return msgspec.structs.replace(profile, headers=headers)


def keyring(_: SignsIn) -> StoreChoice:
    """Where a person is."""
    return KeyringStore()


def load(path: Path, unwritten: Unwritten = keyring) -> Config:
    """Read the configuration; a missing file is an empty one. Raises `ConfigError`."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return Config(path, unwritten("auto"))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}", "check the file's owner and mode") from None
    return parse(text, path, unwritten)


def parse(text: str, path: Path, unwritten: Unwritten = keyring) -> Config:
    """The configuration in `text`, which came from `path`. Raises `ConfigError`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", f"correct that line of {path}") from None
    file = _convert(document, _File, str(path), "")
    if isinstance(file.store, RedisStore):
        place(file.store, f"{path}: store")
        template(file.store.key_file, f"{path}: store.key_file")
    if isinstance(file.store, KeyFileStore):
        template(file.store.path, f"{path}: store.path")
    stores = unwritten if file.store is None else _always(file.store)
    profiles = {name: _profile(name, table, path, stores) for name, table in file.servers.items()}
    return Config(path, stores("auto"), profiles)


def _always(written: StoreChoice) -> Unwritten:
    return lambda _: written


def _profile(name: str, table: dict[str, Any], path: Path, stores: Unwritten) -> Profile:
    where = f"servers.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{path}: {quoted(name)} is not a server name", "use letters, digits, '.', '_' and '-'")
    server = _convert(table, _Server, str(path), where)
    profile = Profile(
        name=name,
        url=server_url(server.url, f"{path}: {where}.url"),
        auth=_checked(server.auth, f"{path}: {where}.auth"),
        store=stores(server.login),
        browser_command=command(server.browser_command, f"{path}: {where}.browser_command"),
        pass_environment=server.pass_environment,
        login=server.login,
        network=server.network,
        relay=server.relay,
    )
    place = f"{path}: {where}.headers"
    return _unambiguous(profile, header_fields.organisation(server.headers, place), place)


T = TypeVar("T")


def _convert(value: Any, shape: type[T], path: str, where: str) -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        expected, _, inner = str(error).partition(" - at `$")
        key = f"{where}{inner.rstrip('`')}".lstrip(".") or where
        expected = expected[:1].lower() + expected[1:]
        raise ConfigError(f"{path}: {f'{key}: ' if key else ''}{expected}", _hint(key)) from None


def _hint(key: str) -> str:
    """What may stand at `key` where that is a short list, else where to look it up."""
    for name, kinds in (("store.kind", StoreChoice), ("auth.kind", Auth)):
        if key.endswith(name):
            return f"one of: {', '.join(str(kind.__struct_config__.tag) for kind in get_args(kinds))}"
    return "see config.example.toml"


def server_url(text: str, where: str) -> Url:
    """The gate for an MCP server's URL, with `where` it was written. Raises `ConfigError`."""
    try:
        return gate(text.partition("#")[0], Purpose.SERVER)
    except UrlRefused as refused:
        hint = "a server's URL looks like https://mcp.example.com/mcp"
        raise ConfigError(f"{where}: {shown(text)} is not acceptable: {refused.hint}", hint) from None


def _gated(text: str, where: str) -> Url:
    try:
        return gate(text, Purpose.ISSUER)
    except UrlRefused as refused:
        raise ConfigError(
            f"{where}: {shown(text)} is not acceptable: {refused.hint}", "write it as https://…"
        ) from None


def _checked(auth: Auth, where: str) -> Auth:
    if isinstance(auth, Machine):
        check(auth, where)
    if isinstance(auth, Bearer):
        reference(auth.token, f"{where}.token")
    if isinstance(auth, Headers) and not header_fields.credential(auth.headers, f"{where}.headers"):
        raise ConfigError(f"{where}.headers names none", 'write it as headers = { "X-Api-Key" = "env:NAME" }')
    if isinstance(auth, Login):
        _check_login(auth, where)
    return auth


def _check_login(auth: Login, where: str) -> None:
    for key in ("issuer", "trusted_issuer", "resource_metadata"):
        if text := getattr(auth, key):
            _gated(text, f"{where}.{key}")
    if bool(auth.client_id) != bool(auth.issuer):
        # A client's credentials go to the one issuer that knows them, whatever the server's metadata say.
        raise ConfigError(f"{where}: client_id and issuer go together", 'add issuer = "https://…", the client\'s own')
    if auth.client_secret and not auth.client_id:
        raise ConfigError(f"{where}: client_secret without client_id", "add client_id")
    reference(auth.client_secret, f"{where}.client_secret")
    if isinstance(auth, Browser):
        _check_parameters(auth, where)
    _check_client(auth, where)
    if not (auth.account.isprintable() and auth.account == auth.account.strip()):
        raise ConfigError(f"{where}.account: {quoted(auth.account)} is no account", 'write it as "mia@acme.example"')


def _check_parameters(auth: Browser, where: str) -> None:
    if taken := RESERVED_PARAMETERS.intersection(auth.authorize_params):
        raise ConfigError(f"{where}.authorize_params: {', '.join(sorted(taken))} is set by the bridge", "remove it")
    for key, name, value in (("audience", "audience", auth.audience), ("account", "login_hint", auth.account)):
        if value and name in auth.authorize_params:
            raise ConfigError(f"{where}: {key} and authorize_params.{name} say the same thing", "remove one of them")


def _check_client(auth: Login, where: str) -> None:
    name = auth.client_name
    if not name.isprintable() or name != name.strip() or len(name) > _LONGEST_CLIENT_NAME:
        raise ConfigError(
            f"{where}.client_name: {quoted(name)} is no name to register as",
            f"at most {_LONGEST_CLIENT_NAME} printable characters, as the authorization server knows it",
        )
    if auth.client_metadata_url and not _METADATA_URL.fullmatch(auth.client_metadata_url):
        raise ConfigError(
            f"{where}.client_metadata_url: {shown(auth.client_metadata_url)} cannot be a client's identifier",
            "it is an https URL with a path and without fragment, as https://example.com/client-metadata.json",
        )


def command(value: tuple[str, ...] | str, where: str) -> tuple[str, ...]:
    """An argument vector; one string is split as a shell would, without a shell."""
    if not isinstance(value, str):
        return value
    import shlex

    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ConfigError(f"{where} cannot be split into words: {error}", "close the quotation") from None
