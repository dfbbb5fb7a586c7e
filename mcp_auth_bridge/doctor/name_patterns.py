"""The forms of names: patterns for what the redaction replaces wherever it stands."""

import re

PEM = re.compile(r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)
"""A key or a certificate."""
JWT = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){0,4}")
"""A JSON Web Token, or the beginning of one."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?::(?:\\?/){2}|%3A%2F%2F)[^\s\"'“”<>`|]*", re.IGNORECASE)
"""A URL, also percent-encoded as a whole or with escaped slashes."""
AUTHORITY = re.compile(r"(?:(.*)@)?(\[[^\]]*\]|[^:]*)(:\d+)?", re.DOTALL)
"""The user, the host and the port of a URL."""
EMAIL = re.compile(r"[\w.!#$%&'*+=?^{|}~-]+@[\w-]+(?:\.[\w-]+)+")
"""An address of a person."""
HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\+Users\\+)[^/\\\s\"'“”,;:]+", re.IGNORECASE)
"""The folder of a user's home."""
# A blank belongs to a path if a later part of the same path follows.
_BLANK = r"[ ](?=[^\n\"“”,;:/\\]{0,40}[^\s/\"“”,;:\\]/)"
PATH = re.compile(rf"(?<![\w/.~%-])(?:~|\.{{1,2}}|[A-Za-z]:)?[/\\](?:[^\s\"'“”,;:()]|{_BLANK})*")
"""A path of a file or of a URL."""
TAIL = re.compile(rf"\A[/\\](?:[^\s\"'“”,;:()]|{_BLANK})+")
"""The rest of a path whose beginning has a label already."""
ADDRESS = re.compile(r"(?<![\w.:])(?:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+|\d+(?:\.\d+){3})(?![\w:])")
"""What may be an IP address."""
DOTTED = re.compile(r"(?:(?<=%[0-9A-Fa-f]{2})|(?<![\w.%-]))[\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-]*\.?(?![\w])")
"""What may be the name of a host."""
SCHEME_TOKEN = re.compile(r"\b(?:Bearer|Basic|DPoP|Token) (?!\w+=[\"“])(?=\S*\d)[\w.~+/=-]{6,}", re.IGNORECASE)
"""A credential with its scheme, but not a parameter of a challenge."""
ASSIGNED = re.compile(
    r"(?<=[?&\s])((?:code|state|\w*token|\w*secret|\w*key|password|sig|signature|assertion|code_verifier)=)[^&\s\"“”]+",
    re.IGNORECASE,
)
"""A secret parameter of a query or form."""
LONG = re.compile(r"(?<![\w+/=.-])(?=[\w+/=-]*[A-Za-z])(?=(?:[\w+/=-]*\d){2})[\w+/=-]{20,}")
"""A long word of letters and digits, such as an API key."""
URN = re.compile(r"urn:(?!ietf:)[\w.:/@+-]+", re.IGNORECASE)
"""A URN, apart from those of the IETF."""
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""Such as the identifier of a tenant."""
