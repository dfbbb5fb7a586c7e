"""Why the certificate of a server is not trusted, and whose certificate it is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from mcp_auth_bridge.doctor.finding import Sign, sign
from mcp_auth_bridge.doctor.interception import Interceptor, Place, recognise
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.way import Way
from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.oauth.address_zones import Zone, parse_address, reach_of
from mcp_auth_bridge.shell.net.certificates import Certificate
from mcp_auth_bridge.shell.net.connect_errors import Fault

DAY = 86400.0
"""Seconds."""

_HOSTS = 5  # hosts of a certificate that a message names


class Distrust(NamedTuple):
    """The reason why a certificate is refused, as a sentence and as a sign."""

    says: str
    sign: Sign


def distrust(way: Way, chain: Sequence[Certificate]) -> Distrust | None:
    """Why the certificates of `chain`, the server's own first, are refused; None if it cannot be told."""
    if not chain:
        return None
    if (interceptor := interceptor_of(chain)) is not None:
        return _intercepted(way, interceptor)
    match way.handshake_fault:
        case Fault.EXPIRED | Fault.NOT_YET_VALID:
            return _of_time(way, chain)
        case Fault.OTHER_HOST:
            return _other_host(way, chain[0])
        case Fault.UNKNOWN_ISSUER | Fault.SELF_SIGNED:
            return _unknown_issuer(way, chain)
    return None


def interceptor_of(chain: Sequence[Certificate]) -> Interceptor | None:
    """The product that put `chain` in place of the server's certificates, None if none is known to have done so."""
    if not chain or chain[0].is_public:
        return None
    return recognise(name for certificate in chain for name in certificate.issuer_names)


def date(seconds: float) -> str:
    """The day of a moment in seconds since the epoch, as in 2026-11-30, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _intercepted(way: Way, interceptor: Interceptor) -> Distrust:
    host, product = way.url.host, interceptor.product
    symptom = Symptom.TLS_INTERCEPTED if interceptor.place is Place.NETWORK else Symptom.TLS_INTERCEPTED_HERE
    return Distrust(
        f"{product} reads the connection to {host}: it put a certificate of its own in place of the server's",
        sign(symptom, product=product, host=host),
    )


def _of_time(way: Way, chain: Sequence[Certificate]) -> Distrust | None:
    host = way.url.host
    ends, begins = min(each.not_after for each in chain), max(each.not_before for each in chain)
    if ends < way.now:
        says = f"the certificate of {host} ended on {date(ends)}"
        return Distrust(says, sign(Symptom.CERTIFICATE_EXPIRED, host=host, ended=date(ends)))
    if begins > way.now:
        says = f"the certificate of {host} begins only on {date(begins)}"
        return Distrust(says, sign(Symptom.CERTIFICATE_NOT_YET_VALID, host=host, begins=date(begins)))
    return None


def _other_host(way: Way, own: Certificate) -> Distrust:
    host = way.url.host
    others = f" and {len(own.hosts) - _HOSTS} more" if len(own.hosts) > _HOSTS else ""
    hosts = quoted(", ".join(own.hosts[:_HOSTS]) or own.subject) + others
    symptom = Symptom.CERTIFICATE_OTHER_HOST if parse_address(host) is None else Symptom.ADDRESS_IN_URL
    return Distrust(f"the certificate of {host} is for {hosts}", sign(symptom, host=host, hosts=hosts))


def _unknown_issuer(way: Way, chain: Sequence[Certificate]) -> Distrust:
    host, own, issuer = way.url.host, chain[0], quoted(chain[-1].issuer)
    says = f"the certificate of {host} comes from {issuer}, which this machine does not know"
    if own.is_public and len(chain) == 1:
        says = f"{host} sends its own certificate, but not that of {issuer}, which issued it"
        return Distrust(says, sign(Symptom.CHAIN_INCOMPLETE, host=host, issuer=issuer))
    if own.is_public:
        return Distrust(says, sign(Symptom.PUBLIC_ISSUER_UNKNOWN, host=host, issuer=issuer))
    if _is_near(way):
        return Distrust(says, sign(Symptom.PRIVATE_ISSUER, host=host, issuer=issuer))
    if own.is_self_signed:
        return Distrust(f"{host} issued its certificate itself", sign(Symptom.SELF_SIGNED, host=host))
    return Distrust(says, sign(Symptom.CERTIFICATE_ISSUER_UNKNOWN, host=host, issuer=issuer))


def _is_near(way: Way) -> bool:
    """Whether the server is known to be on this machine or in a private network, where public CAs issue nothing."""
    literal = parse_address(way.url.host)
    addresses = way.names.addresses if way.proxy is None else (literal,) if literal is not None else ()
    return bool(addresses) and reach_of(addresses) is not Zone.PUBLIC
