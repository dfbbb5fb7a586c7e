"""Limits for the depth of JSON and for the length of its numbers, checked before it is parsed.

Parsers set limits of their own, or crash: serde_json stops at a depth of 128, Python at integers of 4,300 digits and at
about 1,000 levels. A message that the bridge can read but the MCP client cannot would be lost silently.
"""

from collections.abc import Iterator

DEEPEST = 128
"""The most levels of arrays and objects: the limit of serde_json, the strictest parser of the known clients."""

TOO_SHORT = 2 * DEEPEST
"""Bytes of the longest text in which there is no room for more levels that are opened and closed."""

LONGEST_NUMBER = 1000
"""The most digits in a row."""

_SLICE = 64 * 1024  # bytes that are scanned at once; a scan needs about as much memory besides the message
_SHORT = 16 * 1024  # bytes of a text in which all brackets are counted
_STRIDE = 50
_MAYBE_LONG = b"0" * (LONGEST_NUMBER // _STRIDE)
_DIGITS = bytes(ord("0" if byte in b"0123456789" else " ") for byte in range(256))
_LONG = b"0" * (LONGEST_NUMBER + 1)
_LEVELS = bytes.maketrans(b"{}", b"[]")
_NOT_OPENING = bytes(byte for byte in range(256) if byte not in b"[{")
_NO_LEVEL = bytes(byte for byte in range(256) if byte not in b"[]{}")


def exceeded_limit(text: bytes) -> str | None:
    """The limit that the JSON `text` exceeds, as a sentence, None if it exceeds none.

    The first check is cheap and overestimates: it counts brackets, and looks for digits at every fiftieth byte. Only a
    text that fails it is scanned. `text` need not be valid JSON: the parser finds that out later.
    """
    if len(text) <= TOO_SHORT:
        return None
    if _may_be_deep(text) and _is_too_deep(text):
        return f"the message is nested deeper than {DEEPEST} levels"
    if (
        len(text) > LONGEST_NUMBER
        and _MAYBE_LONG in text[::_STRIDE].translate(_DIGITS)
        and _has_too_long_a_number(text)
    ):
        return f"the message holds a number of more than {LONGEST_NUMBER} digits"
    return None


def _may_be_deep(text: bytes) -> bool:
    if len(text) <= _SHORT:
        return len(text.translate(None, _NOT_OPENING)) > DEEPEST
    found = 0  # a search for the next one is fifty times as fast for each byte, and slower for each that is found
    for opening in (b"[", b"{"):
        at = text.find(opening)
        while at >= 0:
            found += 1
            if found > DEEPEST:
                return True
            at = text.find(opening, at + 1)
    return False


def _is_too_deep(text: bytes) -> bool:
    depth = 0
    for outside in _outside_strings(text):
        brackets = outside.translate(_LEVELS, _NO_LEVEL)
        opened = brackets.count(b"[")
        if depth + opened <= DEEPEST:
            depth += 2 * opened - len(brackets)
            continue
        after = depth + 2 * opened - len(brackets)
        if _shells(b"[" * depth + brackets + b"]" * after) > DEEPEST:
            return True
        depth = after
    return False


def _shells(nest: bytes) -> int:
    """The depth of `nest`, in which all brackets are closed: each pass removes the innermost. Stops at the limit."""
    for passes in range(DEEPEST + 1):
        smaller = nest.replace(b"[]", b"")
        if len(smaller) == len(nest):
            return passes
        nest = smaller
    return DEEPEST + 1


def _has_too_long_a_number(text: bytes) -> bool:
    """Whether a number is too long: checks the text with its strings first, in which long runs of digits are rare."""
    slices = (text[start : start + _SLICE + LONGEST_NUMBER] for start in range(0, len(text), _SLICE))
    if not any(_LONG in part.translate(_DIGITS) for part in slices):
        return False
    before = b""
    for outside in _outside_strings(text):
        digits = before + outside.translate(_DIGITS)
        if _LONG in digits:
            return True
        before = digits[-LONGEST_NUMBER:]
    return False


def _outside_strings(text: bytes) -> Iterator[bytes]:
    """`text` in slices, in which a space stands for each string."""
    inside, start = False, 0
    while start < len(text):
        end = _end_of_slice(text, start + _SLICE)
        # Once escaped characters are removed, each string ends at the next quotation mark.
        plain = text[start:end].replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = plain.split(b'"')
        yield b" ".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0
        start = end


def _end_of_slice(text: bytes, end: int) -> int:
    """`end`, or a little later, so that no escape sequence is cut in two."""
    while end < len(text) and text[end - 1 : end] == b"\\":
        end += 1
    return end
