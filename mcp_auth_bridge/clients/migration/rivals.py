"""The rivals whose entries are converted, with all their flags."""

from mcp_auth_bridge.clients.migration.rival import (
    Effect,
    Flag,
    Kind,
    Rival,
    impossible,
    needless,
    setting,
    switch,
)

_LOG = "changes only what it logs"
_TRANSPORT = "is not needed: the bridge finds the transport and the era by itself"
_TOOLS = "hides tools, and this bridge passes on all of them"
_UNVERIFIED = "switches the check of certificates off; trust the certificate with network.ca_file instead"
_SERVES = "is about serving a local server, which needs no bridge to a remote one"
_HEADER = Flag(Effect.HEADER)
_OWN_TIME = "is not needed: a login has as long as its user needs, and a stream may be silent"

MCP_REMOTE = Rival(
    "mcp-remote",
    {
        "--header": _HEADER,
        "--header-file": impossible("names a file of headers; write each of them as file:PATH in config.toml", 1),
        "--allow-http": switch("allow_http"),
        "--debug": needless(_LOG),
        "--silent": needless(_LOG),
        "--connect-timeout": setting("network", "connect_timeout", kind=Kind.NUMBER),
        "--headers-timeout": setting("network", "headers_timeout", kind=Kind.NUMBER),
        "--body-timeout": needless(_OWN_TIME, 1),
        "--ipv4": switch("network", "ipv4_only"),
        "--enable-proxy": needless("is not needed: the bridge uses the usual variables"),
        "--keep-alive": switch("relay", "ping", value=30.0),
        "--ping-interval": setting("relay", "ping", kind=Kind.NUMBER),
        "--transport": needless(_TRANSPORT, 1),
        "--protocol": needless(_TRANSPORT, 1),
        "--host": setting("auth", "callback_host"),
        "--callback-path": setting("auth", "callback_path"),
        "--auth-success-url": needless("is not needed: the bridge has a page of its own", 1),
        "--auth-timeout": needless(_OWN_TIME, 1),
        "--static-oauth-client-info": Flag(Effect.CLIENT),
        "--static-oauth-client-metadata": Flag(Effect.CLIENT_METADATA),
        "--client-metadata-url": setting("auth", "client_metadata_url"),
        "--disable-cookies": switch("network", "cookies", value="off"),
        "--device-code": switch("auth", "kind", value="device"),
        "--client-credentials": switch("auth", "kind", value="client_credentials"),
        "--token-endpoint": setting("auth", "token_endpoint"),
        "--use-id-token": switch("auth", "token", value="id"),
        "--disable-resource-parameter": switch("auth", "resource", value="none"),
        "--resource": setting("auth", "resource"),
        "--authorize-param": Flag(Effect.PARAMETER),
        "--ignore-tool": impossible(_TOOLS, 1),
    },
    takes_port=True,
    source="mcp-remote 0.15.1, dist (parseCommandLineArgs), 2026-11-30",
)

FASTMCP_REMOTE = Rival(
    "fastmcp-remote",
    {
        "--header": _HEADER,
        "--transport": needless(_TRANSPORT, 1),
        "--auth": needless("is not needed: the bridge logs in if the server wants that", 1),
        "--resource": needless("is not needed: each name has a login of its own", 1),
        "--host": setting("auth", "callback_host"),
        "--auth-timeout": needless(_OWN_TIME, 1),
        "--ignore-tool": impossible(_TOOLS, 1),
        "--verify": setting("network", "ca_file"),
        "--debug": needless(_LOG),
        "--silent": needless(_LOG),
    },
    takes_port=True,
    source="fastmcp-remote 4.1.4, fastmcp_remote/cli.py, 2026-11-30",
)

MCP_STDIO = Rival(
    "mcp-stdio",
    {
        "-H": _HEADER,
        "--header": _HEADER,
        "--bearer-token": Flag(Effect.BEARER),
        "--oauth": needless("is not needed: the bridge logs in if the server wants that"),
        "--oauth-device": switch("auth", "kind", value="device"),
        "--client-id": setting("auth", "client_id"),
        "--client-metadata-url": setting("auth", "client_metadata_url"),
        "--oauth-scope": setting("auth", "scopes", kind=Kind.WORDS),
        "--no-resource-indicator": switch("auth", "resource", value="none"),
        "--oauth-resource": setting("auth", "resource"),
        "--oauth-refresh-leeway": needless("is not needed: the bridge renews a token before it expires", 1),
        "--no-proactive-refresh": needless("is not needed: the bridge renews a token before it expires"),
        "--oauth-eager": needless("is not needed: install logs in at once"),
        "--no-oauth-reauth": switch("login", value="never"),
        "--oauth-use-id-token": switch("auth", "token", value="id"),
        "--oauth-timeout": needless(_OWN_TIME, 1),
        "--transport": needless(_TRANSPORT, 1),
        "--protocol-era": needless(_TRANSPORT, 1),
        "--timeout-connect": setting("network", "connect_timeout", kind=Kind.NUMBER),
        "--timeout-read": setting("relay", "deadline", kind=Kind.NUMBER),
        "--sse-read-timeout": needless(_OWN_TIME, 1),
        "--listen-read-timeout": needless(_OWN_TIME, 1),
        "--mcp-param-headers": needless("is not needed: a server that wants these headers gets them", 1),
        "--max-message-size": setting("relay", "largest_message", kind=Kind.NUMBER),
        "--no-tcp-keepalive": needless("is not needed"),
        "--no-cancel-filter": needless("is not needed"),
        "--no-normalize-arguments": needless("is not needed: the bridge passes arguments on as they are"),
        "--check": impossible("ends at once, and an entry with it starts no server"),
    },
    token_variables=("MCP_BEARER_TOKEN",),
    source="mcp-stdio 0.45.2, mcp_stdio/cli.py, 2026-11-30",
)

MCP_PROXY = Rival(
    "mcp-proxy",
    {
        "-H": Flag(Effect.HEADER_PAIR, words=2),
        "--headers": Flag(Effect.HEADER_PAIR, words=2),
        "--transport": needless(_TRANSPORT, 1),
        "--client-id": setting("auth", "client_id"),
        "--client-secret": setting("auth", "client_secret"),
        "--token-url": setting("auth", "token_endpoint"),
        "--username": impossible("is a password's user; send it as a header: Authorization: Basic …", 1),
        "--password": impossible("is a password; send it as a header: Authorization: Basic …", 1),
        "--digest": impossible("is a scheme of HTTP that this bridge does not have"),
        "--verify-ssl": setting("network", "ca_file"),
        "--no-verify-ssl": impossible(_UNVERIFIED),
        "-e": needless(_SERVES, 2),
        "--env": needless(_SERVES, 2),
        "--cwd": needless(_SERVES, 1),
        "--pass-environment": needless(_SERVES),
        "--no-pass-environment": needless(_SERVES),
        "--log-level": needless(_LOG, 1),
        "--debug": needless(_LOG),
        "--no-debug": needless(_LOG),
        **dict.fromkeys(("--port", "--host", "--sse-port", "--sse-host"), impossible(_SERVES, 1)),
        **dict.fromkeys(("--named-server", "--named-server-config"), impossible(_SERVES, 1)),
    },
    token_variables=("API_ACCESS_TOKEN",),  # README, "1.1 Configuration"
    source="mcp-proxy 0.13.0, mcp_proxy/__main__.py, 2026-11-30",
)

SUPERGATEWAY = Rival(
    "supergateway",
    {
        "--sse": Flag(Effect.URL),
        "--streamableHttp": Flag(Effect.URL),
        "--header": _HEADER,
        "--oauth2Bearer": Flag(Effect.BEARER),
        "--logLevel": needless(_LOG, 1),
        "--protocolVersion": needless(_TRANSPORT, 1),
        "--outputTransport": needless("is not needed: an entry's output is stdio", 1),
        **dict.fromkeys(("--stdio", "--port", "--baseUrl", "--ssePath", "--messagePath"), impossible(_SERVES, 1)),
        **dict.fromkeys(("--streamableHttpPath", "--healthEndpoint", "--sessionTimeout"), impossible(_SERVES, 1)),
        **dict.fromkeys(("--cors", "--stateful"), impossible(_SERVES)),
    },
    source="supercorp-ai/supergateway ffd7d24, src/index.ts, 2026-11-30",
)

RIVALS = {rival.name: rival for rival in (MCP_REMOTE, FASTMCP_REMOTE, MCP_STDIO, MCP_PROXY, SUPERGATEWAY)}
