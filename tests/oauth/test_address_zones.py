"""The zones of addresses, in any spelling."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.oauth.address_zones import Zone, addresses_within, parse_address, reach_of, zone_of

BLOCKS = """
    10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 0.0.0.0/8 192.0.0.0/24 192.0.2.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 fc00::/7 fe80::/10 fec0::/10 ff00::/8 ::1/128
    ::/128 2001:db8::/32 2001::/32 100::/64
"""


@given(st.sampled_from([ip_network(block) for block in BLOCKS.split()]), st.data())
def test_no_reserved_block_is_public_in_any_spelling(block, data):
    address = block[data.draw(st.integers(0, block.num_addresses - 1))]
    spellings = [address]
    if address.version == 4:
        low = int(address)
        spellings += [ip_address(f"::ffff:{address}"), ip_address(int(ip_address("64:ff9b::")) + low)]
        spellings += [ip_address(int(ip_address("2002::")) + (low << 80) + 1)]
    for spelling in spellings:
        assert zone_of(spelling) > Zone.PUBLIC
        assert addresses_within([spelling], Zone.PUBLIC) == []


@given(st.ip_addresses())
def test_private_addresses_are_never_public_and_no_zone_reaches_the_forbidden(address):
    zone = zone_of(address)
    if address.is_private or address.is_multicast or address.is_link_local or address.is_unspecified:
        translated = address.version == 6 and (address.sixtofour or address in ip_network("64:ff9b:1::/48"))
        assert zone > Zone.PUBLIC or translated
    if zone is Zone.FORBIDDEN:
        assert all(addresses_within([address], reach) == [] for reach in Zone)


def test_a_server_may_lead_as_near_as_the_farthest_of_its_addresses():
    assert reach_of([ip_address("10.0.0.1"), ip_address("127.0.0.1")]) is Zone.PRIVATE
    assert reach_of([ip_address("10.0.0.1"), ip_address("8.8.8.8")]) is Zone.PUBLIC


@pytest.mark.parametrize(
    ("host", "address"), [("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("localhost", None), ("", None)]
)
def test_a_name_is_not_an_address(host, address):
    assert parse_address(host) == (None if address is None else ip_address(address))
