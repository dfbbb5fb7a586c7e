"""Text for a log: without what may be secret in it."""

import re

from mcp_auth_bridge.errors import printable

LONGEST = 200  # characters of one field

_CUT = "…"
_USER_INFO = re.compile(r"(?<=//)[^/?#\s]*@")
_QUERY = re.compile(r"[?#]\S*")
_KEY_IN_PATH = re.compile(
    r"(?=[A-Za-z_%~+=-]*[0-9])[\w%~+=-]{16,}|(?=[a-z_-]*[A-Z][A-Z_-]*[a-z])[A-Za-z_-]{20,}|[A-Za-z]{24,}"
)
"""A run of characters that is not a word, percent-encoded or not: long, and with a digit, in both cases, or unbroken.

Some MCP servers have the user's key in the path of their URL. The closed list of fields does not stop such a key,
which is part of URLs, paths, names of locks and error messages (tests/e2e/test_canaries.py proves it).
"""


def clean(text: str, longest: int = LONGEST) -> str:
    """`text` in printable characters, at most `longest` of them, and its URLs without what may be secret."""
    text = _USER_INFO.sub(f"{_CUT}@", printable(text[: longest * 4]))
    text = _KEY_IN_PATH.sub(_CUT, _QUERY.sub("", text))
    return text if len(text) <= longest else text[:longest] + _CUT
