"""The `store` table with `kind = "redis"`: the store that a fleet shares."""

import re
from urllib.parse import urlsplit

import msgspec

from mcp_auth_bridge.errors import ConfigError, UrlRefused
from mcp_auth_bridge.secret import SecretRef, parse_reference
from mcp_auth_bridge.urls import Purpose, Url, gate

_PORT = 6379  # IANA's for redis, with TLS or without
_PREFIX = r"[A-Za-z0-9._:{}/-]{1,100}"
_DATABASE = r"[0-9]{1,5}"
_URL = 'write it as "rediss://redis.example.com:6379/0"'


class RedisStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="redis", tag_field="kind"):
    """Sealed records in a Redis or Valkey database that several machines share, each with the same sealing key."""

    # The database, as `rediss://HOST:PORT/NUMBER`.
    url: str
    # The user name; "" for the default user.
    user: str = ""
    # A secret reference (`secret.parse_reference`).
    password: str = ""
    # The beginning of the name of every key in the database.
    prefix: str = "mcp-auth-bridge"
    # A file of certificates (PEM) that are trusted besides the operating system's; "" for none.
    ca_file: str = ""
    # Whether the password and the sealed records may cross a network without TLS.
    insecure: bool = False
    # The file with the sealing key; "" if `key_command` is given.
    key_file: str = ""
    # The command that prints the sealing key; () if `key_file` is given.
    key_command: tuple[str, ...] = ()


class RedisAddress(msgspec.Struct, frozen=True):
    """One database of one server. `url` is https if the server speaks TLS, else http."""

    url: Url
    database: int

    @property
    def tls(self) -> bool:
        return self.url.scheme == "https"

    def __str__(self) -> str:
        host = f"[{self.url.host}]" if ":" in self.url.host else self.url.host
        return f"{host}:{self.url.port}" + (f"/{self.database}" if self.database else "")


def parse_address(settings: RedisStoreSettings, where: str) -> RedisAddress:
    """Check `settings`, which were written `where`, and return the address in them. Raises `ConfigError`."""
    if bool(settings.key_file) == bool(settings.key_command):
        hint = 'every machine needs the same: key_file = "…", or key_command = ["op", "read", "…"]'
        raise ConfigError(f"{where}: the sealing key comes from one place, key_file or key_command", hint)
    if not re.fullmatch(_PREFIX, settings.prefix):
        raise ConfigError(f"{where}.prefix cannot begin the names of keys", "use letters, digits and . _ : { } / -")
    if settings.user and not settings.password:
        raise ConfigError(f"{where}: user without password", 'add password = "env:NAME"')
    password_reference(settings, where)
    found = _place(settings.url, f"{where}.url")
    if not (found.tls or settings.insecure or found.url.is_loopback):
        raise ConfigError(
            f"{where}.url: redis:// is accepted for loopback addresses only",
            "use rediss://, or add insecure = true if you trust every network on the way",
        )
    return found


def password_reference(settings: RedisStoreSettings, where: str) -> SecretRef | None:
    """The reference to the password, None if none is configured. Raises `ConfigError`."""
    return parse_reference(settings.password, f"{where}.password") if settings.password else None


def _place(text: str, where: str) -> RedisAddress:
    # No message repeats the text: it may hold a password.
    scheme, _, rest = text.partition("://")
    if scheme not in ("redis", "rediss"):
        raise ConfigError(f"{where} is not the URL of a Redis server", _URL)
    try:
        url = gate(f"https://{rest}", Purpose.SERVER)
    except UrlRefused as refused:
        raise ConfigError(f"{where} is not acceptable: {refused.hint}", _URL) from None
    database = url.path.strip("/") or "0"
    if url.query or "#" in rest or not re.fullmatch(_DATABASE, database):
        raise ConfigError(f"{where} does not end with the number of a database", _URL)
    port = urlsplit(f"https://{rest}").port or _PORT
    return RedisAddress(Url("https" if scheme == "rediss" else "http", url.host, port, "/", ""), int(database))
