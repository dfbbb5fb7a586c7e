"""The sentence for people in a server's refusal, which often is the whole diagnosis.

`saying` quotes and shortens it, and cuts out everything that was sent as a credential or looks like one.
"""

import base64
import binascii
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import msgspec

from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.secret import Secret

LONGEST = 4096
"""Bytes of the longest refusal that is read: a longer one is not written for people."""

_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_MEMBERS = ("error_description", "message", "msg", "detail", "title", "reason", "error", "errors")
"""The members that describe an error, in order of preference: RFC 6749 section 5.2; those of many servers; FastAPI's
`detail`, a list of objects with `msg`; RFC 9457; the `error` of JSON-RPC and many others."""

_DEEPEST = 4

_TELLING = 16
"""The length of the shortest part of a secret from which a reader learns something, in characters."""

_SHORTEST = 4
"""The length of the shortest value that is searched for, in characters: a shorter one is a part of many words."""

_SCHEMES = ("basic", "bearer", "dpop")

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BETWEEN = re.compile("[^0-9A-Za-z]+")

_CUT = "…"
_QUOTATION = re.compile("“[^”]*”")
_LIKE_SECRETS = re.compile(
    r"\bey[\w-]{10,}\.[\w.-]+|(?<=\bbearer )[\w.~+/=-]{12,}|(?<=\bbasic )[\w+/=-]{12,}", re.IGNORECASE
)


def sentence(kind: str, body: bytes) -> str:
    """The sentence for people in the `body` of a refusal with the media type `kind`, "" if there is none.

    In a JSON document that is the member that describes the error, or a string, in a web page the title, and in plain
    text all of it. It is foreign text: see `saying`.
    """
    if kind == "text/html" or body.lstrip()[:1] == b"<":
        title = _TITLE.search(body[:LONGEST].decode(errors="replace"))
        if title is None:
            return ""
        from html import unescape  # it brings a large table, and few responses are pages

        return unescape(title[1]).strip()
    if len(body) > LONGEST:
        return ""
    try:
        document: Any = msgspec.json.decode(body)  # Any: JSON
        if isinstance(document, str | list | dict):
            return _told(document, _DEEPEST)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return body.decode(errors="replace").strip() if kind == "text/plain" else ""


def saying(text: str, secrets: Iterable[Secret] = ()) -> str:
    """The end of a message: `, saying “…”` with the foreign `text` without the `secrets`; "" if nothing is left."""
    text = redacted(text, secrets)
    return f", saying {quoted(text)}" if text.strip(f"{_CUT} \t\r\n") else ""


def redacted(text: str, secrets: Iterable[Secret]) -> str:
    """`text` without the `secrets`, without their parts of `_TELLING` characters, and without other apparent secrets.

    Case does not count. In a long row of letters and digits, the characters between them do not count either: servers
    repeat a value in capitals, and in groups.
    """
    forms = [form for secret in secrets for form in _forms(secret.reveal())]
    groups = [form for form in map(_alphanumeric, forms) if len(form) >= _TELLING]
    cut = {*_places(text, range(len(text)), forms), *_places(text, _alphanumeric_places(text), groups)}
    left = "".join("\0" if place in cut else char for place, char in enumerate(text))
    return _LIKE_SECRETS.sub(_CUT, re.sub("\0+", _CUT, left))


def redacted_quotations(message: str, secrets: Iterable[Secret]) -> str:
    """A `message` of the bridge with every quotation in it `redacted`: only there it repeats foreign text."""
    known = [*secrets]
    return _QUOTATION.sub(lambda found: redacted(found[0], known), message)


def _places(text: str, at: Sequence[int], forms: Iterable[str]) -> Iterator[int]:
    """The indices in `text` of every telling piece of the `forms`. Only the characters with an index in `at` count."""
    said = "".join(text[place] for place in at).translate(_LOWER)
    telling = {piece for form in forms for piece in _pieces(form.translate(_LOWER))}
    for size in {len(piece) for piece in telling}:
        for start in range(len(said) - size + 1):
            if said[start : start + size] in telling:
                yield from range(at[start], at[start + size - 1] + 1)


def _alphanumeric(text: str) -> str:
    return _BETWEEN.sub("", text)


def _alphanumeric_places(text: str) -> Sequence[int]:
    return [place for place, char in enumerate(text) if char.isascii() and char.isalnum()]


def _told(value: Any, depth: int) -> str:  # Any: JSON
    if isinstance(value, str):
        return value.strip()
    if depth and isinstance(value, list):
        return _told(value[0], depth - 1) if value else ""
    if depth and isinstance(value, dict):
        return next(filter(None, (_told(value.get(name), depth - 1) for name in _MEMBERS)), "")
    return ""


def _forms(value: str) -> Iterator[str]:
    """The forms in which a server may repeat a header's or form field's `value`: without scheme, decoded, encoded."""
    scheme, _, rest = value.partition(" ")
    bare = rest if rest and scheme.lower() in _SCHEMES else value
    yield from (bare, quote_plus(bare))
    if len(bare) >= _TELLING:
        yield from _encoded(bare.encode())
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        password = pair.partition(":")[2]
        yield from (password, unquote_plus(password))


def _encoded(value: bytes) -> Iterator[str]:
    """`value` in hexadecimal digits, and as it looks in Base64 after any number of other bytes."""
    yield value.hex()
    for before in range(3):
        yield base64.b64encode(bytes(before) + value).decode()[before + bool(before) :].rstrip("=")


def _pieces(text: str) -> Iterator[str]:
    """The pieces of `text` with `_TELLING` characters, or all of a shorter `text`, down to `_SHORTEST` characters."""
    if len(text) >= _SHORTEST:
        yield from (text[start : start + _TELLING] for start in range(max(len(text) - _TELLING, 0) + 1))
