"""Where a connection ends on its way, against real sockets and name servers that do not answer."""

import asyncio
import socket

import pytest
from black_hole import black_hole
from peers.scripted import Scripted
from pooling import story

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.errors import ConfigError, TimedOut
from mcp_auth_bridge.oauth.address_zones import parse_address
from mcp_auth_bridge.shell.net import reachability
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.reachability import fault_of, has_route, knock_at_all, look_up
from mcp_auth_bridge.urls import Url

NETWORK = Network(NetworkSettings(), {})
HERE, SIX = parse_address("127.0.0.1"), parse_address("::1")


def url(host):
    return Url("https", host, 443, "/", "")


@story
async def test_an_address_needs_no_name_server(monkeypatch):
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", None)
    assert (await look_up(NETWORK, url("127.0.0.1"))).addresses == (HERE,)


@story
async def test_a_name_is_looked_up_with_the_time_that_it_takes():
    names = await look_up(Network(NetworkSettings(ipv4_only=True), {}), url("localhost"))
    assert (names.addresses, names.error) == ((HERE,), None)
    assert names.seconds > 0


@pytest.mark.parametrize("name", ["nowhere.invalid", "x" * 70 + ".invalid"])
@story
async def test_an_unknown_name_is_told(name):
    names = await look_up(NETWORK, url(name))
    assert (names.addresses, fault_of(names.error)) == ((), Fault.NAME_UNKNOWN)


@story
async def test_a_name_server_that_does_not_answer_in_time_is_told(monkeypatch):
    async def never(*_, **__):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    names = await look_up(NETWORK, url("acme.example"), limit=0.01)
    assert (names.addresses, fault_of(names.error)) == ((), Fault.NAME_SERVER_SILENT)


@story
async def test_each_address_is_tried_and_none_waits_for_another():
    with black_hole("127.0.0.2") as port:
        async with Scripted(port=port, forever=[]) as server:
            addresses = [parse_address("127.0.0.2"), HERE, parse_address("127.0.0.3")]
            silent, good, refused = await knock_at_all(addresses, server.port, limit=0.3)
            assert good.seconds < silent.seconds
    assert [knock.fault for knock in (silent, good, refused)] == [Fault.SILENT, None, Fault.REFUSED]
    assert silent.error.message == "127.0.0.2 does not answer within 0.3 s"
    assert refused.error.message == "127.0.0.3 refuses connections"


@story
async def test_of_many_addresses_of_a_family_some_are_tried(monkeypatch):
    tried = []

    async def connect(address, port):
        tried.append(address)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(reachability.asyncio, "open_connection", connect)
    fours = [parse_address(f"10.0.0.{number}") for number in range(9)]
    await knock_at_all([*fours, SIX], 443)
    assert tried == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"]


def test_a_route_to_the_internet_is_found_without_a_packet(monkeypatch):
    assert isinstance(has_route(), bool)
    monkeypatch.setattr(reachability, "_BEYOND", ((socket.AF_INET, "127.0.0.1"),))
    assert has_route()
    monkeypatch.setattr(reachability, "_BEYOND", ((socket.AF_INET, "255.255.255.255"),))  # needs SO_BROADCAST
    assert not has_route()


def test_errors_that_name_no_fault_are_others():
    assert fault_of(None) is None
    assert fault_of(TimedOut("late")) is Fault.SILENT
    assert fault_of(ConfigError("wrong")) is Fault.OTHER
