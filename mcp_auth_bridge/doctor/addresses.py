"""Checks of the way up to the connection: the proxy, the name, each address."""

from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, ok, sign, skip, warn
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.way import Way
from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.oauth.address_zones import Address, Zone, parse_address, reach_of, zone_of
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.reachability import Knock, fault_of

SLOW = 1.0
"""Seconds above which a step is worth a warning: a call of a tool takes several steps."""

_ZONES = {
    Zone.PUBLIC: "public",
    Zone.PRIVATE: "in a private network",
    Zone.LOOPBACK: "on this machine",
    Zone.FORBIDDEN: "reserved",
}

# Of several addresses, the one whose fault says the most speaks for all.
_TELLING = (
    Fault.TOO_MANY_FILES,
    Fault.REFUSED,
    Fault.FORBIDDEN,
    Fault.HUNG_UP,
    Fault.OTHER,
    Fault.SILENT,
    Fault.NO_ROUTE,
)

_OF_PROXY = {
    Fault.PROXY_WANTS_LOGIN: Symptom.PROXY_WANTS_LOGIN,
    Fault.PROXY_REFUSES: Symptom.PROXY_REFUSES,
    Fault.PROXY_FAILS: Symptom.PROXY_FAILS,
}


_OF_NAME = {Fault.NAME_UNKNOWN: Symptom.NAME_UNKNOWN, Fault.NAME_SERVER_SILENT: Symptom.NAME_SERVER_SILENT}

_OF_CONNECTION = {
    Fault.REFUSED: Symptom.REFUSED,
    Fault.SILENT: Symptom.CONNECTION_SILENT,
    Fault.NO_ROUTE: Symptom.NO_ROUTE,
    Fault.FORBIDDEN: Symptom.CONNECTION_FORBIDDEN,
}


async def proxy(evidence: Evidence) -> Finding:
    """The proxy in front of the server: which one, where it was configured, and whether it lets requests through."""
    way = await evidence.way()
    if (unusable := way.proxy_error) is not None:
        facts = {"error": unusable.message, "hint": unusable.hint}
        return fail(unusable.message, unusable.hint, sign(Symptom.NETWORK_SETTINGS_UNUSABLE, **facts))
    if way.proxy is None:
        return ok(f"none, because {way.direct}")
    if (unreachable := _unreachable(way)) is not None:
        facts = {"proxy": str(way.proxy), "error": unreachable.message}
        sentence = f"{way.proxy} cannot be reached: {unreachable.message}"
        named = _sign_of_machine(way, unreachable) or sign(Symptom.PROXY_UNREACHABLE, **facts)
        return fail(sentence, unreachable.hint, named, details=_attempts(way))
    if (symptom := _OF_PROXY.get(way.handshake_fault or Fault.OTHER)) is not None and (
        error := way.handshake_error
    ) is not None:
        return fail(error.message, error.hint, sign(symptom, error=error.message, host=way.url.host))
    return ok(f"requests go through {way.proxy}", details=_attempts(way))


async def name(evidence: Evidence) -> Finding:
    """The host name of the server: its addresses, and how far away they are."""
    way = await evidence.way()
    if way.proxy_error is not None or way.proxy is not None:
        return skip(f"{way.proxy or 'the proxy'} looks it up")
    host, names = way.url.host, way.names
    if names.error is not None:
        return fail(names.error.message, names.error.hint, *_signs_of_name(way, names.error))
    if parse_address(host) is not None:
        return ok(f"the URL has an address, {_ZONES[zone_of(names.addresses[0])]}, and no name")
    if all(address.is_unspecified for address in names.addresses):
        says = f"the name server has no address of {host}, but {names.addresses[0]}, as filters answer"
        return fail(
            says, "allow the host in the filter of your network or machine", sign(Symptom.NAME_BLOCKED, host=host)
        )
    details = tuple(f"{address} is {_ZONES[zone_of(address)]}" for address in names.addresses)
    says, details = (
        (f"{host} has {_count(names.addresses)}", details) if len(details) > 1 else (f"{host}: {details[0]}", ())
    )
    if names.seconds > SLOW:
        slow = f"{says}, but the name server took {names.seconds:.1f} s to say so"
        return warn(slow, "a name server of this machine may be dead: check its network settings", details=details)
    return ok(says, details=details)


async def connection(evidence: Evidence) -> Finding:
    """TCP with each address of the server, and how long it takes."""
    way = await evidence.way()
    if way.proxy_error is not None or way.proxy is not None:
        return skip(f"{way.proxy or 'the proxy'} makes it")
    if not way.knocks:
        return skip(f"there is no address of {way.url.host}")
    details, place = _attempts(way), way.url.authority
    if (error := _unreachable(way)) is not None:
        says = _UNREACHABLE.get(fault_of(error) or Fault.OTHER, error.message).format(place)
        return fail(says, error.hint, *_signs_of_connection(way, error), details=details)
    if _is_black_hole(way.knocks):
        says = f"the IPv6 addresses of {place} do not answer, and the IPv4 ones do: each connection tries both"
        return warn(says, "write ipv4_only = true into the server's network table", details=details)
    fastest = min(knock.seconds for knock in way.knocks if knock.error is None)
    if fastest > SLOW:
        return warn(f"{place} takes {fastest:.1f} s for a connection", "check the network and VPN", details=details)
    return ok(f"{place} takes connections, after {_milliseconds(fastest)}", details=details)


_UNREACHABLE = {
    Fault.REFUSED: "{} refuses connections: nothing listens at this port",
    Fault.SILENT: "{} neither takes nor refuses connections: a firewall drops them, or the host is off",
    Fault.NO_ROUTE: "there is no route to {}",
    Fault.FORBIDDEN: "this machine does not allow a connection to {}",
}


def _unreachable(way: Way) -> Unreachable | None:
    """Why the first place on the way takes no connections, None if it does."""
    if way.names.error is not None or way.connects:
        return way.names.error
    errors = [knock.error for knock in way.knocks if knock.error is not None]
    return min(errors, key=lambda error: _TELLING.index(fault_of(error) or Fault.OTHER), default=None)


def _sign_of_machine(way: Way, error: Unreachable) -> Sign | None:
    """The sign of a fault that keeps this machine from any connection, None if there is none."""
    if fault_of(error) is Fault.TOO_MANY_FILES:
        return sign(Symptom.TOO_MANY_FILES)
    near = way.names.addresses and reach_of(way.names.addresses) is Zone.LOOPBACK
    if way.has_route or (near and fault_of(error) is not Fault.NO_ROUTE):
        return None
    return sign(Symptom.NO_NETWORK)


def _signs_of_name(way: Way, error: Unreachable) -> tuple[Sign, ...]:
    if (of_machine := _sign_of_machine(way, error)) is not None:
        return (of_machine,)
    symptom = _OF_NAME.get(fault_of(error) or Fault.OTHER)
    return () if symptom is None else (sign(symptom, host=way.url.host),)


def _signs_of_connection(way: Way, error: Unreachable) -> tuple[Sign, ...]:
    if (of_machine := _sign_of_machine(way, error)) is not None:
        return (of_machine,)
    symptom = _OF_CONNECTION.get(fault_of(error) or Fault.OTHER)
    if symptom is Symptom.REFUSED and reach_of(way.names.addresses) is Zone.LOOPBACK:
        symptom = Symptom.REFUSED_HERE
    return () if symptom is None else (sign(symptom, place=way.url.authority),)


def _is_black_hole(knocks: tuple[Knock, ...]) -> bool:
    """Whether all IPv6 addresses are silent, and an IPv4 address is not."""
    sixes = [knock.fault for knock in knocks if knock.address.version == 6]
    fours = [knock.fault for knock in knocks if knock.address.version == 4]
    return bool(sixes) and all(fault is Fault.SILENT for fault in sixes) and None in fours


def _attempts(way: Way) -> tuple[str, ...]:
    """A line for each address that was tried, if there are several."""
    if len(way.knocks) == 1:
        return ()
    return tuple(
        f"{knock.address} answers after {_milliseconds(knock.seconds)}" if knock.error is None else knock.error.message
        for knock in way.knocks
    )


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))} ms"


def _count(addresses: tuple[Address, ...]) -> str:
    """As in "2 IPv4 addresses and 1 IPv6 address"."""
    counts = [(f"IPv{version}", sum(address.version == version for address in addresses)) for version in (4, 6)]
    return " and ".join(f"{count} {kind} address{'es' * (count > 1)}" for kind, count in counts if count)
