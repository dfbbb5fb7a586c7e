"""The `store` table of the configuration: where the bridge keeps logins."""

from typing import Annotated

import msgspec

from mcp_auth_bridge.config.redis import RedisStoreSettings, parse_address
from mcp_auth_bridge.secret import parse_template


class KeyringStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="keyring", tag_field="kind"):
    """Sealed records with the key in the operating system's keyring."""


class KeyFileStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key_file", tag_field="kind"):
    """Sealed records with the key in a file that another system protects (systemd credentials, a mounted secret).

    `path` may contain variables: "${CREDENTIALS_DIRECTORY}/bridge-key".
    """

    path: str


class KeyCommandStoreSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key_command", tag_field="kind"
):
    """Sealed records with the key from the output of a command (`pass`, `op`, `vault`)."""

    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class MemoryStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="memory", tag_field="kind"):
    """Records that end with the process."""


class InsecureFileStoreSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="insecure_file", tag_field="kind"
):
    """Sealed records with the key beside them: access to the folder is access to the login. It is never a fallback."""


StoreSettings = (
    KeyringStoreSettings
    | KeyFileStoreSettings
    | KeyCommandStoreSettings
    | MemoryStoreSettings
    | InsecureFileStoreSettings
    | RedisStoreSettings
)


def check(store: StoreSettings, where: str) -> None:
    """Check the rules that no type can express. `where` is the table. Raises `ConfigError`."""
    match store:
        case RedisStoreSettings(key_file=path):
            parse_address(store, where)
            parse_template(path, f"{where}.key_file")
        case KeyFileStoreSettings(path=path):
            parse_template(path, f"{where}.path")
        case _:
            pass
