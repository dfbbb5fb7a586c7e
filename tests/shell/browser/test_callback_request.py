"""A request to the loopback callback: read within limits, and known as a browser's navigation by its headers."""

import asyncio

import h11
import pytest

from mcp_auth_bridge.shell.browser.callback_request import CallbackRequest, read_request

HOST, CONSENT = b"127.0.0.1:4711", b"https://as.example"
FORM = b"application/x-www-form-urlencoded"
GET = b"GET /callback?state=s&code=c HTTP/1.1\r\nHost: 127.0.0.1:4711\r\n\r\n"


def read(*pieces, callback="/callback"):
    async def story():
        reader = asyncio.StreamReader()
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        return await read_request(h11.Connection(h11.SERVER, max_incomplete_event_size=8192), reader, callback)

    return asyncio.run(story())


def post(body, path=b"/callback"):
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (path, FORM, len(body))
    return head + body


def request(method=b"GET", **headers):
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return CallbackRequest(method, "/callback", {b"host": HOST, **named})


def test_a_get_has_its_path_and_its_parameters():
    found = read(GET)
    assert (found.method, found.path, found.parameters) == (b"GET", "/callback", "state=s&code=c")
    assert found.headers == {b"host": HOST}


def test_a_request_may_arrive_byte_by_byte():
    assert read(*(bytes([byte]) for byte in GET)).parameters == "state=s&code=c"


def test_a_form_at_the_callback_is_its_parameters_unless_there_is_a_query():
    assert read(post(b"state=s&code=c")).parameters == "state=s&code=c"
    assert read(post(b"code=other", b"/callback?code=c")).parameters == "code=c"


def test_the_body_of_any_other_post_is_not_read():
    assert read(post(b"x" * 100_000, b"/elsewhere")).form == ""


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 20_000),
        post(b"x" * 65_537),
    ],
)
def test_what_is_malformed_or_beyond_the_limits_is_refused(sent):
    with pytest.raises(h11.RemoteProtocolError):
        read(sent)


def test_a_second_request_before_the_response_is_not_read():
    async def story():
        connection, reader = h11.Connection(h11.SERVER), asyncio.StreamReader()
        reader.feed_data(GET + GET)  # a browser does not send a second one before the response
        await read_request(connection, reader, "/callback")
        for _ in range(2):
            with pytest.raises(h11.RemoteProtocolError, match="a request was expected"):
                await read_request(connection, reader, "/callback")

    asyncio.run(story())


@pytest.mark.parametrize("sent", [b"", GET[:20], post(b"state=s")[:-3]])
def test_a_connection_that_ends_within_a_request_is_told_from_a_bad_one(sent):
    with pytest.raises((ConnectionError, h11.RemoteProtocolError)):
        read(sent)


@pytest.mark.parametrize(
    "navigation",
    [
        request(),
        request(sec_fetch_dest=b"document"),
        request(b"POST", content_type=FORM),
        request(b"POST", content_type=FORM + b"; charset=utf-8", origin=b"null"),
        request(b"POST", content_type=FORM, origin=CONSENT),
    ],
)
def test_a_browser_that_navigates_is_known(navigation):
    assert navigation.is_navigation(HOST, CONSENT)


@pytest.mark.parametrize(
    "other",
    [
        CallbackRequest(b"GET", "/callback", {b"host": b"evil.example"}),
        CallbackRequest(b"GET", "/callback", {}),
        request(sec_fetch_dest=b"image"),
        request(purpose=b"prefetch"),
        request(sec_purpose=b"prefetch;prerender"),
        request(origin=b"https://evil.example"),
        request(b"POST", content_type=FORM, origin=b"https://evil.example"),
        request(b"POST", content_type=b"text/plain"),
        request(b"POST"),
        request(b"HEAD"),
    ],
)
def test_a_script_an_image_a_prefetch_and_another_origins_form_are_not_navigations(other):
    assert not other.is_navigation(HOST, CONSENT)
