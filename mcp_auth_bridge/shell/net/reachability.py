"""Where a connection ends on its way: at the name, or at which of its addresses. No request is sent."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable

import msgspec

from mcp_auth_bridge.errors import BridgeError, TimedOut, Unreachable
from mcp_auth_bridge.oauth.address_zones import Address, parse_address
from mcp_auth_bridge.shell.net.connect_errors import ConnectFailed, Fault, connect_error
from mcp_auth_bridge.shell.net.dns import resolve
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.urls import Url

NAME_LIMIT = 6.0
"""Seconds for a name: the resolver of glibc asks a second name server after 5 s (resolv.conf(5), `timeout`)."""

KNOCK_LIMIT = 3.0
"""Seconds for TCP with one address: a lost packet is sent again after 1 s (RFC 6298 section 2.1)."""

# Addresses for examples (RFC 5737, RFC 3849), which no host has.
_BEYOND = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_ADDRESSES = 4  # of a family: the others are a load balancer's, and say the same


class Names(msgspec.Struct, frozen=True):
    """The addresses of a host, in the resolver's order, or the reason why there are none."""

    addresses: tuple[Address, ...]
    # How long the look-up took.
    seconds: float = 0.0
    error: Unreachable | None = None


class Knock(msgspec.Struct, frozen=True):
    """An attempt to connect to one address, which was ended at once if it succeeded."""

    address: Address
    # How long it took.
    seconds: float
    # Why it failed, None if it did not.
    error: Unreachable | None = None

    @property
    def fault(self) -> Fault | None:
        """The kind of the failure, None if there is none."""
        return fault_of(self.error)


def fault_of(error: BridgeError | None) -> Fault | None:
    """The kind of fault behind `error`, None if there is no error."""
    match error:
        case None:
            return None
        case ConnectFailed():
            return error.fault
        case TimedOut():
            return Fault.SILENT
    return Fault.OTHER


async def look_up(network: Network, url: Url, *, limit: float = NAME_LIMIT) -> Names:
    """The addresses of the host of `url`, as `network` may use them. `limit` is in seconds."""
    if (literal := parse_address(url.host)) is not None:
        return Names((literal,))
    loop = asyncio.get_running_loop()
    began = loop.time()
    error: OSError | UnicodeError
    try:
        async with asyncio.timeout(limit):
            return Names(tuple(await resolve(url, network)), loop.time() - began)
    except TimeoutError:
        error = socket.gaierror(socket.EAI_AGAIN, "")
    except (OSError, UnicodeError) as refused:
        error = refused
    return Names((), loop.time() - began, connect_error(error, url.host))


async def knock_at_all(addresses: Iterable[Address], port: int, *, limit: float = KNOCK_LIMIT) -> tuple[Knock, ...]:
    """Connect to some of the `addresses` of each family, side by side. `limit` is in seconds, for each."""
    chosen = list(addresses)
    some = [
        address
        for address in chosen
        if [each for each in chosen if each.version == address.version].index(address) < _ADDRESSES
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_knock(address, port, limit)) for address in some]
    return tuple(task.result() for task in tasks)


async def _knock(address: Address, port: int, limit: float) -> Knock:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(str(address), port)
    except TimeoutError:  # the kernel's too
        return Knock(address, loop.time() - began, TimedOut(f"{address} does not answer within {limit:g} s"))
    except OSError as error:
        return Knock(address, loop.time() - began, connect_error(error, str(address)))
    seconds = loop.time() - began
    writer.transport.abort()
    return Knock(address, seconds)


def has_route() -> bool:
    """Whether this machine has a route to the open internet, in either family. It sends nothing."""
    return any(_has_route(family, address) for family, address in _BEYOND)


def _has_route(family: socket.AddressFamily, address: str) -> bool:
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as unsent:
        unsent.connect((address, 9))
        return True
    return False
