"""Words that name nobody, so that a report for the public keeps them: in paths, in host names, as a person's name."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLACES = _words(
    """
    .well-known oauth-protected-resource oauth-authorization-server openid-configuration mcp sse message messages http
    stream streamable api oauth oauth2 openid openid-connect connect auth as issuer realms protocol authorize
    authorization token tokens register registration revoke revocation introspect device device_authorization
    device-authorization callback login logout userinfo jwks jwks.json certs default common organizations consumers
    health server servers sso session sessions tools
    """
)
"""Parts of the path of a URL."""

_FOLDERS = _words(
    """
    bin sbin lib lib64 usr local share etc opt var run tmp dev null proc self sys snap nix store private applications
    library preferences application support roaming appdata programs .config .local .cache state log logs dbus ssl
    certs hosts resolv.conf ca-certificates.crt ca-bundle.crt cert.pem os-release machine-id python python3 node npx npm
    uv uvx pipx venvs xdg-open mcp-auth-bridge config.toml records locks memory sealing.key bridge.log
    .cursor .vscode .claude .claude.json .gemini .codex .copilot .kiro .aws .codeium .continue .zed .amp cursor code
    user globalstorage claude cline windsurf zed opencode amp goose kiro junie insiders codium vscodium
    claude_desktop_config.json mcp.json mcp-config.json mcp_config.json mcp_settings.json cline_mcp_settings.json
    settings.json settings config.json config.yaml config.yml config opencode.json opencode.jsonc mcp_servers.json
    """
)
"""Parts of the path of a file, in lower case."""

_LABELS = _words(
    """
    mcp api www app apps auth oauth oauth2 login sso idp id identity accounts account server servers service services
    gateway proxy host hosts local localhost localdomain internal intranet corp lan home private public prod production
    stage staging test testing tests demo beta alpha canary main remote cloud edge cdn data docs dashboard console web
    mobile dev eu us uk de fr in com net org edu gov mil int io ai co info biz name pro xyz site online tech example
    invalid onion east west north south central global region vpn mail ns1 ns2 client clients user users admin root
    nobody ubuntu debian runner vagrant node docker container
    """
)
"""Parts of host names, and names of users who are not persons, in lower case."""

_KEYS = _words(
    """
    auth headers servers network relay store url kind resource token issuer scopes scope audience client_id
    client_secret proxy ca_file ipv4_only allow_http login browser_command pass_environment deadline metadata
    oauth doctor report config toml mcp json claude_desktop_config settings cline_mcp_settings mcp_config
    opencode sealing key e g i connect_timeout headers_timeout client_certificate client_key cookies longest ping
    largest_message private_key subject_token assertion command path
    """
)
"""Parts of the keys of a configuration, and of the names of known files, in lower case."""

_HEADERS = _words("x api key org organisation organization id tenant account com net mcp session token auth")
"""Parts of the names of headers, in lower case."""

_MODULES = _words("mcp_auth_bridge anyio asyncio cryptography h11 httpcore2 httpx2 json keyring msgspec ssl")
"""Packages that the place of a fault may name."""

_VERSION = re.compile(r"v?\d{1,4}(\.\d{1,4}){0,3}|python3?(\.\d+)*")


def is_plain_part(part: str) -> bool:
    """Whether a part of a path, of a URL or of a file, names nobody."""
    return part.lower() in ("application support", *_PLACES, *_FOLDERS) or _VERSION.fullmatch(part.lower()) is not None


def is_plain_label(label: str) -> bool:
    """Whether a part of a host name, or the name of a user, names nobody."""
    return label.lower() in _LABELS | _KEYS or not any(char.isalpha() for char in label)


def is_plain_header(word: str) -> bool:
    """Whether a word of the name of a header names nobody."""
    return word.lower() in _HEADERS


def is_plain_dotted(dotted: str) -> bool:
    """Whether a word with dots is a key of a configuration, a known file or a module, rather than a host."""
    labels = dotted.lower().split(".")
    if labels[0] in _MODULES or dotted.lower() in _FOLDERS:
        return True
    if labels[0] == "servers" and len(labels) > 1:
        del labels[1]  # the name of a server, which the caller knows
    return all(label in _KEYS for label in labels)
