"""Why the certificate of a server is not trusted, and whose certificate it is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from mcp_auth_bridge.doctor.finding import Sign, sign
from mcp_auth_bridge.doctor.interception import Interceptor, Place, recognise
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.way import Way
from mcp_auth_bridge.errors import BridgeError, quoted
from mcp_auth_bridge.oauth.address_zones import Zone, parse_address, reach_of
from mcp_auth_bridge.shell.net.certificates import Certificate
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.handshake import Handshake

DAY = 86400.0
"""Seconds."""

_SIGN_IN = 511  # Network Authentication Required
_HOSTS = 5  # hosts of a certificate that a message names


# The certificates that a reverse proxy makes for hosts without one, by their subject: ingress-nginx's documentation
# "TLS/HTTPS", "Default SSL Certificate"; Traefik's, "Default Certificate".
_MAKERS = {
    "Kubernetes Ingress Controller Fake Certificate": "the ingress controller of Kubernetes (ingress-nginx)",
    "TRAEFIK DEFAULT CERT": "Traefik",
}


class Distrust(NamedTuple):
    """The reason why a certificate is refused, as a sentence and as a sign."""

    says: str
    sign: Sign


def distrust(way: Way, error: BridgeError, chain: Sequence[Certificate]) -> Distrust:
    """Why the certificates of `chain`, the server's own first, are refused. Where it cannot be told, it is `error`."""
    return _reason(way, chain) or Distrust(error.message, sign(Symptom.CERTIFICATE_REFUSED, error=error.message))


def _reason(way: Way, chain: Sequence[Certificate]) -> Distrust | None:
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
            return _of_another_server(way, chain) or _unknown_issuer(way, chain)
        case _:
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
        says = f"the certificate of {host} expired on {date(ends)}"
        return Distrust(says, sign(Symptom.CERTIFICATE_EXPIRED, host=host, ended=date(ends)))
    if begins > way.now:
        says = f"the certificate of {host} is not valid until {date(begins)}"
        return Distrust(says, sign(Symptom.CERTIFICATE_NOT_YET_VALID, host=host, begins=date(begins)))
    return None


def _other_host(way: Way, own: Certificate) -> Distrust:
    host, hosts = way.url.host, _hosts(own)
    symptom = Symptom.CERTIFICATE_OTHER_HOST if parse_address(host) is None else Symptom.ADDRESS_IN_URL
    return Distrust(f"the certificate of {host} is for {hosts}", sign(symptom, host=host, hosts=hosts))


def _hosts(own: Certificate) -> str:
    """The hosts that a certificate is for, quoted, and not too many of them."""
    others = f" and {len(own.hosts) - _HOSTS} more" if len(own.hosts) > _HOSTS else ""
    return quoted(", ".join(own.hosts[:_HOSTS]) or own.subject) + others


def _is_for(own: Certificate, host: str) -> bool:
    """Whether a certificate is for `host` (RFC 6125 section 6.4). Old ones have it in the subject alone."""
    above = f"*.{host.partition('.')[2]}"
    return any(each.lower() in (host, above) for each in own.hosts or (own.subject,))


def _of_another_server(way: Way, chain: Sequence[Certificate]) -> Distrust | None:
    host, own, issuer = way.url.host, chain[0], quoted(chain[-1].issuer)
    if (maker := _MAKERS.get(own.subject)) is not None:
        says = f"{maker} has no certificate for {host}, and shows one that it made itself"
        return Distrust(says, sign(Symptom.CERTIFICATE_MISSING, host=host, maker=maker))
    if not _is_for(own, host):
        if (portal := _portal(way)) is not None:
            says = f"in place of {host}, {portal} answers, where people sign in to a network"
            return Distrust(says, sign(Symptom.CAPTIVE_PORTAL, host=host, portal=portal))
        says = f"what answers in place of {host} has a certificate for {_hosts(own)}, of {issuer}"
        return Distrust(says, sign(Symptom.CERTIFICATE_FOREIGN, host=host, hosts=_hosts(own), issuer=issuer))
    return None


def _portal(way: Way) -> str | None:
    """The host, quoted, of a page that the network puts in place of the server's, None if there is none.

    It comes with a certificate that is not the server's: by a redirect to itself (RFC 8910 section 1), or with the
    status 511 (RFC 6585 section 6).
    """
    handshake = way.handshake or Handshake()
    if handshake.status == _SIGN_IN:
        return "a page of your network"
    try:
        target = urlsplit(handshake.location).hostname or ""
    except ValueError:
        return None
    return quoted(target) if target not in ("", way.url.host) else None


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
