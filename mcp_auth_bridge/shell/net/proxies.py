"""The choice of the proxy for a URL: the configured one, or the one that the usual environment variables name.

The variables have no specification; curl, Go's net/http and requests agree on these rules.
"""

import base64
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from mcp_auth_bridge.errors import ConfigError, UrlRefused
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate

_SOCKS = r"socks[0-9]?[a-z]?"


class Proxy(msgspec.Struct, frozen=True):
    """A proxy without its credentials, which are `authorization`: the value of `Proxy-Authorization`, or None.

    `source` says where the proxy was configured, for messages.
    """

    url: Url
    authorization: Secret | None
    source: str

    def __str__(self) -> str:
        return f"the proxy {self.url.origin} ({self.source})"


class Decision(msgspec.Struct, frozen=True):
    """The proxy for a URL, or the reason why the connection is direct: a clause for messages."""

    proxy: Proxy | None = None
    reason: str = ""


def decide(setting: str, environ: Mapping[str, str], url: Url) -> Decision:
    """Decide how `url` is reached. Raises `ConfigError` if the proxy's URL is unusable."""
    # A loopback server is on this machine and not on the proxy's, so no setting sends its requests there.
    if url.is_loopback:
        return Decision(reason="the server is on this machine")
    if setting == "none":
        return Decision(reason='proxy is "none" in the server\'s network table')
    if setting != "env":
        return Decision(parse(setting, "proxy in the server's network table"))
    name, exempt = _variable(environ, "no_proxy")
    if _exempt(exempt, url):
        return Decision(reason=f"{name} exempts {url.host}")
    name, value = _variable(environ, f"{url.scheme}_proxy", "all_proxy")
    return Decision(parse(value, name)) if value else Decision(reason="neither a setting nor a variable names one")


def parse(text: str, source: str) -> Proxy:
    """`[http[s]://][user[:password]@]host[:port]` → `Proxy`. The text holds credentials and is never quoted."""
    scheme, separator, rest = text.strip().rpartition("://")
    if separator and scheme.lower() not in ("http", "https"):
        raise _unusable_kind_error(scheme, source)
    login, _, place = rest.rpartition("@")
    try:
        url = gate(f"{scheme if separator else 'http'}://{place}", Purpose.PROXY)
    except UrlRefused as refused:
        hint = "write it as in http://proxy.example:3128"
        # The address may be a password with an unescaped slash or at sign in it, so it stays out of the message.
        raise ConfigError(f"the proxy of {source} has no usable URL: {refused.hint}", hint) from None
    return Proxy(url, _basic(login) if login else None, source)


def _unusable_kind_error(scheme: str, source: str) -> ConfigError:
    """Other programs take `socks5h://…` from the same variable. Another `scheme` may be a part of a password."""
    named = (
        f"a SOCKS proxy ({scheme})"
        if re.fullmatch(_SOCKS, scheme, re.IGNORECASE)
        else "a proxy that is not an HTTP proxy"
    )
    return ConfigError(
        f"{source} names {named}, which the bridge cannot use",
        "set https_proxy to an HTTP proxy, as in http://proxy.example:3128; or, to reach the server directly, add its"
        ' host to no_proxy or write proxy = "none" into the server\'s network table',
    )


def _basic(login: str) -> Secret:
    user, _, password = login.partition(":")
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode()}")


def _variable(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    """The first of `names` that is set and not empty, the lower-case spelling before the upper-case one."""
    for name in names:
        for spelling in (name, name.upper()):
            if value := environ.get(spelling, "").strip():
                return spelling, value
    return "", ""


def _exempt(no_proxy: str, url: Url) -> bool:
    return any(_matches(entry.strip().lower(), url) for entry in no_proxy.split(","))


def _matches(entry: str, url: Url) -> bool:
    """`*`, a host, a domain (with or without leading dot), an address, a CIDR block; `:port` after a host."""
    if entry in ("", "*"):
        return entry == "*"
    if (literal := parse_address(url.host)) and (block := _block(entry)):
        return literal in block
    host, port = _split(entry)
    if port and port != str(url.port):
        return False
    host, ours = host.strip("[]").removeprefix("*").removeprefix(".").rstrip("."), url.host.rstrip(".")
    return bool(host) and (ours == host or ours.endswith(f".{host}"))


def _split(entry: str) -> tuple[str, str]:
    """`host:port` → both; an IPv6 address has a port only behind brackets."""
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and port.isdigit() and (":" not in host or host.endswith("]")) else (entry, "")


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`text` as an address, None for a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _block(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
