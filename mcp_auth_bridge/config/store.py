"""Where the logins are kept: the `store` table of the configuration."""

from typing import Annotated

import msgspec

from mcp_auth_bridge.config.redis import RedisStore, place
from mcp_auth_bridge.secret import template


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


def check(store: StoreChoice, where: str) -> None:
    """Raise `ConfigError` for what msgspec cannot see; `where` is the table."""
    match store:
        case RedisStore(key_file=path):
            place(store, where)
            template(path, f"{where}.key_file")
        case KeyFileStore(path=path):
            template(path, f"{where}.path")
        case _:
            pass
