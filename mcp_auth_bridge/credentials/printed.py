"""What a command prints → a token and its end: one line of text, or a JSON document of a kind that many CLIs share."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from mcp_auth_bridge.errors import CredentialMissing, quoted
from mcp_auth_bridge.oauth.claims import expiry, numeric_date
from mcp_auth_bridge.secret import Secret

_LEAD, _SHORTEST_LEAD = 30.0, 2.0
"""Seconds before its end at which a token is replaced: a tenth of what is left of it, within these bounds. Clocks and
ends are rounded to whole seconds, and half of a very short life is all that can be done about that.
"""

_SHORTEST_LIFE = 1.0
"""Seconds for which what was printed is used in any case: a CLI may print a cached token to its last second."""

_TOKENS = ("access_token", "token", "accessToken")
"""RFC 6749 section 5.1; gcloud, Kubernetes' ExecCredential; az."""

_ENDS = ("expires_at", "expires_on", "expiry", "token_expiry", "expirationTimestamp")
"""az, Go's oauth2.Token, gcloud, Kubernetes. az's `expiresOn` is in a local time that it does not name."""

_WITHIN = ("status", "credential")
"""Where Kubernetes (client.authentication.k8s.io) and `gcloud config config-helper` keep them."""


class Printed(msgspec.Struct, frozen=True):
    """A token. Times are Unix seconds; without `expires_at` it is good until it is refused."""

    value: Secret
    obtained_at: float
    expires_at: float | None = None

    def due(self, now: float) -> bool:
        """Whether it should be replaced before its next use."""
        if self.expires_at is None:
            return False
        left = max(0.0, self.expires_at - self.obtained_at)
        lead = min(max(0.1 * left, _SHORTEST_LEAD), _LEAD, 0.5 * left)
        return now >= max(self.expires_at - lead, self.obtained_at + _SHORTEST_LIFE)


def printed(text: Secret, argv: tuple[str, ...], now: float) -> Printed:
    """The token in what `argv` printed at `now`. Raises `CredentialMissing`, which repeats nothing of it."""
    value, ends = _read(text.reveal().strip(), argv, now)
    known = [end for end in (ends, expiry(value)) if end is not None]
    return Printed(Secret(value), now, min(known, default=None))


def _read(text: str, argv: tuple[str, ...], now: float) -> tuple[str, float | None]:
    if text.startswith("{"):
        return _from_document(text, argv, now)
    if (count := len(text.splitlines())) != 1:
        raise _unfit(
            argv, f"printed {count} lines", "let it print the token alone, or a JSON document with access_token"
        )
    return text, None


def _from_document(text: str, argv: tuple[str, ...], now: float) -> tuple[str, float | None]:
    hint = f"one of its names must be {' or '.join(_TOKENS)}, and its value a text"
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise _unfit(argv, "printed something that begins like JSON and is none", hint) from None
    for place in (document, *(document.get(name) for name in _WITHIN)):
        if isinstance(place, dict) and (token := _first_text(place)):
            return token, _end(place, now)
    raise _unfit(argv, "printed a JSON document without a token", hint)


def _first_text(place: Mapping[str, Any]) -> str:
    found = [place[name] for name in _TOKENS if isinstance(place.get(name), str)]
    return next(filter(None, found), "")


def _end(place: Mapping[str, Any], now: float) -> float | None:
    """When the token of such a document ends: what cannot be understood is left to the server's refusal."""
    if (lifetime := numeric_date(place.get("expires_in"))) is not None:
        return now + lifetime
    ends = (_moment(place[name]) for name in _ENDS if name in place)
    return next((end for end in ends if end is not None), None)


def _moment(value: Any) -> float | None:  # Any: a member of a foreign JSON document
    """A NumericDate, or a date of RFC 3339, which names its zone."""
    if not isinstance(value, str) or value.isdecimal():
        return numeric_date(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _unfit(argv: tuple[str, ...], problem: str, hint: str) -> CredentialMissing:
    return CredentialMissing(f"the command {quoted(argv[0])} {problem}", hint)
