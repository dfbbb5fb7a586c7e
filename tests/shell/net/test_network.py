"""The proxy decision and the TLS context. Connections are in test_pool.py."""

import base64
import ssl
import subprocess
import sys

import msgspec
import pytest
import trustme

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
    "text", ["socks5://user:hunter2@p.example:1080", "http://user:hunter2@", "http://u:hunter2@p:x"]
)
def test_an_unusable_proxy_url_is_refused_without_quoting_it(text):
    with pytest.raises(ConfigError) as caught:
        via({"HTTPS_PROXY": text})
    assert "HTTPS_PROXY" in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_the_tls_context_verifies_and_is_modern_and_built_once():
    network = Network(NetworkSettings(), {})
    context = network.tls
    assert context is network.tls
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_session_keys_are_never_logged(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert Network(NetworkSettings(), {}).tls.keylog_filename is None
    assert not (tmp_path / "keys").exists()


def test_a_ca_file_is_added_to_the_trust_store_of_the_system(tmp_path):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    before = Network(NetworkSettings(), {}).tls.cert_store_stats()["x509_ca"]
    assert Network(NetworkSettings(ca_file=str(path)), {}).tls.cert_store_stats()["x509_ca"] == before + 1


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_unusable_ca_file_is_named(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca_file .*ca\.pem cannot be used"):
        _ = Network(NetworkSettings(ca_file=str(path)), {}).tls


def test_a_client_certificate_without_its_key_is_named(tmp_path):
    path = tmp_path / "me.pem"
    trustme.CA().issue_cert("me.example").cert_chain_pems[0].write_to_path(path)
    with pytest.raises(ConfigError, match=r"client_certificate .*me\.pem cannot be used"):
        _ = Network(NetworkSettings(client_certificate=str(path)), {}).tls


def test_an_encrypted_client_key_is_refused_and_no_password_is_asked_for(tmp_path):
    from cryptography.hazmat.primitives import serialization

    issued = trustme.CA().issue_cert("me.example")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    path = tmp_path / "me.pem"
    path.write_bytes(encrypted + issued.cert_chain_pems[0].bytes())
    program = (
        "import sys; from mcp_auth_bridge.shell.net.network import *\n"
        "try: Network(NetworkSettings(client_certificate=sys.argv[1]), {}).tls\n"
        "except ConfigError as error: print(error.message)"
    )
    # In a session of its own there is no terminal that OpenSSL could ask on.
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, start_new_session=True, check=True,
    )  # fmt: skip
    assert "client_certificate" in done.stdout
    assert "PEM pass phrase" not in done.stdout + done.stderr


def test_a_misspelt_setting_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"ca-file": "x"}, NetworkSettings)
