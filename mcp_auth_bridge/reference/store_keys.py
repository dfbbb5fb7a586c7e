"""The keys of the table `store`."""

from collections.abc import Mapping

from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.config.store import KeyCommandStoreSettings, KeyFileStoreSettings
from mcp_auth_bridge.reference.key_text import KeyText

_REDIS = {
    "url": KeyText("The database: rediss://HOST:PORT/NUMBER.", '"rediss://redis.acme.example:6379/0"'),
    "user": KeyText("The user name there, if it is not the default user.", '"bridge"'),
    "password": KeyText("The password.", '"env:REDIS_PASSWORD"', is_reference=True),
    "prefix": KeyText("The beginning of the names of all keys in the database.", '"mcp-auth-bridge"'),
    "ca_file": KeyText("A file of certificates (PEM) to trust besides the system's.", '"/etc/ssl/acme-ca.pem"'),
    "insecure": KeyText("Whether the URL may be redis://, without TLS, beyond this machine.", "true"),
    "key_file": KeyText("The file with the sealing key, the same on every machine.", '"/run/secrets/bridge-key"'),
    "key_command": KeyText("Or the command that prints it.", '["op", "read", "op://private/bridge/key"]'),
}

STORE_KEYS: Mapping[type, Mapping[str, KeyText]] = {
    KeyFileStoreSettings: {
        "path": KeyText(
            "The file with the sealing key. It begins with /, ~ or a variable; the first login makes it.",
            '"/run/secrets/bridge-key"',
        ),
    },
    KeyCommandStoreSettings: {
        "command": KeyText("The command that prints the sealing key.", '["op", "read", "op://private/bridge/key"]'),
    },
    RedisStoreSettings: _REDIS,
}
"""The keys by the type that reads their table, in the order of the types."""
