"""The forms in which a name may appear in a text: spelled character by character, or encoded as a whole."""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

_LEAST = 6  # characters of an encoded form that are enough to recognise it


def spelled_forms(name: str) -> list[str]:
    """Patterns, for matching without regard to case, of `name` and of its punycode and Unicode forms.

    Each character may be percent-encoded or escaped as in JSON.
    """
    forms = dict.fromkeys((name, name.upper(), name.casefold(), *_international(name)))
    return ["".join(_spelled(char) for char in form) for form in forms]


def encoded_forms(name: str) -> list[str]:
    """The characters that every base64 or hexadecimal encoding of a text with `name` in it contains.

    The base64 form of a name depends on its offset in the text; the middle of each of the three is enough.
    """
    data = [form.encode("utf-8", "replace") for form in dict.fromkeys((name, name.lower(), name.upper()))]
    return [form for each in data for form in _encoded(each) if len(form) >= _LEAST]


def _encoded(data: bytes) -> Iterator[str]:
    yield data.hex()
    yield data.hex().upper()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * shift + data).decode().rstrip("=")
            # The first characters hold bits of what stands before, the last ones of what follows.
            begin, end = (0, 2, 3)[shift], len(whole) - ((shift + len(data)) % 3 != 0)
            yield whole[begin:end]


def _spelled(char: str) -> str:
    data = char.encode("utf-8", "replace")
    percent = "".join(f"%{byte:02X}" for byte in data)
    escaped = json.dumps(char)[1:-1] if not "\ud800" <= char <= "\udfff" else char
    units = "".join(
        f"\\u{char.encode('utf-16-be', 'replace')[at : at + 2].hex()}" for at in range(0, 2 * _units(char), 2)
    )
    forms = dict.fromkeys((char, percent, quote(char, safe="", errors="replace"), escaped, units))
    return f"(?:{'|'.join(map(re.escape, forms))})"


def _units(char: str) -> int:
    return 2 if ord(char) > 0xFFFF else 1


def _international(name: str) -> Iterator[str]:
    """The punycode form of a name with other letters than ASCII's, and the Unicode form of a name in punycode."""
    try:
        if name.isascii():
            yield name.encode().decode("idna")
        else:
            yield name.encode("idna").decode()
    except UnicodeError:
        pass
