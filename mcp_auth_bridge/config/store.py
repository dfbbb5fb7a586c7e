"""Where the logins are kept: the `store` table of the configuration."""

from typing import Annotated

import msgspec

from mcp_auth_bridge.config.redis import RedisStoreSettings, place
from mcp_auth_bridge.secret import template


class KeyringStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="keyring", tag_field="kind"):
    """Sealed records; the key is in the operating system's keyring."""


class KeyFileStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key_file", tag_field="kind"):
    """Sealed records; the key is in a file that another system protects (systemd credentials, a mounted secret).

    `path` may have variables: "${CREDENTIALS_DIRECTORY}/bridge-key".
    """

    path: str


class KeyCommandStoreSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key_command", tag_field="kind"
):
    """Sealed records; the key is what a command prints (`pass`, `op`, `vault`)."""

    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class MemoryStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="memory", tag_field="kind"):
    """Nothing is kept between processes."""


class InsecureFileStoreSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="insecure_file", tag_field="kind"
):
    """Sealed records with the key beside them: whoever reads the folder reads the login. Explicit, never a fallback."""


StoreSettings = (
    KeyringStoreSettings
    | KeyFileStoreSettings
    | KeyCommandStoreSettings
    | MemoryStoreSettings
    | InsecureFileStoreSettings
    | RedisStoreSettings
)


def check(store: StoreSettings, where: str) -> None:
    """Raise `ConfigError` for what msgspec cannot see; `where` is the table."""
    match store:
        case RedisStoreSettings(key_file=path):
            place(store, where)
            template(path, f"{where}.key_file")
        case KeyFileStoreSettings(path=path):
            template(path, f"{where}.path")
        case _:
            pass
