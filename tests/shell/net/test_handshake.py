"""The TLS handshake against real servers: what it shows if it succeeds, and if it does not."""

import datetime as dt
import ssl
from functools import partial

import pytest
import trustme
from mutual_tls import strict_server
from peers.scripted import CUT, DRAIN, REQUEST, RESET, Scripted, ok, proxy
from pooling import CA, at, server_context, story

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.net import handshake
from mcp_auth_bridge.shell.net.certificates import read
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.dial import connect
from mcp_auth_bridge.shell.net.handshake import shake_hands
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import parse
from mcp_auth_bridge.shell.net.reachability import fault_of
from mcp_auth_bridge.urls import Url

PAST, FUTURE = dt.datetime(2001, 1, 1, tzinfo=dt.UTC), dt.datetime(2101, 1, 1, tzinfo=dt.UTC)
DATE = b"Date: Tue, 15 Nov 1994 08:12:31 GMT"


async def shaken(server, ca_file="", host="localhost", through=None, limit=4.0, **settings):
    network = Network(NetworkSettings(ca_file=ca_file, **settings), {})
    return await shake_hands(network, at(server, scheme="https", host=host), through, limit)


@story
async def test_a_good_handshake_shows_the_version_and_the_certificates_and_sends_no_request(ca_file):
    async with Scripted(tls=server_context("localhost"), forever=[DRAIN]) as server:
        found = await shaken(server, ca_file)
        assert server.requests == []
        assert server.connections == 1
    assert (found.version, found.error) == ("TLSv1.3", None)
    assert [read(der).hosts for der in found.certificates] == [("localhost",)]


@story
async def test_after_a_handshake_of_tls_1_2_no_alert_is_waited_for(ca_file, monkeypatch):
    monkeypatch.setattr(handshake, "_alert", None)
    context = server_context("localhost")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Scripted(tls=context, forever=[DRAIN]) as server:
        found = await shaken(server, ca_file)
    assert (found.version, found.error) == ("TLSv1.2", None)


@story
async def test_an_intermediate_certificate_is_shown_too(ca_file):
    context = server_context("localhost", ca=CA.create_child_ca())
    async with Scripted(tls=context, forever=[DRAIN]) as server:
        found = await shaken(server, ca_file)
    assert len(found.certificates) == 2


@pytest.mark.parametrize(
    ("context", "fault"),
    [
        (partial(server_context, "localhost", not_after=PAST), Fault.EXPIRED),
        (partial(server_context, "localhost", not_before=FUTURE, not_after=FUTURE), Fault.NOT_YET_VALID),
        (partial(server_context, "other.example"), Fault.OTHER_HOST),
        (partial(server_context, "localhost", ca=trustme.CA()), Fault.UNKNOWN_ISSUER),
    ],
)
@story
async def test_a_certificate_that_is_refused_is_shown_nevertheless(context, fault, ca_file):
    async with Scripted(tls=context(), forever=[REQUEST, ok(b"", DATE)]) as server:
        found = await shaken(server, ca_file)
        heads = [request.split(b"\r\n")[0] for request in server.requests]
    assert (fault_of(found.error), found.version, len(found.certificates)) == (fault, "TLSv1.3", 1)
    about_time = fault in (Fault.EXPIRED, Fault.NOT_YET_VALID)
    assert found.server_time == (784887151.0 if about_time else None)
    assert (found.status, found.location, heads) == (200, "", [b"HEAD / HTTP/1.1"])


@pytest.mark.parametrize("answer", [[CUT], [REQUEST, ok()], [REQUEST, ok(b"", b"Date: soon")]])
@story
async def test_a_server_that_does_not_tell_its_time_is_no_fault(answer, ca_file):
    async with Scripted(tls=server_context("localhost", not_after=PAST), forever=answer) as server:
        found = await shaken(server, ca_file)
    assert (found.server_time, len(found.certificates)) == (None, 1)


@story
async def test_an_untrusted_server_shows_where_it_leads(ca_file):
    redirect = b"HTTP/1.1 302 Found\r\nLocation: https://login.hotel.example/\r\nContent-Length: 0\r\n\r\n"
    async with Scripted(tls=server_context("hotel.example", ca=trustme.CA()), forever=[REQUEST, redirect]) as server:
        found = await shaken(server, ca_file)
    assert (found.status, found.location) == (302, "https://login.hotel.example/")


@story
async def test_a_server_that_is_gone_at_the_second_handshake_shows_no_certificate(ca_file):
    async with Scripted(tls=server_context("other.example")) as server:

        async def connect_once(*given, **more):
            try:
                return await connect(*given, **more)
            finally:
                server._server.close()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(handshake, "connect", connect_once)
            found = await shaken(server, ca_file, host="127.0.0.1")
    assert fault_of(found.error) is Fault.OTHER_HOST
    assert found.certificates == ()


@pytest.mark.parametrize(
    ("version", "fault"),
    [(ssl.TLSVersion.TLSv1_3, Fault.CLIENT_CERTIFICATE), (ssl.TLSVersion.TLSv1_2, Fault.BROKEN_OFF)],
)
@story
async def test_a_server_that_wants_a_client_certificate_is_known_by_its_alert(version, fault, ca_file):
    url = Url("https", "localhost", strict_server(version, CA), "/", "")
    found = await shake_hands(Network(NetworkSettings(ca_file=ca_file), {}), url, None)
    assert fault_of(found.error) is fault


@story
async def test_a_client_certificate_is_shown_to_a_server_that_wants_one(ca_file, tmp_path):
    path = tmp_path / "me.pem"
    CA.issue_cert("me.example").private_key_and_cert_chain_pem.write_to_path(path)
    context = server_context("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    CA.configure_trust(context)
    async with Scripted(tls=context, forever=[DRAIN]) as server:
        assert (await shaken(server, ca_file, client_certificate=str(path))).error is None


@story
async def test_a_server_that_hangs_up_after_the_handshake_has_shaken_hands(ca_file):
    async with Scripted(tls=server_context("localhost"), forever=[CUT]) as server:
        assert (await shaken(server, ca_file)).error is None


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n", CUT], Fault.NOT_TLS),
        ([b"\x15\x03\x03\x00\x02\x02\x46", DRAIN], Fault.OLD_TLS),
        ([b"\x15\x03\x03\x00\x02\x02\x78", DRAIN], Fault.HTTP_2_ONLY),
        ([RESET], Fault.HUNG_UP),
        ([DRAIN], Fault.SILENT),
    ],
)
@story
async def test_a_handshake_that_fails_is_told_by_its_kind(script, fault, ca_file):
    async with Scripted(forever=script) as server:
        found = await shaken(server, ca_file, limit=0.3)
        assert server.connections == 1
    assert (fault_of(found.error), found.version, found.certificates) == (fault, "", ())


@story
async def test_through_a_proxy_the_certificates_are_those_that_come_through_it(ca_file):
    forger = server_context("mcp.test", ca=trustme.CA(organization_name="Zscaler Inc."))
    async with Scripted(tls=forger, forever=[DRAIN]) as server, Scripted() as middle:
        middle._forever = [partial(proxy, middle)]
        through = parse(f"http://127.0.0.1:{middle.port}", "HTTPS_PROXY")
        found = await shaken(server, ca_file, host="mcp.test", through=through)
    assert fault_of(found.error) is Fault.UNKNOWN_ISSUER
    assert read(found.certificates[0]).issuer_names[0] == "Zscaler Inc."


@pytest.mark.parametrize(
    ("status", "fault"),
    [(b"407 Login", Fault.PROXY_WANTS_LOGIN), (b"403 No", Fault.PROXY_REFUSES), (b"502 Bad", Fault.PROXY_FAILS)],
)
@story
async def test_a_proxy_that_refuses_is_told_by_its_kind(status, fault):
    async with Scripted() as middle:
        middle._forever = [partial(proxy, middle, status=status)]
        through = parse(f"http://127.0.0.1:{middle.port}", "HTTPS_PROXY")
        found = await shake_hands(Network(NetworkSettings(), {}), Url("https", "mcp.test", 443, "/", ""), through)
    assert fault_of(found.error) is fault


@story
async def test_a_file_of_certificates_that_cannot_be_used_is_told(tmp_path):
    async with Scripted(forever=[DRAIN]) as server:
        found = await shaken(server, str(tmp_path / "no.pem"))
    assert isinstance(found.error, ConfigError)
