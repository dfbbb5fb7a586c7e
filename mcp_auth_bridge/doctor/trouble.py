"""What is wrong with an answer of the MCP server: a sentence, a hint, and a sign for the verdict."""

import msgspec

from mcp_auth_bridge.doctor.finding import Sign


class Trouble(msgspec.Struct, frozen=True):
    """A fault in the answer to a request."""

    sign: Sign
    # One sentence about the server as "it", lower case, without a full stop.
    says: str
    # What to do about it.
    hint: str
