"""The addresses that OAuth's plane connects to: looked up once, checked, and kept."""

import asyncio
import ssl
from ipaddress import ip_address

import pytest
import trustme
from peers.scripted import REQUEST, Scripted, ok

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.effects import Fetch
from mcp_auth_bridge.errors import Unreachable, UrlRefused
from mcp_auth_bridge.shell.net.dns import Resolver, interleaved
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.urls import Purpose, Url, gate

PUBLIC, OTHER, PRIVATE, HOME, METADATA = "93.184.216.34", "2606:2800:21f::1", "10.1.2.3", "127.0.0.1", "169.254.169.254"


def resolver(monkeypatch, names):
    """Answer lookups from `names`: host → its addresses, or a list of results that are used up one by one."""
    asked = []

    async def getaddrinfo(_, host, port, *, family=0, **__):
        asked.append(host)
        answer = names[host]
        found = answer.pop(0) if isinstance(answer[0], list) else answer
        return [(0, 0, 0, "", (text, port)) for text in found if not family or ip_address(text).version == 4]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def server(host):
    return gate(f"https://{host}/mcp", Purpose.SERVER)


def found(url, led_by, *, environ=None, names=None):
    names = names or Resolver(Network(NetworkSettings(), environ or {}))
    return [str(address) for address in asyncio.run(names.addresses(url, led_by))]


@pytest.mark.parametrize(
    ("home", "there", "allowed"),
    [
        ([PUBLIC], [PUBLIC], True),
        ([PUBLIC], [PRIVATE], False),
        ([PUBLIC], [HOME], False),
        ([PUBLIC], ["100.64.0.1"], False),
        ([PUBLIC], ["fd12::1"], False),
        ([PUBLIC], ["::ffff:10.0.0.1"], False),
        ([PUBLIC], ["64:ff9b::10.0.0.1"], False),
        ([PUBLIC], ["64:ff9b::5db8:d822"], True),
        ([PUBLIC], ["2002:0a00:0001::1"], False),
        ([PUBLIC, PRIVATE], [PRIVATE], False),
        ([PRIVATE], [PUBLIC], True),
        ([PRIVATE], [PRIVATE], True),
        ([PRIVATE], [HOME], False),
        ([HOME], [HOME], True),
        ([HOME], [PRIVATE], True),
        ([HOME], [PUBLIC], True),
        ([HOME], [METADATA], False),
        ([HOME], ["fe80::1%eth0"], False),
        ([HOME], ["fd00:ec2::254"], False),
        ([HOME], ["100.100.100.200"], False),
        ([HOME], ["0.0.0.0"], False),
        ([HOME], ["224.0.0.1"], False),
    ],
)
def test_a_server_leads_no_nearer_to_this_machine_than_it_is_itself(monkeypatch, home, there, allowed):
    resolver(monkeypatch, {"mcp.example": home, "as.example": there})
    if allowed:
        assert found(server("as.example"), server("mcp.example")) == there
    else:
        with pytest.raises(
            UrlRefused, match=r"an address on (this machine|your own network)$|never connected to"
        ) as raised:
            found(server("as.example"), server("mcp.example"))
        assert ("trusted_issuer" in raised.value.hint) is ("points to" in raised.value.message)


def test_a_host_that_the_user_names_may_have_any_address_but_a_link_local_one(monkeypatch):
    resolver(monkeypatch, {"as.example": [PRIVATE], "bad.example": [METADATA]})
    assert found(server("as.example"), None) == [PRIVATE]
    with pytest.raises(UrlRefused, match="never connected to"):
        found(server("bad.example"), None)


def test_of_several_addresses_only_the_allowed_ones_are_used(monkeypatch):
    resolver(monkeypatch, {"mcp.example": [PUBLIC], "as.example": [PRIVATE, PUBLIC, METADATA]})
    assert found(server("as.example"), server("mcp.example")) == [PUBLIC]


def test_a_name_is_not_looked_up_again_after_the_check(monkeypatch):
    asked = resolver(monkeypatch, {"mcp.example": [[PUBLIC], [HOME]], "as.example": [[PUBLIC], [HOME]]})
    names = Resolver(Network(NetworkSettings(), {}))
    for _ in range(2):
        assert found(server("as.example"), server("mcp.example"), names=names) == [PUBLIC]
    assert asked == ["as.example", "mcp.example"]


def test_a_server_whose_name_was_loopback_once_is_reached_there_only(monkeypatch):
    resolver(monkeypatch, {"mcp.example": [[HOME], [PUBLIC]]})
    names = Resolver(Network(NetworkSettings(), {}))
    assert found(server("127.0.0.1"), server("mcp.example"), names=names) == [HOME]
    assert found(server("mcp.example"), None, names=names) == [HOME]


def test_behind_a_proxy_literal_addresses_are_checked_and_names_are_left_to_it(monkeypatch):
    asked = resolver(monkeypatch, {})
    names = Resolver(Network(NetworkSettings(proxy="http://proxy.example:3128"), {}))
    asyncio.run(names.check_for_proxy(server("as.example"), server("mcp.example")))
    for literal in (PRIVATE, METADATA, "192.168.0.1"):
        with pytest.raises(UrlRefused):
            asyncio.run(names.check_for_proxy(server(literal), server("mcp.example")))
    assert asked == []


def test_ipv4_only_looks_for_nothing_else(monkeypatch):
    resolver(monkeypatch, {"as.example": [OTHER, PUBLIC]})
    names = Resolver(Network(NetworkSettings(ipv4_only=True), {}))
    assert found(server("as.example"), None, names=names) == [PUBLIC]


def test_the_families_take_turns_in_the_resolvers_order():
    six, four = (
        [ip_address(f"2606::{number}") for number in range(1, 4)],
        [ip_address("8.8.8.8"), ip_address("8.8.4.4")],
    )
    assert interleaved([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert interleaved([*four, six[0]]) == [four[0], six[0], four[1]]
    assert interleaved([]) == []


def test_host_and_sni_keep_the_name_in_the_url(monkeypatch, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    resolver(monkeypatch, {"as.example": [HOME], "other.example": [HOME]})

    async def story():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("as.example").configure_cert(context)
        seen = []
        context.sni_callback = lambda _, name, __: seen.append(name)
        async with Scripted(tls=context) as there:
            http = OAuthHttp(Network(NetworkSettings(ca_file=str(tmp_path / "ca.pem")), {}))
            try:
                there.play([REQUEST, ok(b"safe"), REQUEST, ok(b"again")])
                for expected in (b"safe", b"again"):
                    answer = await http.fetch(Fetch(Url("https", "as.example", there.port, "/", "")))
                    assert answer.body == expected
                there.play([])
                with pytest.raises(Unreachable, match="is for another host"):
                    await http.fetch(Fetch(Url("https", "other.example", there.port, "/", "")))
            finally:
                await http.aclose()
            assert seen == ["as.example", "other.example"]
            assert all(f"host: as.example:{there.port}".encode() in request.lower() for request in there.requests)

    asyncio.run(story())


def test_after_an_address_that_takes_no_connection_the_next_is_tried(monkeypatch):
    resolver(monkeypatch, {"as.example": ["127.0.0.9", HOME]})

    async def story():
        async with Scripted() as there:
            http = OAuthHttp(Network(NetworkSettings(), {}))
            try:
                there.play([REQUEST, ok(b"second")], [REQUEST, ok(b"second")])
                url = Url("http", "as.example", there.port, "/", "")
                assert (await http.fetch(Fetch(url, form={"token": "x"}))).body == b"second"
            finally:
                await http.aclose()
            assert len(there.requests) == 1

    asyncio.run(story())


def test_an_address_that_has_answered_is_tried_first_from_then_on(monkeypatch):
    resolver(monkeypatch, {"as.example": [PUBLIC, OTHER]})
    names, url = Resolver(Network(NetworkSettings(), {})), Url("https", "as.example", 443, "/", "")
    assert set(found(url, None, names=names)) == {PUBLIC, OTHER}
    for first in (OTHER, PUBLIC):
        names.prefer(url, ip_address(first))
        assert found(url, None, names=names)[0] == first
