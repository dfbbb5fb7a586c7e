"""Real faults on the way to a server, and the verdict on each: whose fault it is, and the one next step."""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from functools import partial
from types import SimpleNamespace

import pytest
import trustme
from black_hole import black_hole
from examining import evidence_of
from mutual_tls import strict_server
from peers.scripted import CUT, DRAIN, REQUEST, RESET, Scripted, ok, proxy
from pooling import CA, server_context, story

from mcp_auth_bridge.doctor import addresses, clock, tls
from mcp_auth_bridge.doctor.examination import Check, examine
from mcp_auth_bridge.doctor.finding import Outcome, Section
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.verdict import Blame, judge

CHECKS = (
    Check(Section.HERE, "clock", clock.clock),
    Check(Section.WAY, "proxy", addresses.proxy),
    Check(Section.WAY, "name", addresses.name),
    Check(Section.WAY, "connection", addresses.connection),
    Check(Section.WAY, "encryption", tls.encryption),
    Check(Section.WAY, "HTTP version", tls.http_version),
)
PAST, FUTURE = dt.datetime(2001, 1, 1, tzinfo=dt.UTC), dt.datetime(2101, 1, 1, tzinfo=dt.UTC)
THEN = b"Date: Mon, 01 Jan 2000 00:00:00 GMT"
ZSCALER = trustme.CA(organization_name="Zscaler Inc.")


def now():
    return f"Date: {dt.datetime.now(dt.UTC):%a, %d %b %Y %H:%M:%S} GMT".encode()


@pytest.fixture
def examined(tmp_path):
    """The outcome of each check and the verdict, for the server at a URL; the tests' CA is trusted."""
    CA.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def examined(url, environ=None, **settings):
        settings = {"ca_file": str(tmp_path / "ca.pem")} | settings
        network = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
        evidence = evidence_of(tmp_path, url, environ=environ, more=f"[servers.acme.network]\n{network}")
        lines = await examine(CHECKS, evidence, lambda _: None)
        verdict = judge(((line.section, line.finding) for line in lines), RULES, evidence.subject.facts)
        return SimpleNamespace(
            failed={line.name for line in lines if line.finding.outcome is Outcome.FAIL},
            warned={line.name for line in lines if line.finding.outcome is Outcome.WARN},
            verdict=verdict,
        )

    return examined


def assert_verdict(found, blame, sentence, step):
    assert found.verdict.blame is blame, found
    assert sentence in found.verdict.sentence
    assert step in found.verdict.step


# The name and the connection


@story
async def test_nothing_is_wrong_with_a_server_that_is_reached(examined):
    async with Scripted(tls=server_context("localhost"), forever=[REQUEST, ok(b"", now())]) as server:
        found = await examined(f"https://localhost:{server.port}/mcp")
    assert (found.failed, found.warned, found.verdict.blame) == (set(), set(), Blame.NOTHING)


@story
async def test_a_name_that_is_not_known_is_misspelt_or_behind_a_vpn(examined):
    found = await examined("https://nowhere.invalid/mcp")
    assert found.failed == {"name"}
    assert_verdict(found, Blame.YOU, "no name server knows the host nowhere.invalid", "check the URL")


@story
async def test_a_closed_port_on_this_machine_means_that_no_server_runs(examined):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = await examined(f"http://127.0.0.1:{port}/mcp")
    assert found.failed == {"connection"}
    assert_verdict(found, Blame.YOU, f"no server runs at 127.0.0.1:{port}", "start the server")


@story
async def test_a_port_that_drops_connections_is_behind_a_firewall(examined):
    with black_hole() as port:
        found = await examined(f"https://127.0.0.1:{port}/mcp")
    assert found.failed == {"connection"}
    assert_verdict(found, Blame.NETWORK, "a firewall drops them without a word", "the operator of your network")


@story
async def test_an_ipv6_black_hole_is_a_warning_about_the_network(examined, monkeypatch):
    with black_hole("::1") as port:

        async def both(host, port, **_):
            return [
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            ] if host == "acme.test" else await real(host, port, **_)  # fmt: skip

        real = asyncio.get_running_loop().getaddrinfo
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
        tls = server_context("acme.test")
        async with Scripted(tls=tls, port=port, forever=[REQUEST, ok(b"", now())]):
            found = await examined(f"https://acme.test:{port}/mcp")
    assert (found.failed, found.warned) == (set(), {"connection"})
    assert_verdict(found, Blame.NETWORK, "the IPv6 addresses", "ipv4_only = true")


# The proxy


@contextlib.asynccontextmanager
async def proxied(**answers):
    """A proxy; yields the environment that names it."""
    async with Scripted() as middle:
        middle._forever = [partial(proxy, middle, **answers)]
        yield {"HTTPS_PROXY": f"http://user:hunter2@127.0.0.1:{middle.port}"}


@pytest.mark.parametrize(
    ("status", "blame", "sentence", "step"),
    [
        (b"407 Login", Blame.NETWORK, "refused its user and password (407)", "http://USER:PASSWORD@HOST:PORT"),
        (b"403 Forbidden", Blame.NETWORK, "does not let requests to acme.test pass", "add it to NO_PROXY"),
        (b"502 Bad Gateway", Blame.UNKNOWN, "the proxy may be broken, or the server down", "ask the proxy's operator"),
    ],
)
@story
async def test_a_proxy_that_refuses_is_at_fault(status, blame, sentence, step, examined):
    async with proxied(status=status) as environ:
        found = await examined("https://acme.test/mcp", environ)
    assert found.failed == {"proxy"}
    assert_verdict(found, blame, sentence, step)
    assert "hunter2" not in str(found)


@story
async def test_a_proxy_that_is_gone_is_at_fault(examined):
    async with proxied() as environ:
        pass
    found = await examined("https://acme.test/mcp", environ)
    assert found.failed == {"proxy"}
    assert_verdict(found, Blame.NETWORK, "(HTTPS_PROXY), which cannot be reached", "turn your VPN on")


@story
async def test_a_proxy_that_cannot_be_used_is_a_wrong_setting(examined):
    found = await examined("https://acme.test/mcp", {"ALL_PROXY": "socks5h://127.0.0.1:1080"})
    assert found.failed == {"proxy"}
    assert_verdict(found, Blame.YOU, "ALL_PROXY names a SOCKS proxy (socks5h)", "set https_proxy to an HTTP proxy")


# TLS


@pytest.mark.parametrize(
    ("issuer", "sentence"),
    [
        (ZSCALER, "Zscaler in your network decrypts the connection to acme.test"),
        (trustme.CA(organization_name="Acme Corp"), "and not from a public authority"),
    ],
)
@story
async def test_a_proxy_with_certificates_of_its_own_intercepts(issuer, sentence, examined):
    async with (
        Scripted(tls=server_context("acme.test", ca=issuer), forever=[DRAIN]) as server,
        proxied() as environ,
    ):
        found = await examined(f"https://acme.test:{server.port}/mcp", environ)
    assert found.failed == {"encryption"}
    assert_verdict(found, Blame.NETWORK, sentence, 'ca_file = "…"')


@pytest.mark.parametrize(
    ("context", "answer", "expected"),
    [
        (
            partial(server_context, "localhost", not_after=PAST), now,
            (Blame.SERVER, "the certificate of localhost expired on 2001-01-01", "tell the server's operator"),
        ),
        (
            partial(server_context, "localhost", not_after=PAST), lambda: b"X: -",
            (Blame.SERVER, "the certificate of localhost expired on 2001-01-01", "tell the server's operator"),
        ),
        (
            partial(server_context, "localhost", not_after=PAST), lambda: THEN,
            (Blame.YOU, "the clock of this machine is wrong", "set the date"),
        ),
        (
            partial(server_context, "localhost", not_before=FUTURE, not_after=FUTURE), now,
            (Blame.UNKNOWN, "is not valid until 2101-01-01", "compare the clock"),
        ),
        (
            partial(server_context, "other.example"), now,
            (Blame.SERVER, "a certificate for other hosts: “other.example”", "tell the server's operator"),
        ),
        (
            partial(server_context, "localhost", ca=ZSCALER), now,
            (Blame.NETWORK, "Zscaler in your network decrypts", "ask your IT department"),
        ),
        (
            partial(server_context, "localhost", ca=trustme.CA(organization_name="mitmproxy")), now,
            (Blame.YOU, "mitmproxy on this machine decrypts", "turn off its inspection"),
        ),
        (
            partial(server_context, "login.hotel.example", ca=trustme.CA()), now,
            (Blame.UNKNOWN, "the sign-in page of the network", "sign in to the network"),
        ),
        (
            partial(server_context, "localhost", ca=trustme.CA()), now,
            (Blame.YOU, "in your own network", 'ca_file = "…"'),
        ),
    ],
)  # fmt: skip
@story
async def test_a_certificate_that_is_not_trusted_has_a_cause(context, answer, expected, examined):
    async with Scripted(tls=context(), forever=[REQUEST, ok(b"", answer())]) as server:
        found = await examined(f"https://localhost:{server.port}/mcp")
    assert "encryption" in found.failed
    assert_verdict(found, *expected)
    assert bool(found.verdict.operator) or found.verdict.blame is not Blame.SERVER


@story
async def test_a_network_that_wants_its_users_to_sign_in_first_is_at_fault(examined):
    redirect = b"HTTP/1.1 302 Found\r\nLocation: https://login.hotel.example/\r\nContent-Length: 0\r\n\r\n"
    async with Scripted(tls=server_context("hotel.example", ca=trustme.CA()), forever=[REQUEST, redirect]) as server:
        found = await examined(f"https://localhost:{server.port}/mcp")
    assert_verdict(
        found, Blame.NETWORK, "“login.hotel.example” answers in place of localhost", "sign in to the network"
    )


@pytest.mark.parametrize(
    ("script", "blame", "sentence"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n", CUT], Blame.YOU, "does not speak https at this port"),
        ([b"\x15\x03\x03\x00\x02\x02\x46", DRAIN], Blame.SERVER, "offers only old versions of TLS"),
        ([b"\x15\x03\x03\x00\x02\x02\x78", DRAIN], Blame.SERVER, "accepts only HTTP/2"),
        ([RESET], Blame.UNKNOWN, "ends them as soon as encryption begins"),
        ([DRAIN], Blame.UNKNOWN, "takes connections and then does not answer"),
    ],
)
@story
async def test_a_handshake_that_fails_has_a_cause(script, blame, sentence, examined):
    async with Scripted(forever=script) as server:
        found = await examined(f"https://127.0.0.1:{server.port}/mcp")
    assert_verdict(found, blame, sentence, "")


@story
async def test_a_client_certificate_that_is_missing_is_the_users_to_get(examined):
    found = await examined(f"https://127.0.0.1:{strict_server(ssl.TLSVersion.TLSv1_3, CA, connections=3)}/mcp")
    assert found.failed == {"encryption"}
    assert_verdict(found, Blame.YOU, "a certificate of their own", 'client_certificate = "…"')


@story
async def test_a_ca_file_that_is_missing_is_a_wrong_setting(examined, tmp_path):
    async with Scripted(forever=[DRAIN]) as server:
        found = await examined(f"https://127.0.0.1:{server.port}/mcp", ca_file=str(tmp_path / "no.pem"))
    assert_verdict(found, Blame.YOU, "no.pem cannot be used", "ca_file names a readable PEM file")
