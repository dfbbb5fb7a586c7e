"""The TLS context of all connections. The proxy decision is in test_proxies.py."""

import ssl
import subprocess
import sys

import msgspec
import pytest
import trustme

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.urls import Url


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


def test_an_error_without_a_word_of_the_system_is_still_told(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ValueError

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", fail)
    with pytest.raises(ConfigError, match="it is not a certificate with its key"):
        _ = Network(NetworkSettings(client_certificate="me.pem")).tls


def test_the_proxy_is_chosen_anew_at_each_request():
    environ = {}
    network, url = Network(NetworkSettings(), environ), Url("https", "mcp.example", 443, "/", "")
    assert network.proxy(url) is None
    environ["HTTPS_PROXY"] = "http://proxy.example:3128"
    assert network.proxy(url).url.host == "proxy.example"
