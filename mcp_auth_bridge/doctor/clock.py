"""The check of the clock: this machine's against the `Date` of the servers' responses (RFC 9110 section 6.6.1)."""

import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from itertools import islice

import msgspec

from mcp_auth_bridge.doctor.documents import Documents
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.effects import Response

TOLERANCE = 30.0
"""Seconds that do no harm: libraries for JWTs allow 30 to 60, and `Date` is in whole seconds."""

WRONG = 300.0
"""Seconds at which tokens that are valid for minutes are refused: Entra and Kerberos allow five minutes."""

_FAILURE = 500
"""The first HTTP status of a failure. A gateway answers it in the server's place, perhaps with a page from long ago."""

_SET_IT = "set the date, time and time zone of this machine, preferably automatically"
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Witness(msgspec.Struct, frozen=True):
    """The clock of another machine."""

    # Its host, with the port.
    host: str
    # Seconds by which this machine's clock is ahead of it.
    skew: float


async def clock(evidence: Evidence) -> Finding:
    """Whether the clock of this machine agrees with those of the servers."""
    if evidence.subject.bridge is None:
        return skip("no server is named, whose clock could be compared")
    if (server := await _server(evidence)) is None:
        return compare((), ())
    return compare((server,), [each for each in _issuers(await evidence.documents()) if each.host != server.host])


def compare(servers: Sequence[Witness], issuers: Sequence[Witness]) -> Finding:
    """The finding about the clocks of the MCP server and of its authorization servers, each () if it is not known.

    If one of them agrees with this machine, the other one is wrong.
    """
    witnesses = [*servers, *issuers]
    if not witnesses:
        return skip("no server has told its time")
    worst = max(witnesses, key=lambda each: abs(each.skew))
    if abs(worst.skew) <= TOLERANCE:
        seconds = max(1, round(abs(worst.skew)))
        return ok(f"within {seconds} second{'s' if seconds > 1 else ''} of the clock of {worst.host}")
    if abs(worst.skew) <= WRONG:
        return warn(f"the clock of this machine is {_apart(worst.skew)} that of {worst.host}", _SET_IT)
    if all(abs(each.skew) > TOLERANCE for each in witnesses):
        told = f"the clock of this machine is {_apart(worst.skew)} that of {worst.host}"
        return fail(told, _SET_IT, sign(Symptom.CLOCK_WRONG, skew=_apart(worst.skew)))
    return fail(
        f"the clock of {worst.host} is {_apart(-worst.skew)} those of this machine and of others",
        f"tell the operator of {worst.host}",
        _of_server(worst, servers),
    )


def _of_server(worst: Witness, servers: Sequence[Witness]) -> Sign:
    symptom = Symptom.SERVER_CLOCK_WRONG if worst in servers else Symptom.ISSUER_CLOCK_WRONG
    return sign(symptom, host=worst.host, skew=_apart(-worst.skew))


def _apart(skew: float) -> str:
    """`skew` in words that go before the name of another clock: "2 hours ahead of"."""
    size, unit = next((size, unit) for size, unit in _UNITS if abs(skew) > 0.95 * size)  # 59.9 minutes are an hour
    count = round(abs(skew) / size)
    return f"{count} {unit}{'s' if count != 1 else ''} {'ahead of' if skew > 0 else 'behind'}"


async def _server(evidence: Evidence) -> Witness | None:
    """The clock of the MCP server, or of what answers in its place."""
    url = evidence.bridge.profile.url
    handshake = (await evidence.way()).handshake
    if handshake is not None and handshake.server_time is not None:  # TLS has failed, so there is no other response
        return Witness(url.authority, time.time() - handshake.server_time)
    answers = (answer for answer in (await evidence.answers()).all if 0 < answer.status < _FAILURE)
    for answer in sorted(answers, key=lambda each: each.milliseconds):
        if (apart := skew(answer.field("date"), answer.received)) is not None:
            return Witness(url.authority, apart)
    return None


def _issuers(documents: Documents) -> Iterator[Witness]:
    """The clocks of the authorization servers, by the answers for their metadata."""
    for issuer in documents.issuers:
        told = ((answer.url.authority, _told(answer.response)) for answer in issuer.answers)
        yield from islice((Witness(host, apart) for host, apart in told if apart is not None), 1)


def _told(response: Response | None) -> float | None:
    """As `skew`; a cache tells how old its copy is (RFC 9111 section 5.1)."""
    if response is None or response.status >= _FAILURE:
        return None
    age = response.header("age")
    return skew(response.header("date"), response.at - (int(age[:9]) if age.isdecimal() else 0))


def skew(date: str, received: float) -> float | None:
    """Seconds by which this machine's clock, which showed `received`, is ahead of a server's that sent `date`.

    None if `date` is not a date of HTTP. It is in whole seconds, and so half a second older on average.
    """
    try:
        return received - parsedate_to_datetime(date).timestamp() - 0.5
    except (ValueError, OverflowError):
        return None
