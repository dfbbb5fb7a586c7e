"""What a relay is told and what it may do: messages in, actions out, no I/O and no clock.

A relay never waits. Time reaches it as `woke`, which answers its own earlier `Wake`. Relays nest: the outer one hands a
message to the inner one and looks at the actions that come back.
"""

import enum
import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from mcp_auth_bridge.errors import BridgeError


class Kind(enum.Enum):
    REQUEST = "request"
    NOTIFICATION = "notification"
    RESPONSE = "response"
    BATCH = "batch"


class Message(msgspec.Struct, frozen=True):
    """One JSON-RPC message: its bytes as they arrived (no line end) and a lossless peek at them.

    `id` is the raw JSON of the id (`b'1'` is not `b'"1"'`, `b'1.0'` stays `b'1.0'`), None where there is none;
    `method` is None for responses and batches.
    """

    kind: Kind
    raw: bytes
    id: bytes | None = None
    method: str | None = None

    @property
    def body(self) -> Any:
        """The decoded message, for those who must look inside: a dict (or a list for a batch)."""
        return json.loads(self.raw)


class Malformed(Exception):
    """Not a JSON-RPC message. `code` is -32700 or -32600; `id` is the raw id where one could be read."""

    def __init__(self, code: int, message: str, id: bytes = b"null") -> None:  # noqa: A002 - the name in JSON-RPC
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id
