"""The `relay` table of a server: how the bridge relays its messages."""

from typing import Annotated

import msgspec

_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RelaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of requests and messages. Times are in seconds."""

    # How long a request may wait without a sign of life from the MCP server.
    deadline: _Seconds = 600.0
    # How long a request may wait in total.
    longest: _Seconds = 6 * 3600.0
    # The size in bytes of the largest message that the client accepts: every host that is built on the TypeScript SDK
    # closes the connection at 10 MiB.
    largest_message: Annotated[int, msgspec.Meta(gt=0)] = 10 * 1024 * 1024
    # The pause between two pings of the MCP server, 0 for no pings.
    ping: Annotated[float, msgspec.Meta(ge=0)] = 0.0
