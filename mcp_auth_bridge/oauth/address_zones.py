"""The zones of IP addresses, from the open internet to this machine.

The metadata of a server may lead into the server's own zone or one farther away, and no nearer: a server in the open
internet has no business with the printer, the router or a database of a user who reads its metadata (OWASP "Server Side
Request Forgery"; MCP security best practices). The rules are about addresses, never names: the owner of a name decides
what it resolves to.
"""

import enum
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address


class Zone(enum.IntEnum):
    """A server in one zone may lead to that zone and to those before it. No server may lead to `FORBIDDEN`."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    FORBIDDEN = 3


# The first block that holds an address decides.
_BLOCKS: tuple[tuple[Zone, tuple[IPv4Network | IPv6Network, ...]], ...] = tuple(
    (zone, tuple(ip_network(block) for block in blocks.split()))
    for zone, blocks in (
        # The metadata services of clouds outside of link-local: AWS and GCP (IPv6), Alibaba, Azure, Oracle.
        (Zone.FORBIDDEN, "fd00:ec2::/32 fd20:ce::/32 100.100.100.200/32 168.63.129.16/32 192.0.0.0/24"),
        # Link-local, "this host" (which Linux takes for loopback), multicast, reserved, examples, Teredo and the like.
        (Zone.FORBIDDEN, "169.254.0.0/16 0.0.0.0/8 224.0.0.0/3 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24"),
        (Zone.FORBIDDEN, "192.88.99.0/24 2001::/23 2001:db8::/32 3fff::/20"),
        (Zone.LOOPBACK, "127.0.0.0/8 ::1/128"),
        # 198.18/15 is for benchmarks; in practice proxies on this machine answer with it for every name.
        (Zone.PRIVATE, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 198.18.0.0/15 fc00::/7 fec0::/10"),
        (Zone.PUBLIC, "0.0.0.0/0 2000::/3"),
        (Zone.FORBIDDEN, "::/0"),
    )
)
_NAT64 = tuple(IPv6Network(block) for block in ("64:ff9b::/96", "64:ff9b:1::/48"))  # RFC 6052, RFC 8215


def zone_of(address: Address) -> Zone:
    """The zone of `address`, or of the IPv4 address that it stands for."""
    embedded = _embedded_ipv4(address) if isinstance(address, IPv6Address) else None
    if embedded is not None:
        return zone_of(embedded)
    return next(zone for zone, blocks in _BLOCKS for block in blocks if address in block)


def reach_of(addresses: Iterable[Address]) -> Zone:
    """Where a server with these `addresses` may lead: a name with a public address besides others counts as public."""
    return min(zone_of(address) for address in addresses)


def addresses_within(addresses: Iterable[Address], reach: Zone) -> list[Address]:
    """Filter `addresses` to those that may be connected to, in their order.

    A name is not refused because of its other addresses: nothing is sent to them, and an office that gives one name an
    inner and an outer address is not an attacker.
    """
    return [address for address in addresses if zone_of(address) <= min(reach, Zone.LOOPBACK)]


def parse_address(host: str) -> Address | None:
    """Parse `host` as an address, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address at which a packet to `address` ends: mapped, 6to4 (RFC 3056), NAT64."""
    if any(address in block for block in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
