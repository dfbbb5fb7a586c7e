"""The checks of the proxy, the name and the connection, on ways that a script gives."""

import msgspec
import pytest
from ways import failed, finding, knock, signs, silent, way

from mcp_auth_bridge.doctor import addresses
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.handshake import Handshake
from mcp_auth_bridge.shell.net.proxies import parse
from mcp_auth_bridge.shell.net.reachability import Names
from mcp_auth_bridge.urls import Purpose, gate

V4, V4_TOO, V6 = "93.184.216.34", "93.184.216.35", "2606:2800:220::1"
PROXY = parse("http://user:hunter2@proxy.example:3128", "HTTPS_PROXY")
NAMELESS = Names((), 0.1, failed(Fault.NAME_UNKNOWN, "the host name is not known (DNS)"))


def proxied(fault=None, knocks=None, **more):
    shaken = Handshake(error=failed(fault) if fault else None)
    return way(knocks=knocks or [knock("10.0.0.1")], proxy=PROXY, direct="", handshake=shaken, **more)


# The proxy


def test_a_direct_connection_says_why_it_is_direct():
    found = finding(addresses.proxy, way(direct="NO_PROXY exempts acme.example"))
    assert (found.outcome, found.says) == (Outcome.OK, "none, because NO_PROXY exempts acme.example")


def test_a_proxy_is_named_with_the_place_of_its_setting_and_without_its_password():
    found = finding(addresses.proxy, proxied())
    assert found.says == "requests go through the proxy http://proxy.example:3128 (HTTPS_PROXY)"
    assert found.details == ()
    assert "hunter2" not in str(found)


def test_a_proxy_that_cannot_be_used_is_a_matter_of_the_settings():
    error = ConfigError("ALL_PROXY names a SOCKS proxy", "set https_proxy")
    unusable = way(proxy_error=error)
    found = finding(addresses.proxy, unusable)
    assert (found.outcome, found.says, found.hint) == (Outcome.FAIL, error.message, error.hint)
    assert signs(found) == {"NETWORK_SETTINGS_UNUSABLE": {"error": error.message, "hint": error.hint}}
    assert finding(addresses.name, unusable).says == "the proxy looks it up"
    assert finding(addresses.connection, unusable).outcome is Outcome.SKIP


@pytest.mark.parametrize(
    ("fault", "symptom"),
    [
        (Fault.PROXY_WANTS_LOGIN, "PROXY_WANTS_LOGIN"),
        (Fault.PROXY_REFUSES, "PROXY_REFUSES"),
        (Fault.PROXY_FAILS, "PROXY_FAILS"),
    ],
)
def test_a_proxy_that_lets_nothing_through_is_at_fault(fault, symptom):
    found = finding(addresses.proxy, proxied(fault))
    assert found.outcome is Outcome.FAIL
    assert signs(found) == {symptom: {"error": "it failed", "host": "acme.example"}}


def test_a_fault_behind_the_proxy_is_not_the_proxys():
    assert finding(addresses.proxy, proxied(Fault.EXPIRED)).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("knocks", "names"),
    [([silent("10.0.0.1")], None), ([knock("10.0.0.1", fault=Fault.REFUSED)], None), ([], NAMELESS)],
)
def test_a_proxy_that_takes_no_connections_is_at_fault(knocks, names):
    dead = proxied(knocks=knocks or [silent("10.0.0.1")])
    found = finding(addresses.proxy, msgspec.structs.replace(dead, names=names or dead.names))
    assert found.outcome is Outcome.FAIL
    assert [*signs(found)] == ["PROXY_UNREACHABLE"]
    offline = msgspec.structs.replace(dead, names=NAMELESS, has_route=False)
    assert signs(finding(addresses.proxy, offline)) == {"NO_NETWORK": {}}


def test_behind_a_proxy_the_name_and_the_connection_are_the_proxys():
    for check in (addresses.name, addresses.connection):
        found = finding(check, proxied())
        assert found.outcome is Outcome.SKIP
        assert found.says.startswith("the proxy http://proxy.example:3128 (HTTPS_PROXY) ")


# The name


def test_a_name_is_told_with_its_addresses_and_their_distance():
    found = finding(addresses.name, way(knocks=[knock(V4), knock(V4_TOO), knock(V6), knock("10.0.0.1")]))
    assert (found.outcome, found.says) == (Outcome.OK, "acme.example has 3 IPv4 addresses and 1 IPv6 address")
    assert found.details == (
        f"{V4} is public",
        f"{V4_TOO} is public",
        f"{V6} is public",
        "10.0.0.1 is in a private network",
    )


def test_a_single_address_is_told_in_one_line():
    found = finding(addresses.name, way(knocks=[knock("10.0.0.1")]))
    assert (found.says, found.details) == ("acme.example: 10.0.0.1 is in a private network", ())


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_name_with_the_address_of_no_host_is_blocked_by_a_filter(address):
    found = finding(addresses.name, way(knocks=[knock(address, fault=Fault.REFUSED)]))
    assert found.outcome is Outcome.FAIL
    assert signs(found) == {"NAME_BLOCKED": {"host": "acme.example"}}


def test_an_address_in_the_url_needs_no_name():
    url = gate("http://127.0.0.1:8000/mcp", Purpose.SERVER)
    found = finding(addresses.name, way(url, [knock("127.0.0.1")]))
    assert found.says == "the URL has an address, on this machine, and no name"


def test_a_name_server_that_answers_late_is_a_warning():
    slow = msgspec.structs.replace(way(knocks=[knock(V4)]), names=Names(way(knocks=[knock(V4)]).names.addresses, 5.2))
    found = finding(addresses.name, slow)
    assert found.outcome is Outcome.WARN
    assert found.says == f"acme.example: {V4} is public, but the name server took 5.2 s to say so"


@pytest.mark.parametrize(
    ("fault", "has_route", "expected"),
    [
        (Fault.NAME_UNKNOWN, True, {"NAME_UNKNOWN": {"host": "acme.example"}}),
        (Fault.NAME_SERVER_SILENT, True, {"NAME_SERVER_SILENT": {"host": "acme.example"}}),
        (Fault.NAME_SERVER_SILENT, False, {"NO_NETWORK": {}}),
        (Fault.TOO_MANY_FILES, True, {"TOO_MANY_FILES": {}}),
        (Fault.OTHER, True, {}),
        (Fault.NAME_UNKNOWN, False, {"NO_NETWORK": {}}),
    ],
)
def test_a_name_that_is_not_found_is_misspelt_or_the_network_is_at_fault(fault, has_route, expected):
    lost = way(names=Names((), 0.1, failed(fault)), has_route=has_route)
    found = finding(addresses.name, lost)
    assert found.outcome is Outcome.FAIL
    assert signs(found) == expected
    assert finding(addresses.connection, lost).says == "there is no address of acme.example"


# The connection


def test_a_connection_is_told_with_its_time_at_each_address():
    found = finding(addresses.connection, way(knocks=[knock(V6, 0.0001), knock(V4, 0.1), silent(V4_TOO)]))
    assert (found.outcome, found.says) == (Outcome.OK, "acme.example takes connections, after 1 ms")
    assert found.details == (
        f"{V6} answers after 1 ms",
        f"{V4} answers after 100 ms",
        f"{V4_TOO} does not answer within 3 s",
    )


def test_an_ipv6_black_hole_is_a_warning_with_the_line_to_write():
    found = finding(addresses.connection, way(knocks=[silent(V6), knock(V4)]))
    assert found.outcome is Outcome.WARN
    assert found.hint == "write ipv4_only = true into the server's network table"


@pytest.mark.parametrize(
    "knocks", [[knock(V6, fault=Fault.NO_ROUTE), knock(V4)], [knock(V6, fault=Fault.REFUSED), knock(V4)]]
)
def test_a_machine_without_ipv6_is_no_warning(knocks):
    assert finding(addresses.connection, way(knocks=knocks)).outcome is Outcome.OK


def test_a_distant_server_is_a_warning():
    found = finding(addresses.connection, way(knocks=[knock(V4, 1.26)]))
    assert (found.outcome, found.says) == (Outcome.WARN, "acme.example takes 1.3 s for a connection")


@pytest.mark.parametrize(
    ("knocks", "has_route", "symptom"),
    [
        ([knock(V4, fault=Fault.REFUSED)], True, "REFUSED"),
        ([knock(V6, fault=Fault.NO_ROUTE), silent(V4), knock(V4_TOO, fault=Fault.REFUSED)], True, "REFUSED"),
        ([knock("127.0.0.1", fault=Fault.REFUSED)], True, "REFUSED_HERE"),
        ([knock("127.0.0.1", fault=Fault.REFUSED)], False, "REFUSED_HERE"),
        ([silent(V4)], True, "CONNECTION_SILENT"),
        ([silent(V4), knock(V6, fault=Fault.NO_ROUTE)], True, "CONNECTION_SILENT"),
        ([knock(V4, fault=Fault.NO_ROUTE)], True, "NO_ROUTE"),
        ([knock(V4, fault=Fault.FORBIDDEN)], True, "CONNECTION_FORBIDDEN"),
    ],
)
def test_addresses_that_take_no_connection_say_where_the_fault_is(knocks, has_route, symptom):
    found = finding(addresses.connection, way(knocks=knocks, has_route=has_route))
    assert found.outcome is Outcome.FAIL
    assert signs(found) == {symptom: {"place": "acme.example"}}
    assert "acme.example" in found.says
    assert len(found.details) == (len(knocks) if len(knocks) > 1 else 0)


def test_without_any_route_there_is_no_network():
    for address in (V4, "127.0.0.1"):
        found = finding(addresses.connection, way(knocks=[knock(address, fault=Fault.NO_ROUTE)], has_route=False))
        assert signs(found) == {"NO_NETWORK": {}}


def test_a_process_that_may_open_no_socket_has_too_low_a_limit():
    full = [knock("127.0.0.1", fault=Fault.TOO_MANY_FILES), silent(V4)]
    assert signs(finding(addresses.connection, way(knocks=full, has_route=False))) == {"TOO_MANY_FILES": {}}
    assert signs(finding(addresses.proxy, proxied(knocks=full))) == {"TOO_MANY_FILES": {}}


def test_another_failure_is_told_in_its_own_words():
    found = finding(addresses.connection, way(knocks=[knock(V4, fault=Fault.OTHER)]))
    assert (found.outcome, found.says, signs(found)) == (Outcome.FAIL, f"{V4} failed", {})
