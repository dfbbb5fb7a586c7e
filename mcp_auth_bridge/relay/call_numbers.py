"""The numbers of calls: each relay takes them from a range of its own, so that no number is used twice.

A call is one POST to the MCP server, with everything that comes back for it. Relays nest, and several of them make
calls of their own besides those of the client. A relay recognises its own calls by their range.
"""

STREAM = 0
"""The call under which the server's own stream arrives."""

FORWARDED = range(1, 2**39)
"""The calls that carry a message from the client."""

OWN = range(-1, -(2**39), -1)
"""The calls that the relay of an era makes itself. Only one era is in use, and only one of its relays makes calls."""

SIGN_IN = -(2**39)
"""The call as which a login ends."""

LISTINGS = range(-(2**39) - 1, -(2**40), -1)
"""The calls that list the tools for a call whose headers were refused."""

PROBES = range(-(2**40) - 1, -(2**41), -1)
"""The calls that ask the server which era it speaks."""


class CallNumbers:
    """Hands out the numbers of one range: `take()` returns them in their order, each once."""

    def __init__(self, numbers: range) -> None:
        self.take = iter(numbers).__next__  # in C and not in Python, because every message takes a number
