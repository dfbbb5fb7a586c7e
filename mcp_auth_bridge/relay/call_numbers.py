"""The numbers of calls: which range belongs to whom, so that two relays never use the same number.

A call is one POST to the MCP server, with everything that comes back for it. Relays nest, and several of them make
calls of their own beside those of the client. A relay recognises its own calls by their range.
"""

STREAM = 0
"""The call under which the server's own stream arrives."""

FORWARDED = range(1, 2**39)
"""The calls that carry a message of the client's."""

OWN = range(-1, -(2**39), -1)
"""The calls that the relay of an era makes itself. A session and its relay share one era, so one relay counts here."""

SIGN_IN = -(2**39)
"""The call as which a login ends."""

PROBES = range(-(2**40) - 1, -(2**41), -1)
"""The calls that ask the server which era it speaks."""


class CallNumbers:
    """Hands out the numbers of one range: `take()` returns them in their order, each once."""

    def __init__(self, numbers: range) -> None:
        self.take = iter(numbers).__next__  # every message takes one, so this is not a function of Python's
