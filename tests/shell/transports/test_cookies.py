"""Cookies: none by default, and those of a balancer where the profile wants them."""

import pytest
from peers.scripted import CUT, REQUEST, Scripted
from remoting import ANSWER, CALL, collect, connected, header, reply, story

from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.urls import Url

SAFE = Url("https", "mcp.example", 443, "/v1/mcp", "")
PLAIN = Url("http", "127.0.0.1", 80, "/v1/mcp", "")


def sent(*fields, url=SAFE):
    """The `Cookie` header after a response with these fields."""
    jar = CookieJar()
    jar.store(url, fields)
    return jar.headers().get("cookie")


@story
async def test_cookies_are_off_by_default():
    async with Scripted() as server, connected(server) as remote:
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
