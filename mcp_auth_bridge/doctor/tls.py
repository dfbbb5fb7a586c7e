"""Checks of the encrypted connection: the handshake, the certificate and its issuer, the version of HTTP."""

from mcp_auth_bridge.doctor.distrust import DAY, date, distrust, interceptor_of
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.way import Way
from mcp_auth_bridge.errors import BridgeError, ConfigError, quoted
from mcp_auth_bridge.shell.net.certificates import Certificate, read
from mcp_auth_bridge.shell.net.connect_errors import OF_CERTIFICATES, Fault
from mcp_auth_bridge.shell.net.handshake import Handshake

SOON = 14
"""Days: a certificate that ends within them should have been renewed. Most CAs renew theirs 30 days before."""

_PROXY_FAULTS = (Fault.PROXY_WANTS_LOGIN, Fault.PROXY_REFUSES, Fault.PROXY_FAILS)

_OF_HANDSHAKE = {
    Fault.OLD_TLS: Symptom.TLS_TOO_OLD,
    Fault.NOT_TLS: Symptom.NOT_TLS,
    Fault.CLIENT_CERTIFICATE: Symptom.CLIENT_CERTIFICATE_WANTED,
    Fault.HUNG_UP: Symptom.HANDSHAKE_CUT_OFF,
    Fault.SILENT: Symptom.HANDSHAKE_SILENT,
}


async def encryption(evidence: Evidence) -> Finding:
    """The TLS handshake with the server, and its certificate."""
    way = await evidence.way()
    if way.url.scheme == "http":
        return _plain(way)
    handshake, fault = way.handshake, way.handshake_fault
    if handshake is None or fault in _PROXY_FAULTS:
        return skip(f"there is no connection to {way.url.host}")
    if fault is Fault.HTTP_2_ONLY:
        return skip("the server ended the handshake, because it wants another version of HTTP")
    chain = tuple(certificate for der in handshake.certificates if (certificate := read(der)) is not None)
    if handshake.error is None:
        return _good(way, handshake, chain)
    return _refused(way, handshake.error, chain)


async def http_version(evidence: Evidence) -> Finding:
    """The version of HTTP, which server and client settle in the handshake (ALPN, RFC 7301)."""
    way = await evidence.way()
    if way.handshake_fault is Fault.HTTP_2_ONLY and (error := way.handshake_error) is not None:
        return fail(error.message, error.hint, sign(Symptom.HTTP_2_ONLY, host=way.url.host))
    if not way.reached:
        return skip(f"there is no connection to {way.url.host}")
    return ok("HTTP/1.1")


def _plain(way: Way) -> Finding:
    host = way.url.host
    if way.url.is_loopback:
        return ok("none, and none is needed: the server is on this machine")
    says = f"requests to {host} are not encrypted: each machine on the way can read them, with the credentials"
    return warn(says, "write https:// into the url, if the server offers it", sign(Symptom.PLAIN_HTTP, host=host))


def _good(way: Way, handshake: Handshake, chain: tuple[Certificate, ...]) -> Finding:
    if not chain:
        return ok(handshake.version)
    own = chain[0]
    days = int((own.not_after - way.now) / DAY)
    says = f"{handshake.version}, with a certificate of {quoted(own.issuer)} that is good for {days} days"
    product = interceptor_of(chain)
    details = (f"{product.product}, on {product.place.value}, reads this connection on its way",) if product else ()
    if days < SOON and product is None:
        facts = {"host": way.url.host, "ends": date(own.not_after)}
        hint = "tell the server's operator"
        return warn(f"{says} only", hint, sign(Symptom.CERTIFICATE_ENDS_SOON, **facts), details=details)
    return ok(f"{says}, until {date(own.not_after)}", details=details)


def _refused(way: Way, error: BridgeError, chain: tuple[Certificate, ...]) -> Finding:
    if isinstance(error, ConfigError):
        facts = {"error": error.message, "hint": error.hint}
        return fail(error.message, error.hint, sign(Symptom.NETWORK_SETTINGS_UNUSABLE, **facts))
    if way.handshake_fault in OF_CERTIFICATES:
        found = distrust(way, error, chain)
        return fail(found.says, error.hint, found.sign, details=_described(chain))
    symptom = _OF_HANDSHAKE.get(way.handshake_fault or Fault.OTHER, Symptom.HANDSHAKE_BROKEN_OFF)
    return fail(error.message, error.hint, sign(symptom, host=way.url.host))


def _described(chain: tuple[Certificate, ...]) -> tuple[str, ...]:
    """A line for each certificate that the server sent."""
    return tuple(
        f"certificate {number}: for {quoted(', '.join(each.hosts) or each.subject)}, of {quoted(each.issuer)},"
        f" good from {date(each.not_before)} until {date(each.not_after)}"
        for number, each in enumerate(chain, 1)
    )
