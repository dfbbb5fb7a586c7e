"""Host names → the addresses that may be connected to (`oauth/address_zones.py`)."""

import asyncio
import socket
from itertools import chain, zip_longest

from mcp_auth_bridge.oauth.address_zones import Address, Zone, parse_address, reach_of
from mcp_auth_bridge.oauth.trust import filter_addresses
from mcp_auth_bridge.shell.net.error_translation import translate_errors
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.urls import Url


class Resolver:
    """Looks each name up once and keeps the result, so that no name server can change it between check and use."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[str, list[Address]] = {}

    async def addresses(self, url: Url, led_by: Url | None) -> list[Address]:
        """The addresses to connect to for `url`, at least one, the best first.

        Raises `Unreachable` for an unknown name, `UrlRefused` if `led_by` may not lead there.
        """
        return filter_addresses(await self._look_up(url), await self._reach(led_by), url, led_by)

    async def check_for_proxy(self, url: Url, led_by: Url | None) -> None:
        """As `addresses`, where the proxy resolves the name of `url`: then only a literal address can be judged."""
        address = parse_address(url.host)
        if address is not None:
            filter_addresses([address], await self._reach(led_by), url, led_by)

    def prefer(self, url: Url, address: Address) -> None:
        """Try `address` first from now on: it has answered."""
        self._known[url.host] = sorted(self._known[url.host], key=lambda known: known != address)

    async def _reach(self, led_by: Url | None) -> Zone:
        if led_by is None:
            return Zone.LOOPBACK
        if self._network.proxy(led_by) is not None:
            address = parse_address(led_by.host)
            return reach_of([address]) if address else Zone.PUBLIC
        return reach_of(await self._look_up(led_by))

    async def _look_up(self, url: Url) -> list[Address]:
        if url.host not in self._known:
            self._known[url.host] = await self._resolved(url)
        return self._known[url.host]

    async def _resolved(self, url: Url) -> list[Address]:
        if (address := parse_address(url.host)) is not None:
            return [address]
        with translate_errors(url.origin):
            return interleaved(await resolve(url, self._network))


async def resolve(url: Url, network: Network) -> list[Address]:
    """The addresses of the host of `url`, as `network` may use them, in the resolver's order.

    Raises `OSError`, or `UnicodeError` for a name that cannot be encoded.
    """
    family = socket.AF_INET if network.settings.ipv4_only else socket.AF_UNSPEC
    infos = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, family=family, type=socket.SOCK_STREAM)
    # A zone identifier follows "%", in link-local addresses only.
    texts = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in infos)
    return [address for text in texts if (address := parse_address(text)) is not None]


def interleaved(addresses: list[Address]) -> list[Address]:
    """The two families in alternation (RFC 8305 section 4), so that an unreachable family costs one attempt."""
    first = [address for address in addresses if address.version == addresses[0].version]
    second = [address for address in addresses if address.version != addresses[0].version]
    return [address for address in chain.from_iterable(zip_longest(first, second)) if address is not None]
