"""OAuth's plane against real sockets: the redirects that it follows, its limits, and the names of its errors."""

import asyncio
import gzip
import socket
import ssl

import httpx2
import pytest
import trustme
from peers.scripted import CUT, REQUEST, RESET, Gate, Scripted, ok

from mcp_auth_bridge import __version__
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.effects import Fetch
from mcp_auth_bridge.errors import LimitExceeded, OutcomeUnknown, TheirProtocolError, Unreachable, UrlRefused
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net import fetch, oauth_http
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.urls import Url

SECRET = Secret("RT-hunter2")


def told(story):
    """Run an async test with a scripted server and the plane under test."""

    def run(*args, **kwargs):
        async def whole():
            async with Scripted() as server:
                http = OAuthHttp(Network(NetworkSettings(), {}))
                try:
                    await story(server, http, *args, **kwargs)
                finally:
                    await http.aclose()

        asyncio.run(whole())

    run.__name__ = story.__name__
    return run


def at(server, path="/x", scheme="http", host="127.0.0.1", query=""):
    return Url(scheme, host, server.port, path, query)


def redirect(status, location, *headers):
    lines = [f"HTTP/1.1 {status} Elsewhere", "Content-Length: 0", *headers]
    if location is not None:
        lines.append(f"Location: {location}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@told
async def test_a_get_names_the_bridge_and_returns_the_whole_response(server, http):
    server.play([REQUEST, ok(b'{"a":1}', b"Content-Type: application/json", b"X-Two: 1", b"x-two: 2")])
    answered = await http.fetch(Fetch(at(server, query="a=b"), {"accept": "application/json"}))
    assert (answered.status, answered.body) == (200, b'{"a":1}')
    assert answered.header("content-type") == "application/json"
    assert answered.headers["x-two"] == ("1", "2")
    assert answered.at > 1_600_000_000
    [sent] = server.requests
    assert sent.startswith(b"GET /x?a=b HTTP/1.1\r\n")
    assert f"user-agent: mcp-auth-bridge/{__version__}".encode() in sent.lower()
    assert b"accept-encoding: identity" in sent.lower()


@told
async def test_a_form_and_a_document_are_posted_with_their_media_types(server, http):
    server.play([REQUEST, ok(), REQUEST, ok()])
    await http.fetch(Fetch(at(server), {"authorization": Secret("Basic x")}, form={"token": SECRET, "b": "ä &="}))
    await http.fetch(Fetch(at(server), document=b'{"a":1}'))
    form, document = server.requests
    assert form.startswith(b"POST /x ")
    assert b"authorization: Basic x" in form
    assert b"application/x-www-form-urlencoded" in form
    assert form.endswith(b"\r\n\r\ntoken=RT-hunter2&b=%C3%A4+%26%3D")
    assert b"application/json" in document
    assert document.endswith(b'\r\n\r\n{"a":1}')


@pytest.mark.parametrize("status", [204, 302, 400, 401, 404, 500, 599])
def test_any_status_of_a_form_is_a_result(status):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(status, "/elsewhere")])
        assert (await http.fetch(Fetch(at(server), form={"token": SECRET}))).status == status

    story()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_delete_stays_one_and_is_never_redirected(status):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(status, "/elsewhere")])
        assert (await http.fetch(Fetch(at(server), {"authorization": SECRET}, method="DELETE"))).status == status
        [sent] = server.requests
        assert sent.startswith(b"DELETE /x HTTP/1.1\r\n")

    story()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/y", "y", "?z=1", "http://127.0.0.1:{port}/y"])
def test_a_get_follows_a_redirect_within_its_origin(status, location):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(status, location.format(port=server.port)), REQUEST, ok(b"there")])
        assert (await http.fetch(Fetch(at(server)))).body == b"there"
        assert server.requests[1].startswith((b"GET /y ", b"GET /x?z=1 "))

    story()


def test_a_redirect_is_the_result_where_none_may_be_followed():
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(302, "/y?code=1")])
        assert (await http.fetch(Fetch(at(server), redirects=0))).header("location") == "/y?code=1"
        assert len(server.requests) == 1

    story()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_form_is_never_redirected(status):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(status, "/y")])
        assert (await http.fetch(Fetch(at(server), form={"token": SECRET}))).status == status
        assert len(server.requests) == 1

    story()


@pytest.mark.parametrize(("status", "followed"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_a_document_is_redirected_only_where_it_stays_a_post(status, followed):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(status, "/y"), *([REQUEST, ok()] if followed else [])])
        answered = await http.fetch(Fetch(at(server), document=b"{}"))
        assert answered.status == (200 if followed else status)
        assert [request.split()[0] for request in server.requests] == [b"POST"] * (1 + followed)

    story()


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{port}/y",
        "http://127.0.0.2:{port}/y",
        "http://127.0.0.1:1/y",
        "https://127.0.0.1:{port}/y",
        "//127.0.0.2:{port}/y",
        "http://169.254.169.254/latest/meta-data",
        "http://user:hunter2@127.0.0.1:{port}/y",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[/",
        "//[",
        "/y z",
        "/\x01",
        "/é",
    ],
)
def test_a_redirect_to_anywhere_else_is_refused_before_it_is_followed(location):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(302, location.format(port=server.port))])
        with pytest.raises((TheirProtocolError, OutcomeUnknown)) as raised:
            await http.fetch(Fetch(at(server)))
        assert len(server.requests) == 1
        assert "hunter2" not in raised.value.message + raised.value.hint

    story()


@pytest.mark.parametrize("location", [None, "", "/x"])
def test_a_redirect_loop_ends(location):
    @told
    async def story(server, http):
        server.play([REQUEST, redirect(302, location)] * 4)
        with pytest.raises(TheirProtocolError, match="redirects in a loop"):
            await http.fetch(Fetch(at(server)))
        assert len(server.requests) == 4

    story()


@told
async def test_no_cookie_is_sent_back(server, http):
    server.play([REQUEST, redirect(302, "/y", "Set-Cookie: a=b; Path=/"), REQUEST, ok(), REQUEST, ok()])
    await http.fetch(Fetch(at(server)))
    await http.fetch(Fetch(at(server)))
    assert len(server.requests) == 3
    assert not any(b"cookie" in request.lower() for request in server.requests)


LIMIT = 256 * 1024


@told
async def test_a_large_response_is_read_up_to_the_limit_and_not_beyond(server, http):
    server.play([REQUEST, ok(b"x" * LIMIT)], [REQUEST, ok(b"x" * (LIMIT + 1))])
    assert len((await http.fetch(Fetch(at(server)))).body) == LIMIT
    server.play([REQUEST, ok(b"x" * (LIMIT + 1))])
    with pytest.raises(LimitExceeded, match="256 KiB"):
        await http.fetch(Fetch(at(server)))


@told
async def test_a_response_without_an_end_is_cut_at_the_limit(server, http):
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    server.play([REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[chunk] * 6, Gate()])
    with pytest.raises(LimitExceeded):
        await http.fetch(Fetch(at(server)))


@told
async def test_a_body_that_is_not_in_its_encoding_is_the_servers_fault(server, http):
    server.play([REQUEST, ok(b"no gzip at all", b"Content-Encoding: gzip")])
    with pytest.raises(TheirProtocolError, match="is not valid gzip"):
        await http.fetch(Fetch(at(server)))


@told
async def test_a_bomb_is_cut_at_the_limit(server, http):
    bomb = gzip.compress(b"x" * 50_000_000)
    server.play([REQUEST, ok(bomb, b"Content-Encoding: gzip")])
    with pytest.raises(LimitExceeded):
        await http.fetch(Fetch(at(server)))


@told
async def test_the_response_to_a_post_has_a_smaller_limit_than_a_document(server, http):
    body = b"x" * (64 * 1024 + 1)
    server.play([REQUEST, ok(body)], [REQUEST, ok(body)])
    for posted in ({"form": {"token": SECRET}}, {"document": b"{}"}):
        with pytest.raises(LimitExceeded, match="64 KiB"):
            await http.fetch(Fetch(at(server), **posted))


@told
async def test_an_oversized_head_is_refused(server, http):
    server.play([REQUEST, ok(b"", *[b"X-%d: %s" % (number, b"y" * 1000) for number in range(70)])])
    with pytest.raises(LimitExceeded, match="headers"):
        await http.fetch(Fetch(at(server)))


def test_a_refused_connection_is_unreachable_and_nothing_was_sent():
    async def story():
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            http = OAuthHttp(Network(NetworkSettings(), {}))
            url = Url("http", "127.0.0.1", closed.getsockname()[1], "/x", "")
            with pytest.raises(Unreachable, match="refuses connections") as raised:
                await http.fetch(Fetch(url, form={"token": SECRET}))
            await http.aclose()
        assert not isinstance(raised.value, OutcomeUnknown)
        assert raised.value.retry_safe
        assert raised.value.facts == {"host": url.authority}

    asyncio.run(story())


@pytest.mark.parametrize(
    "script",
    [
        [REQUEST, CUT],
        [REQUEST, RESET],
        [REQUEST, b"HTTP/1.1 200 OK\r\nContent-Le", CUT],
        [REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", CUT],
        [REQUEST, b"SSH-2.0-OpenSSH_9.9\r\n\r\n", CUT],
        [REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CUT],
    ],
)
def test_a_response_that_is_cut_off_leaves_the_outcome_unknown(script):
    @told
    async def story(server, http):
        server.play(script)
        with pytest.raises(OutcomeUnknown) as raised:
            await http.fetch(Fetch(at(server), form={"token": SECRET}))
        assert not raised.value.retry_safe
        assert "hunter2" not in raised.value.message + raised.value.hint
        assert len(server.requests) == 1

    story()


def test_a_silent_server_is_given_up_and_named(monkeypatch):
    monkeypatch.setattr(fetch, "_TOKEN_TIMEOUT", 0.05)

    @told
    async def story(server, http):
        server.play([REQUEST, Gate()])
        with pytest.raises(OutcomeUnknown, match=r"did not answer within 0\.05 seconds"):
            await http.fetch(Fetch(at(server), form={"grant_type": "refresh_token", "token": SECRET}))

    story()


def test_the_timeout_is_for_a_whole_response_and_not_for_each_byte(monkeypatch):
    monkeypatch.setattr(fetch, "_TIMEOUT", 0.05)

    async def drip(_, writer):
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)

    @told
    async def story(server, http):
        server.play([REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\nX-Drip: ", drip])
        with pytest.raises((OutcomeUnknown, LimitExceeded)):
            await http.fetch(Fetch(at(server)))

    story()


@pytest.mark.parametrize("host", ["999.1.1.1", "a..b", "-", "1.2.3", "xn--", "x" * 64 + ".example", "0x7f.1"])
def test_an_impossible_host_name_is_an_error_of_the_bridge(host):
    async def story():
        http = OAuthHttp(Network(NetworkSettings(), {}))
        try:
            with pytest.raises((Unreachable, UrlRefused)):
                await http.fetch(Fetch(Url("https", host, 1, "/", "")))
        finally:
            await http.aclose()

    asyncio.run(story())


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return authority, str(path)


def over_tls(authority, story, ca_file):
    async def whole():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        async with Scripted(tls=context) as server:
            http = OAuthHttp(Network(NetworkSettings(ca_file=ca_file), {}))
            try:
                await story(server, http)
            finally:
                await http.aclose()

    asyncio.run(whole())


def test_a_certificate_of_the_configured_ca_is_accepted(authority):
    async def story(server, http):
        server.play([REQUEST, ok(b"safe")])
        assert (await http.fetch(Fetch(at(server, scheme="https")))).body == b"safe"

    over_tls(authority[0], story, authority[1])


def test_a_certificate_of_an_unknown_ca_is_refused_with_the_line_to_write(authority):
    async def story(server, http):
        server.play([REQUEST])
        with pytest.raises(Unreachable, match="unknown issuer") as raised:
            await http.fetch(Fetch(at(server, scheme="https"), form={"token": SECRET}))
        assert "ca_file" in raised.value.hint
        assert server.requests == []

    over_tls(authority[0], story, "")


def test_environment_variables_for_other_programs_change_nothing(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    told(_one_get)()


async def _one_get(server, http):
    server.play([REQUEST, ok()])
    assert (await http.fetch(Fetch(at(server)))).status == 200


def test_a_proxy_gets_the_whole_url_and_its_password():
    async def story():
        async with Scripted() as middle:
            middle.play([REQUEST, ok(b"{}")])
            environ = {"HTTP_PROXY": f"http://user:pass@127.0.0.1:{middle.port}"}
            http = OAuthHttp(Network(NetworkSettings(), environ))
            try:
                response = await http.fetch(Fetch(Url("http", "as.test", 80, "/x", "")))
            finally:
                await http.aclose()
            return response, middle.requests[0]

    response, sent = asyncio.run(story())
    assert response.status == 200
    assert sent.startswith(b"GET http://as.test/x HTTP/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in sent.lower()


def test_an_address_that_refuses_makes_room_for_the_next_which_comes_first_from_then_on(monkeypatch):
    async def story():
        async with Scripted() as server:
            server.play([REQUEST, ok(b"1"), REQUEST, ok(b"2")])

            async def getaddrinfo(_, host, port, **__):
                return [(0, 0, 0, "", (text, port)) for text in ("127.0.0.2", "127.0.0.1", "127.0.0.3")]

            monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
            http = OAuthHttp(Network(NetworkSettings(), {}))
            try:
                return [(await http.fetch(Fetch(at(server, host="as.test")))).body for _ in range(2)]
            finally:
                await http.aclose()

    assert asyncio.run(story()) == [b"1", b"2"]


@told
async def test_an_encoded_body_is_decoded_although_none_was_asked_for(server, http):
    packed = gzip.compress(b"hello")
    server.play([REQUEST, ok(packed, b"Content-Encoding: gzip")])
    assert (await http.fetch(Fetch(at(server)))).body == b"hello"


def test_an_error_of_the_library_without_one_of_the_system_is_told_by_its_text():
    with (
        pytest.raises(Unreachable, match="hung up"),
        oauth_http._translate_errors(Url("https", "as.test", 443, "/", "")),
    ):
        raise httpx2.ConnectError("canary")


def test_a_url_that_the_library_refuses_is_an_error_of_ours():
    with pytest.raises(UrlRefused), oauth_http._translate_errors(Url("https", "as.test", 443, "/", "")):
        raise httpx2.InvalidURL("canary")
