"""Cookies for sticky balancers: in memory, host-only, for one origin (RFC 6265). Off unless the profile wants them."""

import re
from collections.abc import Callable, Iterable

import msgspec

from mcp_auth_bridge.http_syntax import is_token
from mcp_auth_bridge.urls import Url

MOST_COOKIES = 32
LARGEST_COOKIE = 4096  # bytes of name and value together

_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|\"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*\"")
_SECONDS = re.compile(r"-?[0-9]{1,10}", re.ASCII)


class _Cookie(msgspec.Struct, frozen=True):
    name: str
    value: str
    path: str
    secure: bool
    expires: float  # Unix time in seconds


class CookieJar:
    """`clock` tells Unix time in seconds. Every URL that is named here has the one origin that the jar is for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._cookies: dict[tuple[str, str], _Cookie] = {}

    def store(self, url: Url, fields: Iterable[str]) -> None:
        """Take the `Set-Cookie` fields of an answer from `url`; what is malformed or too large is left out."""
        for field in fields:
            cookie = _parsed(url, field, self._clock())
            if cookie is not None:
                self._keep(cookie)

    def headers(self, url: Url) -> dict[str, str]:
        """The `Cookie` header for a request to `url`, {} where there is none."""
        now = self._clock()
        self._cookies = {key: cookie for key, cookie in self._cookies.items() if cookie.expires > now}
        fitting = [cookie for cookie in self._cookies.values() if _fits(cookie, url)]
        fitting.sort(key=lambda cookie: -len(cookie.path))  # RFC 6265 section 5.4: the longer path first
        text = "; ".join(f"{cookie.name}={cookie.value}" for cookie in fitting)
        return {"cookie": text} if text else {}

    def _keep(self, cookie: _Cookie) -> None:
        self._cookies.pop((cookie.name, cookie.path), None)
        if cookie.expires <= self._clock():
            return
        if len(self._cookies) >= MOST_COOKIES:
            del self._cookies[next(iter(self._cookies))]  # the oldest
        self._cookies[cookie.name, cookie.path] = cookie


def _parsed(url: Url, field: str, now: float) -> _Cookie | None:
    pair, *rest = field.split(";")
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not equals or not is_token(name) or not _VALUE.fullmatch(value) or len(name + value) > LARGEST_COOKIE:
        return None
    attributes = {key.strip().lower(): text.strip() for key, _, text in (part.partition("=") for part in rest)}
    domain = attributes.get("domain", "").lstrip(".").lower()
    if domain and url.host != domain and not url.host.endswith(f".{domain}"):
        return None
    secure = "secure" in attributes
    if secure and url.scheme != "https":
        return None
    return _Cookie(name, value, _path(url, attributes), secure, _expiry(attributes, now))


def _path(url: Url, attributes: dict[str, str]) -> str:
    """RFC 6265 section 5.1.4."""
    given = attributes.get("path", "")
    return given if given.startswith("/") else url.path.rpartition("/")[0] or "/"


def _expiry(attributes: dict[str, str], now: float) -> float:
    """`Max-Age` before `Expires` (RFC 6265 section 5.3); one without either lives as long as the process."""
    if _SECONDS.fullmatch(attributes.get("max-age", "")):
        return now + int(attributes["max-age"])
    from email.utils import parsedate_to_datetime  # most starts need no cookies

    try:
        return parsedate_to_datetime(attributes.get("expires", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return float("inf")


def _fits(cookie: _Cookie, url: Url) -> bool:
    if cookie.secure and url.scheme != "https":
        return False
    folder = cookie.path if cookie.path.endswith("/") else f"{cookie.path}/"
    return url.path == cookie.path or url.path.startswith(folder)
