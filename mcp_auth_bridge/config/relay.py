"""How messages are relayed for one server: the `relay` table of its configuration."""

from typing import Annotated

import msgspec

_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RelaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`deadline` is how long a request may go without a sign of life from the server, `longest` with them; in seconds.

    `largest_message` is the size in bytes of the largest message that the client can take: every host that is built on
    the TypeScript SDK closes the connection at 10 MiB. `ping` is the pause between two pings of the server in seconds,
    0 for none.
    """

    deadline: _Seconds = 600.0
    longest: _Seconds = 6 * 3600.0
    largest_message: Annotated[int, msgspec.Meta(gt=0)] = 10 * 1024 * 1024
    ping: Annotated[float, msgspec.Meta(ge=0)] = 0.0
