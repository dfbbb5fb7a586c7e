"""The JSON messages between the bridge and the process that refreshes for it (`app/refresh_process.py`)."""

from typing import Any, Literal

import msgspec

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.store import StoreSettings
from mcp_auth_bridge.errors import BridgeError, Sent


class RefreshTask(msgspec.Struct, frozen=True, kw_only=True):
    """The message to the process: the login, and everything that a refresh needs."""

    # How messages call the server.
    server: str
    # The name of the login's record.
    record: str
    # The login as the bridge holds it (`session.dump`).
    session: str
    # The generation of the record that `session` is a copy of.
    generation: int
    # Which store the login is in.
    store: StoreSettings
    # The key that the records are sealed with.
    sealing_key: bytes
    # The folder of the records (`Paths.records`), as the system spells it.
    records: bytes
    # The folder of the locks (`Paths.locks`), likewise.
    locks: bytes
    # How the authorization server is reached.
    network: NetworkSettings
    # The bridge's environment, which names proxies and certificates, and the password of a Redis.
    environ: tuple[tuple[bytes, bytes], ...]
    # Whether the debug log is written.
    log: Literal["off", "on"]


class ErrorMessage(msgspec.Struct, frozen=True):
    """A `BridgeError` on its way from one process to another. Any: its attributes, which are JSON."""

    kind: str
    attributes: dict[str, Any]


class RefreshOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the refresh ended. Without an `error` the store has the new login, or one that another process obtained."""

    # The id of the process that sends this.
    process: int
    # Why there is no new login, None if there is one.
    error: ErrorMessage | None = None
    # The new login if the store did not take it (`session.dump`), "" if it did.
    unsaved: str = ""
    # The generation of the record that `unsaved` is to replace.
    generation: int | None = None
    # Failures that did not stop the refresh, for the user.
    warnings: tuple[ErrorMessage, ...] = ()


def encode_error(error: BridgeError) -> ErrorMessage:
    """`error` for another process: its class, and all its attributes."""
    return ErrorMessage(type(error).__name__, {**vars(error), "sent": error.sent.value})


def decode_error(message: ErrorMessage) -> BridgeError:
    """The error that `encode_error` was given; a plain `BridgeError` if this process does not know its class."""
    kind = next((kind for kind in _classes(BridgeError) if kind.__name__ == message.kind), BridgeError)
    error = kind.__new__(kind, message.attributes["message"])
    vars(error).update(message.attributes, sent=Sent(message.attributes["sent"]))
    return error


def _classes(kind: type[BridgeError]) -> list[type[BridgeError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _classes(below))]
