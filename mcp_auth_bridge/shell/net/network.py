"""The TLS context and the proxy decision, which both HTTP planes share."""

import os
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.net import proxies
from mcp_auth_bridge.urls import Url

if TYPE_CHECKING:
    import ssl


class Network:
    """How `settings` reach a server. `environ` may name a proxy; it is read at each decision."""

    def __init__(self, settings: NetworkSettings, environ: Mapping[str, str] = os.environ) -> None:
        self.settings = settings
        self._environ = environ

    def proxy(self, url: Url) -> proxies.Proxy | None:
        """The proxy to reach `url` through, None for a direct connection. Raises `ConfigError`."""
        return self.proxy_decision(url).proxy

    def proxy_decision(self, url: Url) -> proxies.Decision:
        """The same, with the reason for a direct connection. Raises `ConfigError`."""
        return proxies.decide(self.settings.proxy, self._environ, url)

    @cached_property
    def tls(self) -> "ssl.SSLContext":
        """The one client context: verified, TLS 1.2 or newer, HTTP/1.1. Raises `ConfigError` for an unusable file.

        Built at the first https connection, because reading the trust store takes milliseconds.
        """
        import ssl  # a start over plain TCP needs no TLS

        context = _system_trust_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if self.settings.ca_file:
            _load_ca_file(context, self.settings)
        if self.settings.client_certificate:
            _load_client_certificate(context, self.settings)
        return context


def _system_trust_context() -> "ssl.SSLContext":
    import ssl  # as above

    # Not ssl.create_default_context: it writes every session key to the file that SSLKEYLOGFILE names.
    if sys.platform in ("win32", "darwin"):
        import truststore  # comes with httpx2; elsewhere OpenSSL's own files are the system's store

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_default_verify_paths()
    return context


def _load_ca_file(context: "ssl.SSLContext", settings: NetworkSettings) -> None:
    try:
        context.load_verify_locations(cafile=settings.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"ca_file {settings.ca_file} cannot be used: {_system_word(error)}",
            "ca_file names a readable PEM file with at least one certificate",
        ) from None


def _load_client_certificate(context: "ssl.SSLContext", settings: NetworkSettings) -> None:
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(settings.client_certificate, settings.client_key or None, password="")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"client_certificate {settings.client_certificate} cannot be used: {_system_word(error)}",
            "it needs a PEM chain, and its unencrypted key in the same file or in client_key",
        ) from None


def _system_word(error: Exception) -> str:
    """OpenSSL's or the operating system's word for the fault of a file."""
    import ssl  # as above

    match error:
        case ssl.SSLError(reason=str(reason)):
            return reason.replace("_", " ").lower()
        case OSError(strerror=str(text)):
            return text.lower()
    return "it is not a certificate with its key"
