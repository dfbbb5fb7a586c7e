"""The keys of the file, of a server, and of its tables `network` and `relay`."""

from collections.abc import Mapping

from mcp_auth_bridge.config.config_file import ConfigFile, ServerTable
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.reference.key_text import KeyText

_FILE = {
    "store": KeyText("Where the key that seals the logins is kept.", '{ kind = "keyring" }'),
    "servers": KeyText(
        "The servers, each under the name that every command takes: letters, digits, '.', '_' and '-'.",
        '{ acme = { url = "https://mcp.acme.example/mcp" } }',
    ),
}

_SERVER = {
    "url": KeyText("The URL of the MCP endpoint: https, or http on this machine.", '"https://mcp.acme.example/mcp"'),
    "auth": KeyText(
        "How the bridge authenticates. Without it, the user logs in with the browser, if the server asks for a login.",
        '{ kind = "bearer", token = "env:ACME_TOKEN" }',
    ),
    "headers": KeyText(
        "Headers for every request to this server, and to no other.",
        '{ "X-Acme-Org" = "42", "X-Acme-Key" = "env:ACME_KEY" }',
        is_reference=True,
    ),
    "allow_http": KeyText(
        "Whether the URL may be plain http beyond this machine, if you trust every network on the way.", "true"
    ),
    "browser_command": KeyText(
        "The command that opens the browser, in place of the desktop's. It is started without a shell.",
        '["firefox", "--private-window"]',
    ),
    "pass_environment": KeyText(
        "The variables that command:… gets besides PATH, HOME and the like.", '["OP_SERVICE_ACCOUNT_TOKEN"]'
    ),
    "login": KeyText(
        "Whether a tool call that needs a login opens the browser, or its reply only names the command to run.",
        '"never"',
    ),
    "network": KeyText("How the bridge reaches the server.", "{ ipv4_only = true }"),
    "relay": KeyText("How the bridge relays messages.", "{ deadline = 60.0 }"),
}

_NETWORK = {
    "ca_file": KeyText("A file of certificates (PEM) to trust besides the system's.", '"/etc/ssl/acme-ca.pem"'),
    "client_certificate": KeyText(
        "A file with your own certificate (PEM), if the server requires one.", '"/etc/mia.pem"'
    ),
    "client_key": KeyText("The file of its unencrypted private key, if that is another file.", '"/etc/mia-key.pem"'),
    "proxy": KeyText(
        'The proxy: "env" for HTTPS_PROXY and similar variables, "none", or a URL.', '"http://proxy.acme.example:3128"'
    ),
    "ipv4_only": KeyText("Whether IPv6 addresses are left out.", "true"),
    "connect_timeout": KeyText("The limit for name, TCP, proxy and TLS together.", "30.0", "seconds"),
    "headers_timeout": KeyText(
        "The limit until a response begins. Without it, a response may begin as late as the request may end.",
        "60.0",
        "seconds",
    ),
    "cookies": KeyText(
        "Whether a load balancer's cookies are kept: from the first lost session on, always, or never.", '"affinity"'
    ),
}

_RELAY = {
    "deadline": KeyText("How long a request may wait without a sign of life from the server.", "60.0", "seconds"),
    "longest": KeyText("How long a request may take in total, with signs of life.", "3600.0", "seconds"),
    "largest_message": KeyText(
        "The size of the largest message. A larger one is an error, because most IDEs end the connection at 10 MiB.",
        "52428800",
        "bytes",
    ),
    "ping": KeyText(
        "The pause between two pings of the server, for proxies that drop idle connections; 0 for none.",
        "30.0",
        "seconds",
    ),
}

SERVER_KEYS: Mapping[type, Mapping[str, KeyText]] = {
    ConfigFile: _FILE,
    ServerTable: _SERVER,
    NetworkSettings: _NETWORK,
    RelaySettings: _RELAY,
}
"""The keys by the type that reads their table, in the order of the types."""
