"""The one URL parser and the one URL gate: every URL that the bridge requests, opens or compares passes `gate`."""

import enum
import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from mcp_auth_bridge.errors import UrlRefused, quoted

_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"(?!.*\.\.)[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?", re.ASCII)
_BRACKETS = re.compile(r"[^\[\]]*|(.*@)?\[[0-9A-Fa-f:.]*\](:[0-9]*)?", re.ASCII)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f<>\"\\^`{|}]")
# What resolvers and browsers read as an IPv4 address (WHATWG URL, "ends in a number").
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", re.ASCII)
# A URL without its scheme: it has a path, a port or a dot, or is `localhost`.
_SPOKEN = r"(?=.*[/.]|.*:\d|localhost$)(\[[^\]/]*\]|[^/:?#@]+)(:\d+)?([/?].*)?"
_LONGEST = 8192

CALLBACK_PATH = "/callback"
"""The path of the redirect URI, unless the configured client is registered with another."""


class Purpose(enum.Enum):
    """What a URL is used for; the value appears in the error."""

    SERVER = "the MCP server"
    PLAIN_SERVER = "the MCP server that may be reached by plain http"
    RESOURCE_METADATA = "the protected-resource metadata"
    SERVER_METADATA = "the authorization-server metadata"
    ISSUER = "the issuer"
    AUTHORIZATION = "the authorization endpoint"
    TOKEN = "the token endpoint"
    REGISTRATION = "the registration endpoint"
    DEVICE = "the device authorization endpoint"
    REVOCATION = "the revocation endpoint"
    REDIRECT = "the redirect URI"
    LOCATION = "the redirect"
    ENDPOINT = "the endpoint event"
    PROXY = "the proxy"


class Url(msgspec.Struct, frozen=True):
    """An absolute http(s) URL in canonical form: lower-case scheme and host, explicit port, no fragment."""

    # "https" or "http".
    scheme: str
    # Without brackets, even for IPv6.
    host: str
    # The scheme's default if the text names none.
    port: int
    # Starts with "/".
    path: str
    # Without "?"; "" if there is none.
    query: str

    @property
    def authority(self) -> str:
        """The value of the `Host` header: with the port only if it is not the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port (RFC 6454): a credential is bound to them."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """The request target of HTTP/1.1 in origin form."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def is_loopback(self) -> bool:
        """Whether the host is a loopback literal or `localhost` (RFC 8252 section 7.3)."""
        return self.host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", self.host) is not None

    @property
    def is_plain(self) -> bool:
        """Whether a request to it leaves this machine without encryption."""
        return self.scheme == "http" and not self.is_loopback

    @property
    def resource(self) -> str:
        """The canonical resource identifier (MCP "Canonical Server URI"): without a bare trailing slash."""
        return str(self) if self.query or self.path != "/" else self.origin

    def with_path(self, path: str) -> "Url":
        """The same origin with another `path` and no query."""
        return Url(self.scheme, self.host, self.port, path, "")

    def __str__(self) -> str:
        return self.origin + self.target


def gate(text: str, purpose: Purpose, server: Url | None = None) -> Url:
    """Parse `text`: https, or http to loopback, without a user name or password. Raises `UrlRefused` for other URLs.

    Plain http beyond loopback is accepted for an MCP server that the user allows (`PLAIN_SERVER`). It is accepted for
    other URLs at the origin of `server`, which has passed the gate before. A proxy may be plain and have a password.
    """
    refuse = f"{purpose.value} has a URL that is not acceptable: {redacted_url(text)}"
    if len(text) > _LONGEST:
        raise UrlRefused(refuse, f"it is longer than {_LONGEST} characters")
    if _FORBIDDEN.search(text) or not text.isascii():
        raise UrlRefused(refuse, "it holds characters that a URL must percent-encode")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UrlRefused(refuse, "it cannot be parsed") from None
    port = _port(parts)
    scheme, host = parts.scheme.lower(), _host(parts)
    if scheme not in _DEFAULT_PORTS:
        raise UrlRefused(refuse, "it must start with https://")
    if "@" in parts.netloc and purpose is not Purpose.PROXY:
        raise UrlRefused(refuse, "it must not hold a user name or password")
    if not host:
        raise UrlRefused(refuse, "its host is missing, malformed or an address in an unusual spelling")
    if port is None:
        raise UrlRefused(refuse, "its port is not a number from 1 to 65535")
    url = Url(scheme, host, port, parts.path or "/", parts.query)
    accepted = purpose in (Purpose.PROXY, Purpose.PLAIN_SERVER) or (server is not None and url.origin == server.origin)
    if url.is_plain and not accepted:
        raise UrlRefused(refuse, "plain http is accepted for loopback addresses only: use https")
    return url


def with_scheme(text: str) -> str:
    """`text`, a URL without its scheme, with the scheme that the gate accepts; "" if `text` is not such a URL."""
    if not re.fullmatch(_SPOKEN, text):
        return ""
    for scheme in ("http", "https"):  # the gate accepts http for loopback only
        try:
            gate(f"{scheme}://{text}", Purpose.SERVER)
        except UrlRefused:
            continue
        return f"{scheme}://{text}"
    return ""


_UNRESERVED = "-._~"  # RFC 3986 section 2.3, besides letters and digits
_ESCAPE = r"%(?![0-9A-Fa-f]{2})"


def shell_safe(url: Url) -> str:
    """`url` to open or print: percent-encoded again, so that it means the same and no shell evaluates it.

    Besides the unreserved characters the path keeps `/:@+,=`, and the query keeps `&` too, which separates parameters.
    """
    path = quote(re.sub(_ESCAPE, "%25", url.path), safe=f"%/:@+,={_UNRESERVED}")
    query = quote(re.sub(_ESCAPE, "%25", url.query), safe=f"%/:@+,=&{_UNRESERVED}")
    return f"{url.origin}{path}?{query}" if query else f"{url.origin}{path}"


def redacted_url(text: str) -> str:
    """The URL `text` for a message, acceptable or not: `quoted`, without its user name and password."""
    return quoted(re.sub(r"(?<=//)[^/?#]*@", "…@", text))


def _host(parts: SplitResult) -> str:
    """The host in canonical form, "" if it is invalid or if resolvers read it differently.

    `0177.1`, `0x7f.1` and `2130706433` are 127.0.0.1 to some resolvers and names to others. `::ffff:127.0.0.1` is one
    more spelling of that address.
    """
    host = (parts.hostname or "").lower()
    if not _BRACKETS.fullmatch(parts.netloc):
        return ""  # Python's own opinion of `[::1]evil.example` differs from version to version
    try:
        if "[" in parts.netloc:
            address = IPv6Address(host)
            return "" if address.ipv4_mapped or address.scope_id else str(address)
        if _NUMERIC.fullmatch(host):
            return str(IPv4Address(host))
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) else ""


def _port(parts: SplitResult) -> int | None:
    """The port, or the scheme's default; None if it is invalid."""
    try:
        port = parts.port
    except ValueError:
        return None
    return _DEFAULT_PORTS.get(parts.scheme.lower()) if port is None else port or None


def with_query(url: Url, parameters: dict[str, str]) -> str:
    """`url` with `parameters` appended, each percent-encoded down to the unreserved characters (RFC 3986)."""
    pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items()]
    query = "&".join([url.query, *pairs] if url.query else pairs)
    return f"{url.origin}{url.path}?{query}"
