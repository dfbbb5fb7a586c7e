"""Cookies: those of a balancer from the first lost session on, always, or never."""

import pytest
from peers.scripted import CUT, REQUEST, Scripted
from remoting import ANSWER, CALL, OPENING, collect, connected, header, one, reply, story

from mcp_auth_bridge.errors import SessionLost
from mcp_auth_bridge.shell.transports.cookies import CookieJar, LearnedCookies, NoCookies
from mcp_auth_bridge.urls import Url

SAFE = Url("https", "mcp.example", 443, "/v1/mcp", "")
INITIALIZED = b'{"jsonrpc":"2.0","id":0,"result":{}}'
PLAIN = Url("http", "127.0.0.1", 80, "/v1/mcp", "")


def sent(*fields, url=SAFE):
    """The `Cookie` header after a response with these fields."""
    jar = CookieJar()
    jar.store(url, fields)
    return jar.headers().get("cookie")


@story
async def test_cookies_that_are_off_never_come_back():
    async with Scripted() as server, connected(server, jar=NoCookies()) as remote:
        server.play([REQUEST, reply(b"200 OK", b"Set-Cookie: a=1", body=ANSWER)] * 2)
        for _ in range(2):
            await collect(remote.post(CALL, {}))
        assert [header(request, b"cookie") for request in server.requests] == [None, None]


@story
async def test_an_affinity_jar_brings_back_what_the_balancer_set():
    async with Scripted() as server, connected(server, jar=CookieJar()) as remote:
        server.play([*[REQUEST, reply(b"200 OK", b"Set-Cookie: AWSALB=x+/=; Path=/", body=ANSWER)] * 2, CUT])
        for _ in range(2):
            await collect(remote.post(CALL, {}))
        assert [header(request, b"cookie") for request in server.requests] == [None, b"AWSALB=x+/="]


@story
async def test_a_lost_session_teaches_the_bridge_to_keep_the_cookies_of_the_next_one():
    """Two replicas behind a balancer that is sticky by cookie (mcp-remote #168)."""
    opened = reply(b"200 OK", b"Mcp-Session-Id: s1", b"Set-Cookie: AWSALB=1", body=INITIALIZED)
    lost = reply(b"404 Not Found", b"Set-Cookie: AWSALB=2")
    found = reply(b"200 OK", b"Set-Cookie: AWSALB=3", body=ANSWER)
    async with Scripted() as server, connected(server, jar=LearnedCookies()) as remote:
        server.play(one(opened), one(found), one(lost), one(opened), one(found), one(found))
        await collect(remote.post(OPENING, {}))
        await collect(remote.post(CALL, {}))
        with pytest.raises(SessionLost):
            await collect(remote.post(CALL, {}))
        await collect(remote.post(OPENING, {}))
        for _ in range(2):
            await collect(remote.post(CALL, {}))
        sent = [header(request, b"cookie") for request in server.requests]
        assert sent == [None, None, None, None, b"AWSALB=1", b"AWSALB=3"]


@pytest.mark.parametrize("offered", [["AWSALB=1"], []])
def test_a_lost_session_names_the_setting_if_cookies_are_off_and_one_was_offered(offered):
    jar, error = NoCookies(), SessionLost("lost")
    jar.store(SAFE, offered)
    jar.session_lost(error)
    assert ('cookies = "off"' in error.hint) == bool(offered)
    assert jar.headers() == {}


def test_a_jar_that_is_always_on_has_nothing_to_learn():
    jar, error = CookieJar(), SessionLost("lost")
    jar.store(SAFE, ["a=1"])
    jar.session_lost(error)
    assert (jar.headers(), error.hint) == ({"cookie": "a=1"}, "")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a=1", "a=1"),
        (" a = 1 ; Path=/", "a=1"),
        ('a="1"', 'a="1"'),
        ("a=", "a="),
        ("a=1; Domain=mcp.example; Path=/v1; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "a=1"),
        ("a=1; Secure; HttpOnly; SameSite=None", "a=1"),
        ("a", None),
        ("=1", None),
        ("a b=1", None),
        ("a=1 2", None),
        ("a=1\r\nX: y", None),
        ("a=é", None),
        ("a=" + "x" * 4095, "a=" + "x" * 4095),
        ("a=" + "x" * 4096, None),
    ],
)
def test_a_set_cookie_field_is_parsed(field, expected):
    assert sent(field) == expected


@pytest.mark.parametrize("attributes", ["; Secure", ";secure", "; Path=/; SECURE ; HttpOnly", "; Secure=1"])
def test_a_secure_cookie_is_for_https(attributes):
    assert sent("a=1" + attributes) == "a=1"
    assert sent("a=1" + attributes, url=PLAIN) is None


@pytest.mark.parametrize("attributes", ["; Path=/secure", "; Comment=secure", "; Insecure"])
def test_another_attribute_does_not_make_a_cookie_secure(attributes):
    assert sent("a=1" + attributes, url=PLAIN) == "a=1"


def test_a_cookie_is_replaced_by_one_of_its_name():
    jar = CookieJar()
    jar.store(SAFE, ["a=1", "b=1"])
    jar.store(SAFE, ["a=2"])
    assert jar.headers() == {"cookie": "b=1; a=2"}


def test_the_jar_holds_the_latest_thirty_two():
    jar = CookieJar()
    jar.store(SAFE, [f"c{number}=1" for number in range(40)])
    kept = jar.headers()["cookie"].split("; ")
    assert kept == [f"c{number}=1" for number in range(8, 40)]
