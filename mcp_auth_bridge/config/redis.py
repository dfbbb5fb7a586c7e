"""Where a fleet's store is: the `store` table of the configuration with `kind = "redis"`."""

import re
from urllib.parse import urlsplit

import msgspec

from mcp_auth_bridge.errors import ConfigError, UrlRefused
from mcp_auth_bridge.secret import SecretRef, reference
from mcp_auth_bridge.urls import Purpose, Url, gate

_PORT = 6379  # IANA's for redis, with TLS or without
_PREFIX = re.compile(r"[A-Za-z0-9._:{}/-]{1,100}")
_DATABASE = re.compile(r"[0-9]{1,5}")
_URL = 'write it as "rediss://redis.example.com:6379/0"'


class RedisStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="redis", tag_field="kind"):
    """Sealed records in a Redis or Valkey that many machines share. The sealing key is the same on each of them, from
    the file `key_file` or from what `key_command` prints.

    `password` is a secret reference. `prefix` begins the name of everything that is written. `ca_file` holds
    certificates (PEM) that are trusted beside the operating system's. `insecure` is whether the password and the sealed
    records may go over a network without TLS.
    """

    url: str
    user: str = ""
    password: str = ""
    prefix: str = "mcp-auth-bridge"
    ca_file: str = ""
    insecure: bool = False
    key_file: str = ""
    key_command: tuple[str, ...] = ()


class RedisAddress(msgspec.Struct, frozen=True):
    """One database of one server: an https `url` where it speaks TLS."""

    url: Url
    database: int

    @property
    def tls(self) -> bool:
        return self.url.scheme == "https"

    def __str__(self) -> str:
        host = f"[{self.url.host}]" if ":" in self.url.host else self.url.host
        return f"{host}:{self.url.port}" + (f"/{self.database}" if self.database else "")


def place(settings: RedisStoreSettings, where: str) -> RedisAddress:
    """The place that `settings`, which stand `where`, name. Raises `ConfigError` for anything wrong in them."""
    if bool(settings.key_file) == bool(settings.key_command):
        hint = 'every machine needs the same: key_file = "…", or key_command = ["op", "read", "…"]'
        raise ConfigError(f"{where}: the sealing key comes from one place, key_file or key_command", hint)
    if not _PREFIX.fullmatch(settings.prefix):
        raise ConfigError(f"{where}.prefix is not a prefix of names", "use letters, digits and . _ : { } / -")
    if settings.user and not settings.password:
        raise ConfigError(f"{where}: user without password", 'add password = "env:NAME"')
    password(settings, where)
    found = _place(settings.url, f"{where}.url")
    if not (found.tls or settings.insecure or found.url.is_loopback):
        raise ConfigError(
            f"{where}.url: redis:// is accepted for loopback addresses only",
            "use rediss://, or add insecure = true if nobody can listen on the way there",
        )
    return found


def password(settings: RedisStoreSettings, where: str) -> SecretRef | None:
    """What names the password, None if the server wants none. Raises `ConfigError`."""
    return reference(settings.password, f"{where}.password") if settings.password else None


def _place(text: str, where: str) -> RedisAddress:
    # The text is in no message: a password may stand in it.
    scheme, _, rest = text.partition("://")
    if scheme not in ("redis", "rediss"):
        raise ConfigError(f"{where} is not the URL of a Redis server", _URL)
    try:
        url = gate(f"https://{rest}", Purpose.SERVER)
    except UrlRefused as refused:
        raise ConfigError(f"{where} is not acceptable: {refused.hint}", _URL) from None
    database = url.path.strip("/") or "0"
    if url.query or "#" in rest or not _DATABASE.fullmatch(database):
        raise ConfigError(f"{where} does not end with the number of a database", _URL)
    port = urlsplit(f"https://{rest}").port or _PORT
    return RedisAddress(Url("https" if scheme == "rediss" else "http", url.host, port, "/", ""), int(database))
