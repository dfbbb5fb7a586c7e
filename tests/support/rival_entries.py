"""Entries of other bridges as people publish them, and what becomes of each. All were read on 2026-11-30."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NOTHING: Mapping[str, str] = MappingProxyType({})
NPX = ("npx", "-y")


class Published(NamedTuple):
    """`table` is the table of the server, a text for the beginning of the reason why there is none."""

    source: str
    argv: tuple[str, ...]
    table: object
    env: Mapping[str, str] = NOTHING
    secrets: Mapping[str, str] = NOTHING
    sent: Mapping[str, str] = NOTHING


def remote(source, *words, **more):
    return Published(source, (*NPX, "mcp-remote", *words), more.pop("table"), **more)


def bearer(url, entry="acme-token", **more):
    return {"url": url, **more, "auth": {"kind": "bearer", "token": f"keyring:{entry}"}}


README = "geelen/mcp-remote d26e5a8, README.md"
KIRO = "MicrosoftDocs/mcp, about Kiro"
S = "https://remote.mcp.server/sse"
MACHINE = "it has a client of its own"

ENTRIES = [
    Published(README, ("npx", "mcp-remote", S), {"url": S}),
    remote(KIRO, "https://your-server.com/api/mcp", table={"url": "https://your-server.com/api/mcp"}),
    remote("ClickUp for Gemini CLI", "https://mcp.clickup.com/mcp", table={"url": "https://mcp.clickup.com/mcp"}),
    remote("Linear for Aura", "https://mcp.linear.app/mcp", table={"url": "https://mcp.linear.app/mcp"}),
    Published(
        "Sentry's blog",
        ("npx", "-y", "mcp-remote@latest", "https://mcp.sentry.dev/mcp"),
        {"url": "https://mcp.sentry.dev/mcp"},
    ),
    remote(
        "cloudflare-mcp, README",
        "https://cloudflare-mcp.vercel.app/api/mcp?key=YOUR_MCP_API_KEY",
        table={"url": "https://cloudflare-mcp.vercel.app/api/mcp?key=YOUR_MCP_API_KEY"},
    ),
    Published(
        README,
        ("npx", "mcp-remote", S, "--header", "Authorization: Bearer ${AUTH_TOKEN}"),
        bearer(S),
        {"AUTH_TOKEN": "s3cret"},
        {"acme-token": "s3cret"},
        {"authorization": "Bearer s3cret"},
    ),
    Published(
        README + ", for Windows",
        ("cmd", "/c", "npx", "mcp-remote", S, "--header", "Authorization:${AUTH_HEADER}"),
        bearer(S),
        {"AUTH_HEADER": "Bearer s3cret"},
        {"acme-token": "s3cret"},
        {"authorization": "Bearer s3cret"},
    ),
    remote(
        "seo-navigator, fallback install",
        "https://seo.example/mcp",
        "--header",
        "Authorization:Bearer PASTE_TOKEN_HERE",
        table=bearer("https://seo.example/mcp"),
        secrets={"acme-token": "PASTE_TOKEN_HERE"},
        sent={"authorization": "Bearer PASTE_TOKEN_HERE"},
    ),
    Published(
        "Parallax, with a variable of the entry",
        (
            *NPX,
            "mcp-remote@latest",
            "https://mcp.chicago.example/api/mcp",
            "--header",
            "Authorization: Bearer ${PARALLAX_API_KEY}",
        ),
        bearer("https://mcp.chicago.example/api/mcp"),
        {"PARALLAX_API_KEY": "pk_live_1"},
        {"acme-token": "pk_live_1"},
        {"authorization": "Bearer pk_live_1"},
    ),
    Published(
        "the same with the variable of the shell",
        (*NPX, "mcp-remote", S, "--header", "Authorization: Bearer ${ACME_TOKEN}"),
        {"url": S, "auth": {"kind": "bearer", "token": "env:ACME_TOKEN"}},
        sent={"authorization": "Bearer from-the-shell"},
    ),
    Published(
        "Cursor's form of the same",
        (*NPX, "mcp-remote", S, "--header", "X-Key: ${env:ACME_TOKEN}"),
        {"url": S, "headers": {"X-Key": "env:ACME_TOKEN"}},
        sent={"x-key": "from-the-shell"},
    ),
    remote(
        "InvenTree, plugin for MCP",
        "https://inventree.example/plugin/inventree-mcp/mcp/",
        "--header",
        "Authorization: Token abc",
        table={
            "url": "https://inventree.example/plugin/inventree-mcp/mcp/",
            "auth": {"kind": "headers", "headers": {"Authorization": "keyring:acme-authorization"}},
        },
        secrets={"acme-authorization": "Token abc"},
        sent={"authorization": "Token abc"},
    ),
    remote(
        "Atlassian with Basic (chainlit-atlassian-mcp)",
        "https://mcp.atlassian.com/v1/mcp",
        "--header",
        "Authorization: Basic bWlhOnRva2Vu",
        table={
            "url": "https://mcp.atlassian.com/v1/mcp",
            "auth": {"kind": "headers", "headers": {"Authorization": "keyring:acme-authorization"}},
        },
        secrets={"acme-authorization": "Basic bWlhOnRva2Vu"},
        sent={"authorization": "Basic bWlhOnRva2Vu"},
    ),
    Published(
        "openHAB, in the local network",
        (
            "npx",
            "mcp-remote@latest",
            "http://openhab.local:8080/mcp",
            "--allow-http",
            "--header",
            "Authorization: Bearer oh.T",
        ),
        bearer("http://openhab.local:8080/mcp", allow_http=True),
        {},
        {"acme-token": "oh.T"},
        {"authorization": "Bearer oh.T"},
    ),
    Published(
        "Penpot for Codex",
        (*NPX, "mcp-remote", "http://localhost:4401/sse", "--allow-http"),
        {"url": "http://localhost:4401/sse"},
    ),
    remote("an http server, without the flag", "http://far.example/mcp", table={"url": "http://far.example/mcp"}),
    Published(
        "Casper gateway",
        (
            "npx",
            "mcp-remote@latest",
            "https://gw.test/api/mcp/1",
            "--transport",
            "http-first",
            "--header",
            "Authorization:${A}",
        ),
        bearer("https://gw.test/api/mcp/1"),
        {"A": "Bearer cgw_1"},
        {"acme-token": "cgw_1"},
        {"authorization": "Bearer cgw_1"},
    ),
    remote(
        "SailPoint for Claude Code",
        "https://mcp.sailpoint.com/latest/access-requests/mcp",
        "3334",
        "--static-oauth-client-info",
        '{"client_id":"id"}',
        table=MACHINE,
    ),
    remote(
        "Business Central",
        "https://mcp.businesscentral.dynamics.com",
        "3334",
        "--header",
        "TenantId:42",
        table={
            "url": "https://mcp.businesscentral.dynamics.com",
            "headers": {"TenantId": "42"},
            "auth": {"callback_port": 3334},
        },
        sent={"tenantid": "42"},
    ),
    remote(
        "Outlook through AgentCore, for Kiro",
        "https://gw.bedrock-agentcore.eu.example/mcp",
        "7778",
        "--disable-resource-parameter",
        "--static-oauth-client-metadata",
        '{"scope":"openid profile offline_access"}',
        table={
            "url": "https://gw.bedrock-agentcore.eu.example/mcp",
            "auth": {"resource": "none", "scopes": ["openid", "profile", "offline_access"], "callback_port": 7778},
        },
    ),
    Published(
        "AI identity gateway, with a certificate",
        ("/opt/homebrew/bin/npx", "mcp-remote", "https://gateway.lab/mcp", "3334", "--transport", "http-only"),
        {
            "url": "https://gateway.lab/mcp",
            "auth": {"callback_port": 3334},
            "network": {"ca_file": "/path/to/rootCA.pem"},
        },
        {"NODE_EXTRA_CA_CERTS": "/path/to/rootCA.pem"},
    ),
    Published(
        "Site for Codex, without any check",
        (*NPX, "mcp-remote@0.1.38", "https://localhost:44315/mcp"),
        "NODE_TLS_REJECT_UNAUTHORIZED switches the check of certificates off",
        {"NODE_TLS_REJECT_UNAUTHORIZED": "0"},
    ),
    Published(
        "lighthouse, behind a proxy",
        ("npx", "mcp-remote", "https://lighthouse.company.com"),
        {"url": "https://lighthouse.company.com", "network": {"proxy": "https://proxy.company.com:8080"}},
        {"HTTP_PROXY": "https://proxy.company.com:8080", "HTTPS_PROXY": "https://proxy.company.com:8080"},
    ),
    remote(
        README,
        S,
        "9696",
        "--host",
        "127.0.0.1",
        table={
            "url": S,
            "auth": {"callback_host": "127.0.0.1", "callback_port": 9696},
        },
    ),
    remote(
        README,
        S,
        "--resource",
        "https://acme.example/",
        table={"url": S, "auth": {"resource": "https://acme.example/"}},
    ),
    remote(README, S, "--debug", "--silent", "--enable-proxy", "--auth-timeout", "60", table={"url": S}),
    remote(README, S, "--ignore-tool", "delete*", table="--ignore-tool hides tools"),
    remote("A2A sample", S, "--oauth-server", "http://localhost:8001", table="--oauth-server is a flag of mcp-remote"),
    Published(
        "VS Code with a question",
        (*NPX, "mcp-remote", S, "--header", "X-Key: ${input:key}"),
        "a value is asked of the user",
    ),
    remote(
        "mcp-remote 0.15.1",
        S,
        "--device-code",
        "--use-id-token",
        "--ipv4",
        "--ping-interval",
        "20",
        table={
            "url": S,
            "auth": {"kind": "device", "token": "id"},
            "network": {"ipv4_only": True},
            "relay": {"ping": 20.0},
        },
    ),
    Published(
        "fastmcp-remote 4.1.4, README",
        ("uvx", "fastmcp-remote", "https://mcp.linear.app/mcp"),
        {"url": "https://mcp.linear.app/mcp"},
    ),
    Published(
        "fastmcp-remote 4.1.4, README",
        ("uvx", "fastmcp-remote", "https://example.com/mcp", "--header", "Authorization:${AUTH_HEADER}"),
        bearer("https://example.com/mcp"),
        {"AUTH_HEADER": "Bearer t0ken"},
        {"acme-token": "t0ken"},
        {"authorization": "Bearer t0ken"},
    ),
    Published(
        "kite-portfolio", ("uvx", "fastmcp-remote", "http://localhost:8000/mcp/"), {"url": "http://localhost:8000/mcp/"}
    ),
    Published(
        "fastmcp-remote's --verify",
        ("uvx", "fastmcp-remote", "https://a.example/mcp", "--verify", "false"),
        "--verify switches the check",
    ),
    Published(
        "sparfenyuk/mcp-proxy a6720cc, README.md",
        ("mcp-proxy", "http://example.io/sse"),
        bearer("http://example.io/sse", allow_http=True),
        {"API_ACCESS_TOKEN": "access-token"},
        {"acme-token": "access-token"},
        {"authorization": "Bearer access-token"},
    ),
    Published(
        "PRTG",
        ("mcp-proxy", "http://your-server:8443/sse", "--headers", "Authorization", "Bearer your-api-key"),
        bearer("http://your-server:8443/sse", allow_http=True),
        {},
        {"acme-token": "your-api-key"},
        {"authorization": "Bearer your-api-key"},
    ),
    Published(
        "yr weather",
        ("mcp-proxy", "https://d.mcp.anycontext.io/sse", "--headers", "x-api-key", "k"),
        {"url": "https://d.mcp.anycontext.io/sse", "headers": {"x-api-key": "keyring:acme-x-api-key"}},
        {},
        {"acme-x-api-key": "k"},
        {"x-api-key": "k"},
    ),
    Published(
        "BACnet",
        ("mcp-proxy", "http://127.0.0.1:47808/mcp", "--transport=streamablehttp"),
        {"url": "http://127.0.0.1:47808/mcp"},
    ),
    Published(
        "mcp-proxy as a server",
        ("mcp-proxy", "--port", "8080", "uvx", "mcp-server-fetch"),
        "--port is about serving a local server",
    ),
    Published(
        "shigechika/mcp-stdio aa82ddd, README.md",
        ("mcp-stdio", "https://your-server.example.com:8080/mcp"),
        bearer("https://your-server.example.com:8080/mcp"),
        {"MCP_BEARER_TOKEN": "YOUR_TOKEN"},
        {"acme-token": "YOUR_TOKEN"},
        {"authorization": "Bearer YOUR_TOKEN"},
    ),
    Published(
        "mcp-stdio 0.45.2",
        ("uvx", "mcp-stdio", "https://a.example/mcp", "--oauth", "--oauth-scope", "read write", "--timeout-read", "90"),
        {"url": "https://a.example/mcp", "auth": {"scopes": ["read", "write"]}, "relay": {"deadline": 90.0}},
    ),
    Published(
        "supercorp-ai/supergateway ffd7d24, README.md",
        (*NPX, "supergateway", "--sse", "https://mcp-server-1.supermachine.app"),
        {"url": "https://mcp-server-1.supermachine.app"},
    ),
    Published(
        "Burp AI agent",
        (*NPX, "supergateway", "--sse", "http://127.0.0.1:9876/sse", "--oauth2Bearer", "your-token"),
        bearer("http://127.0.0.1:9876/sse"),
        {},
        {"acme-token": "your-token"},
        {"authorization": "Bearer your-token"},
    ),
    Published(
        "e2e-http, on Windows",
        (
            *(
                "npx.cmd",
                "-y",
                "supergateway",
                "--streamableHttp",
                "https://e2e.example/mcp",
                "--outputTransport",
                "stdio",
            ),
            *("--oauth2Bearer", "tok", "--header", "Accept: application/json, text/event-stream"),
        ),
        bearer("https://e2e.example/mcp"),
        {},
        {"acme-token": "tok"},
        {"authorization": "Bearer tok"},
    ),
    Published(
        "n8n cloud",
        (
            *NPX,
            "supergateway",
            "--streamableHttp",
            "https://h.app.n8n.cloud/mcp-server/http",
            "--header",
            "authorization:Bearer T",
        ),
        bearer("https://h.app.n8n.cloud/mcp-server/http"),
        {},
        {"acme-token": "T"},
        {"authorization": "Bearer T"},
    ),
    Published(
        "supergateway as a server", (*NPX, "supergateway", "--stdio", "uvx mcp-server-git"), "--stdio is about serving"
    ),
]
