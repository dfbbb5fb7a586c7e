"""Cookies for sticky balancers (RFC 6265), in memory and for one origin.

They are kept from the first lost session on, always, or never.
"""

import re
from collections.abc import Iterable, Mapping

from mcp_auth_bridge.errors import SessionLost
from mcp_auth_bridge.http_syntax import is_token
from mcp_auth_bridge.urls import Url

MOST_COOKIES = 32
LARGEST_COOKIE = 4096  # bytes of name and value together

_VALUE = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|\"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*\""
_SECURE = r";\s*secure\s*(?:[;=]|$)"


class CookieJar:
    """Each cookie's latest value until the process ends. The jar is for one origin: a cookie goes to no other host.

    So `Domain` and `Path` change nothing. `Expires` and `Max-Age` are not read either: a balancer replaces a value that
    it no longer knows.
    """

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._header: Mapping[str, str] = {}

    def store(self, url: Url, fields: Iterable[str]) -> None:
        """Keep the `Set-Cookie` fields of a response from `url`; leave out malformed and oversized ones.

        A `Secure` cookie is kept over https only (RFC 6265bis section 5.7).
        """
        for field in fields:
            pair, _, _ = field.partition(";")
            name, equals, value = (part.strip() for part in pair.partition("="))
            valid = equals and is_token(name) and re.fullmatch(_VALUE, value) and len(name + value) <= LARGEST_COOKIE
            if valid and (url.scheme == "https" or not re.search(_SECURE, field, re.IGNORECASE)):
                self._keep(name, value)

    def session_lost(self, error: SessionLost) -> None:
        """Learn from the loss of a session. Its `error` may get a hint."""

    def headers(self) -> Mapping[str, str]:
        """The `Cookie` header for a request to the origin, {} while there are no cookies."""
        return self._header

    def _keep(self, name: str, value: str) -> None:
        self._values.pop(name, None)
        if len(self._values) >= MOST_COOKIES:
            del self._values[next(iter(self._values))]  # the oldest
        self._values[name] = value
        self._header = {"cookie": "; ".join(f"{name}={value}" for name, value in self._values.items())}


class LearnedCookies(CookieJar):
    """No cookies until a session is lost, and from then on like a `CookieJar`.

    A balancer that ties a session to a machine by a cookie sends the requests of a client without cookies to any
    machine, and most machines do not know the session (mcp-remote #168).
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept = False

    def store(self, url: Url, fields: Iterable[str]) -> None:
        if self._kept:
            super().store(url, fields)

    def session_lost(self, error: SessionLost) -> None:  # noqa: ARG002 - the next session will do without a hint
        self._kept = True


class NoCookies(CookieJar):
    """No cookies. The error of a lost session says so if the server has offered one."""

    def __init__(self) -> None:
        super().__init__()
        self._offered = False

    def store(self, url: Url, fields: Iterable[str]) -> None:  # noqa: ARG002 - those of any URL count
        self._offered |= any(True for _ in fields)

    def session_lost(self, error: SessionLost) -> None:
        if self._offered:
            error.hint = (
                'if it happens often, remove cookies = "off" for this server: a load balancer may tie sessions to'
                " machines by a cookie"
            )
