"""How one server is reached: the `network` table of its configuration."""

from typing import Annotated, Literal, TypeAlias

import msgspec

Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`proxy` is "env" (the usual variables), "none", or the URL of a proxy. A path is "" where there is none.

    `ca_file` holds certificates (PEM) that are trusted beside the operating system's; `client_certificate` a chain
    (PEM) that proves who we are, `client_key` its unencrypted key if that is another file.
    `connect_timeout` is in seconds and covers name, TCP, proxy and TLS together. `headers_timeout` is in seconds from
    the request to the head of its answer; None: as long as the request itself may take. A body has no deadline here: an
    event stream may stay silent for as long as it likes.
    `cookies` "affinity" keeps what the server sets, in memory, for balancers that tie a session to a machine with them.
    """

    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    proxy: str = "env"
    ipv4_only: bool = False
    connect_timeout: Seconds = 10.0
    headers_timeout: Seconds | None = None
    cookies: Literal["off", "affinity"] = "off"
