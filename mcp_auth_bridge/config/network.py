"""The `network` table of a server: how the bridge reaches it."""

from typing import Annotated, Literal, TypeAlias

import msgspec

Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the bridge reaches an MCP server. Times are in seconds.

    Nothing here limits the body of a response: an event stream may stay silent for as long as it likes.
    """

    # A file of certificates (PEM) that are trusted besides the operating system's; "" for none.
    ca_file: str = ""
    # A file with the certificate chain (PEM) of this client; "" for none.
    client_certificate: str = ""
    # The file of its unencrypted private key; "" if the key is in the same file.
    client_key: str = ""
    # "env" (the usual variables), "none", or the URL of a proxy.
    proxy: str = "env"
    # Whether IPv6 addresses are left out.
    ipv4_only: bool = False
    # The limit for name look-up, TCP, proxy and TLS together.
    connect_timeout: Seconds = 10.0
    # The limit from the request to the head of its response; None for as long as the request itself may take.
    headers_timeout: Seconds | None = None
    # Whether the server's cookies are kept, in memory only, for load balancers that use them to bind a session to a
    # machine: "auto" keeps them from the first lost session on, "affinity" always, "off" never.
    cookies: Literal["auto", "affinity", "off"] = "auto"
