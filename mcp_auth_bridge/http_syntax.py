"""The syntax of HTTP that several rooms read or write: tokens, field values, media types, `Retry-After` (RFC 9110).

Header names are lower case throughout. Syntax that belongs to one field stays in the module that reads that field.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping

from mcp_auth_bridge import __version__

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""A regular expression for `token` (RFC 9110 section 5.6.2): header names, schemes and names of parameters."""

USER_AGENT = f"mcp-auth-bridge/{__version__}"
"""The `User-Agent` of all requests (RFC 9110 section 10.1.5).

Firewalls refuse requests without one: AWS's core rule set, claude-ai-mcp #923.
"""

LONGEST_ID = 32 * 1024
"""Bytes of a session id or an event id. MCP sets no limit. The bridge reads 64 KiB of headers, so an id of this length
leaves room for the others. Gateways without a state of their own put it into the id (agentgateway #878: 2.5 KB).
"""

_TOKEN = re.compile(TOKEN)
_ID = re.compile(r"[\x21-\x7e]+")
_FIELD_VALUE = re.compile(r"([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?")


def is_token(text: str) -> bool:
    """Whether `text` is a `token` (RFC 9110 section 5.6.2), and so may be the name of a header."""
    return _TOKEN.fullmatch(text) is not None


def is_field_value(text: str) -> bool:
    """Whether a header can carry `text` unchanged (RFC 9110 section 5.5, without its obsolete octets)."""
    return _FIELD_VALUE.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether `text` is an id that a header gives back: visible ASCII (MCP "Session Management"), not too long."""
    return len(text) <= LONGEST_ID and _ID.fullmatch(text) is not None


def first_value(headers: Mapping[str, Iterable[str]], name: str) -> str:
    """The first value of the header `name`, "" if the header is absent."""
    return next(iter(headers.get(name, ())), "")


def media_type(content_type: str) -> str:
    """The media type in a `Content-Type` value (RFC 9110 section 8.3.1): lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def retry_after(headers: Mapping[str, Iterable[str]]) -> float | None:
    """`Retry-After` (RFC 9110 section 10.2.3) in seconds, None if it is absent or malformed.

    A date is measured from the `Date` of the same response, so that this machine's clock does not matter.
    """
    wait = first_value(headers, "retry-after").strip()
    if wait.isdecimal() and wait.isascii():
        return float(wait[:9])
    if not wait:
        return None
    from email.utils import parsedate_to_datetime  # a date is rare, and the import is not cheap

    try:
        pause = parsedate_to_datetime(wait) - parsedate_to_datetime(first_value(headers, "date"))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, pause.total_seconds())


def to_base64url(data: bytes) -> str:
    """`data` in base64url without padding (RFC 7515 section 2), as JWTs, proofs of possession and PKCE write it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes that `text` encodes in base64url without padding (RFC 7515 section 2).

    Raises `ValueError` for other text. `+` and `/` pass for `-` and `_`, because Python's decoder takes both.
    """
    return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
