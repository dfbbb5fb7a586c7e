"""Cookies: none by default, and those of a balancer for whoever wants them."""

import pytest
from peers.scripted import CUT, REQUEST, Scripted
from remoting import ANSWER, CALL, collect, connected, header, reply, story

from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.urls import Url

SAFE = Url("https", "mcp.example", 443, "/v1/mcp", "")
PLAIN = Url("http", "127.0.0.1", 80, "/v1/mcp", "")


class Clock:
    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


def sent(*fields, url=SAFE, to=None):
    """The `Cookie` header after an answer with these fields."""
    jar = CookieJar(Clock())
    jar.store(url, fields)
    return jar.headers(to or url).get("cookie")


@story
async def test_cookies_are_off_by_default():
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, reply(b"200 OK", b"Set-Cookie: a=1", body=ANSWER)] * 2)
        for _ in range(2):
            await collect(remote.post(CALL, {}))
        assert [header(request, b"cookie") for request in server.requests] == [None, None]


@story
async def test_an_affinity_jar_brings_back_what_the_balancer_set():
    async with Scripted() as server, connected(server, jar=CookieJar(Clock())) as remote:
        server.play([*[REQUEST, reply(b"200 OK", b"Set-Cookie: AWSALB=x+/=; Path=/", body=ANSWER)] * 2, CUT])
        for _ in range(2):
            await collect(remote.post(CALL, {}))
        assert [header(request, b"cookie") for request in server.requests] == [None, b"AWSALB=x+/="]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a=1", "a=1"),
        (" a = 1 ; Path=/", "a=1"),
        ('a="1"', 'a="1"'),
        ("a=", "a="),
        ("a=1; Domain=mcp.example", "a=1"),
        ("a=1; domain=.EXAMPLE", "a=1"),
        ("a=1; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=1"),
        ("a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT", "a=1"),
        ("a=1; Expires=Wed, 21-Oct-2099 07:28:00 GMT", "a=1"),
        ("a=1; Expires=whenever", "a=1"),
        ("a=1; Max-Age=soon", "a=1"),
        ("a=1; Secure; HttpOnly; SameSite=None", "a=1"),
        ("a=1; Domain=evil.example", None),
        ("a=1; Domain=p.example", None),
        ("a=1; Max-Age=0", None),
        ("a=1; Max-Age=-1", None),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
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
def test_a_field_is_read_as_its_cookie(field, expected):
    assert sent(field) == expected


def test_a_secure_cookie_is_for_https():
    assert sent("a=1; Secure", url=PLAIN) is None
    assert sent("a=1; Secure", to=Url("http", "mcp.example", 80, "/v1/mcp", "")) is None


@pytest.mark.parametrize(
    ("path", "target", "goes"),
    [
        ("; Path=/v1", "/v1/mcp", True),
        ("; Path=/v1/", "/v1/mcp", True),
        ("; Path=/v1/mcp", "/v1/mcp", True),
        ("; Path=/v", "/v1/mcp", False),
        ("; Path=/v1/mcp", "/v1/mcpx", False),
        ("; Path=/v2", "/v1/mcp", False),
        ("; Path=x", "/v1/other", True),
        ("", "/v1/other", True),
        ("", "/v2", False),
    ],
)
def test_a_path_is_a_prefix_of_whole_segments(path, target, goes):
    assert sent("a=1" + path, to=Url("https", "mcp.example", 443, target, "")) == ("a=1" if goes else None)


def test_the_longer_path_comes_first():
    assert sent("a=1; Path=/", "b=2; Path=/v1") == "b=2; a=1"


def test_a_cookie_is_replaced_expired_and_deleted():
    jar, clock = CookieJar(Clock()), Clock()
    jar = CookieJar(clock)
    jar.store(SAFE, ["a=1; Max-Age=10", "b=1"])
    jar.store(SAFE, ["a=2; Max-Age=10", "b=; Max-Age=0"])
    assert jar.headers(SAFE) == {"cookie": "a=2"}
    clock.now += 10
    assert jar.headers(SAFE) == {}


def test_the_jar_holds_the_latest_thirty_two():
    jar = CookieJar(Clock())
    jar.store(SAFE, [f"c{number}=1" for number in range(40)])
    kept = jar.headers(SAFE)["cookie"].split("; ")
    assert kept == [f"c{number}=1" for number in range(8, 40)]
