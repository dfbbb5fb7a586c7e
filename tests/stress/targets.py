"""Runs one parser under atheris: `python tests/stress/targets.py NAME -max_total_time=SECONDS`.

Each target accepts any bytes and raises only the errors that its parser documents. Any other error is a finding and
ends the run.
"""

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mcp_auth_bridge"]):
    from mcp_auth_bridge.config import config_file, profile
    from mcp_auth_bridge.effects import Response
    from mcp_auth_bridge.errors import BridgeError, StoreError
    from mcp_auth_bridge.oauth import challenge, documents
    from mcp_auth_bridge.oauth.metadata import ResourceMetadata, ServerMetadata
    from mcp_auth_bridge.oauth.token_request import Tokens
    from mcp_auth_bridge.relay import http_semantics, replies
    from mcp_auth_bridge.relay.base import Kind, Malformed
    from mcp_auth_bridge.relay.envelope import peek, result_of, split_batch
    from mcp_auth_bridge.relay.mcp_headers import standard_headers
    from mcp_auth_bridge.relay.sse import EventParser
    from mcp_auth_bridge.stores.seal import MAGIC, Seal

PLACE = profile.parse_server_url("https://as.example/x", "a target")
SHAPES = (ResourceMetadata, ServerMetadata, Tokens)
SEAL = Seal(lambda: b"k" * 32, bytes, "log in again")


def sse(data: bytes) -> None:
    """The events do not depend on the chunking."""
    middle = data[0] if data else 0
    whole, cut = EventParser(1 << 16), EventParser(1 << 16)
    events = list(whole.feed(data))
    assert events == [*cut.feed(data[:middle]), *cut.feed(data[middle:])]


def message(data: bytes) -> None:
    """A message keeps its bytes and has a key, and every layer can read it."""
    seen = peek(data)
    for part in split_batch(seen) if seen.kind is Kind.BATCH else [seen]:
        assert part.raw in data
        hash(part.key)
        hash(part.target)
        http_semantics.refusal_in_reply(part.raw)
        if part.kind is Kind.REPLY:
            replies.members(result_of(part))
            peek(replies.with_id(part, b'"other"').raw)
        if part.kind is Kind.REQUEST:
            assert all(value.isascii() for value in standard_headers(part).values())
            peek(replies.failure(part, BridgeError("why")).raw)


def www_authenticate(data: bytes) -> None:
    challenge.choose_challenge([data.decode("latin-1")])


def oauth_document(data: bytes) -> None:
    """The first byte selects the document and whether the response is a refusal."""
    kind = data[0] if data else 0
    response = Response(400 if kind & 4 else 200, {"content-type": ("application/json",)}, data[1:], 0.0)
    if kind & 4:
        documents.refusal_error(response, PLACE, "it")
    else:
        documents.read(response, SHAPES[kind % len(SHAPES)], PLACE, "it")


def record(data: bytes) -> None:
    """The bytes themselves, and the bytes under a valid seal, which no attacker can make."""
    try:
        SEAL.unsealed("name", data, "here")
    except StoreError:
        key, head = SEAL.open(), MAGIC + SEAL.open().identity + bytes(12)
        SEAL.unsealed("name", head + key.cipher.encrypt(bytes(12), data, head + b"name"), "here")


def configuration(data: bytes) -> None:
    config_file.parse(data.decode(errors="replace"), Path("config.toml"))


TARGETS = {each.__name__: each for each in (sse, message, www_authenticate, oauth_document, record, configuration)}


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        with contextlib.suppress(BridgeError, Malformed):
            target(data)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
