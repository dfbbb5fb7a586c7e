"""Which proxy a URL goes through: the setting, else the environment's, and what is reached directly."""

import base64

import pytest

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import parse
from mcp_auth_bridge.urls import Url

SERVER = Url("https", "mcp.acme.example", 443, "/mcp", "")
PROXY = "http://proxy.example:3128"


def via(environ, url=SERVER, **settings):
    proxy = Network(NetworkSettings(**settings), environ).proxy(url)
    return proxy and proxy.url.origin


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other.example:1"}, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"ALL_PROXY": "http://other.example:1", "HTTPS_PROXY": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": "http://proxy.example:3128/"}, PROXY),
        ({"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example"),
        ({"HTTPS_PROXY": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
    ],
)
def test_the_usual_variables_name_the_proxy(environ, expected):
    assert via(environ) == expected


def test_http_urls_follow_their_own_variable():
    url = Url("http", "mcp.acme.example", 80, "/", "")
    assert via({"HTTP_PROXY": PROXY}, url) == PROXY
    assert via({"HTTPS_PROXY": PROXY}, url) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("*", "mcp.acme.example", True),
        ("acme.example", "mcp.acme.example", True),
        (".acme.example", "mcp.acme.example", True),
        ("*.acme.example", "mcp.acme.example", True),
        ("MCP.ACME.EXAMPLE", "mcp.acme.example", True),
        ("mcp.acme.example", "mcp.acme.example", True),
        ("mcp.acme.example:443", "mcp.acme.example", True),
        ("mcp.acme.example:8443", "mcp.acme.example", False),
        ("other.example, acme.example", "mcp.acme.example", True),
        ("cme.example", "mcp.acme.example", False),
        ("mcp.acme", "mcp.acme.example", False),
        ("acme.example", "mcp.acme.example.", True),
        ("", "mcp.acme.example", False),
        (",,", "mcp.acme.example", False),
        (".", "mcp.acme.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("10.1.2.3:444", "10.1.2.3", False),
        ("fd00::/8", "fd00::1", True),
        ("[fd00::1]:443", "fd00::1", True),
        ("[fd00::1]", "fd00::1", True),
        ("10.0.0.0/8", "mcp.acme.example", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(no_proxy, host, exempt):
    url = Url("https", host, 443, "/", "")
    assert via({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}, url) == (None if exempt else PROXY)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_is_always_reached_directly(host):
    url = Url("http", host, 80, "/", "")
    assert via({"ALL_PROXY": PROXY}, url) is None
    assert via({}, url, proxy=PROXY) is None


def test_the_setting_overrules_the_variables():
    assert via({"HTTPS_PROXY": "http://other.example:1", "NO_PROXY": "*"}, proxy=PROXY) == PROXY
    assert via({"HTTPS_PROXY": PROXY}, proxy="none") is None


def test_a_proxys_credentials_become_a_header_and_are_never_printed():
    proxy = parse("http://us%65r:p%40ss:w@proxy.example:3128", "HTTPS_PROXY")
    assert proxy.authorization.reveal() == "Basic " + base64.b64encode(b"user:p@ss:w").decode()
    for text in (str(proxy), repr(proxy)):
        assert "ss" not in text.replace("HTTPS", "")
    assert str(proxy) == "the proxy http://proxy.example:3128 (HTTPS_PROXY)"


@pytest.mark.parametrize(
    "text",
    [
        "socks5://user:hunter2@p.example:1080",
        "http://user:hunter2@",
        "http://u:hunter2@p:x",
        "u:hunter2://x@proxy.example:3128",
    ],
)
def test_an_unusable_proxy_url_is_refused_without_quoting_it(text):
    with pytest.raises(ConfigError) as caught:
        via({"HTTPS_PROXY": text})
    assert "HTTPS_PROXY" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize("kind", ["socks5h", "SOCKS5", "socks4", "socks", "ftp"])
def test_a_proxy_of_another_kind_is_named_with_what_works_instead(variable, kind):
    with pytest.raises(ConfigError) as caught:
        via({variable: f"{kind}://127.0.0.1:1080"})
    assert variable in caught.value.message
    assert (f"a SOCKS proxy ({kind})" in caught.value.message) is (kind != "ftp")
    assert all(word in caught.value.hint for word in ("https_proxy", "no_proxy", 'proxy = "none"'))


def test_an_http_proxy_is_used_even_if_all_proxy_names_another_kind():
    assert via({"ALL_PROXY": "socks5h://127.0.0.1:1080", "HTTPS_PROXY": PROXY}) == PROXY


@pytest.mark.parametrize(
    ("environ", "settings", "host", "reason"),
    [
        ({}, {}, "mcp.acme.example", "neither a setting nor a variable names one"),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "*"}, {}, "mcp.acme.example", "no_proxy exempts mcp.acme.example"),
        (
            {"HTTPS_PROXY": PROXY},
            {"proxy": "none"},
            "mcp.acme.example",
            'proxy is "none" in the server\'s network table',
        ),
        ({"HTTPS_PROXY": PROXY}, {}, "localhost", "the server is on this machine"),
        ({"HTTPS_PROXY": PROXY}, {}, "mcp.acme.example", ""),
    ],
)
def test_a_direct_connection_has_a_reason(environ, settings, host, reason):
    network = Network(NetworkSettings(**settings), environ)
    decision = network.proxy_decision(Url("https", host, 443, "/mcp", ""))
    assert (decision.reason, decision.proxy is None) == (reason, bool(reason))
