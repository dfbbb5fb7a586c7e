"""Content codings that the request did not ask for: decoded within limits, or refused by name."""

import asyncio
import contextlib
import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.scripted import CUT, REQUEST, Scripted
from remoting import ANSWER, CALL, NOTE, STREAM, collect, connected, event, one, reply, story

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.effects import Fetch
from mcp_auth_bridge.errors import LimitExceeded, TheirProtocolError
from mcp_auth_bridge.shell.net.content_encoding import choose_decoder
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.urls import Url

MIB = 1 << 20
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": f"t{n}"} for n in range(3000)]}}).encode()


PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "GZip": gzip.compress, "deflate": zlib.compress}


def decoded(coding, *chunks):
    coder = choose_decoder("p", [coding])
    data = b"".join(piece for chunk in chunks for piece in coder.feed(chunk))
    coder.finish()
    return data


@pytest.mark.parametrize("coding", PACKERS)
@story
async def test_a_compressed_response_is_read_as_an_uncompressed_one(coding):
    async with Scripted() as server, connected(server) as remote:
        body = PACKERS[coding](LIST)
        server.play(one(reply(b"200 OK", b"Content-Encoding: " + coding.encode(), body=body)))
        assert await collect(remote.post(CALL, {})) == [LIST]


@story
async def test_a_compressed_stream_is_delivered_as_it_comes():
    packer = zlib.compressobj(wbits=31)
    head = STREAM.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")

    def packed(text, mode):
        data = packer.compress(text) + packer.flush(mode)
        return b"%x\r\n%b\r\n" % (len(data), data)

    def plain(data):
        return event(data).split(b"\r\n")[1]

    async with Scripted() as server, connected(server) as remote:
        first = head + packed(plain(NOTE), zlib.Z_SYNC_FLUSH)

        async def rest(reader, writer):
            await seen.wait()
            writer.write(packed(plain(ANSWER), zlib.Z_FINISH) + b"0\r\n\r\n")

        seen = asyncio.Event()
        server.play([REQUEST, first, rest, CUT])
        messages = remote.post(CALL, {})
        assert (await anext(messages)).raw == NOTE
        seen.set()
        assert await collect(messages) == [ANSWER]


@given(st.binary(max_size=3000), st.sampled_from([gzip.compress, zlib.compress]), st.integers(1, 40))
def test_any_bytes_are_decoded_at_any_chunking(data, pack, size):
    packed = pack(data)
    coding = "gzip" if pack is gzip.compress else "deflate"
    assert decoded(coding, *(packed[start : start + size] for start in range(0, len(packed), size))) == data


@pytest.mark.parametrize("fields", [[], [""], ["identity"], ["identity, identity"], [" Identity "]])
def test_identity_needs_no_decoder(fields):
    assert choose_decoder("p", fields) is None


@pytest.mark.parametrize(
    "fields", [["br"], ["zstd"], ["compress"], ["gzip, gzip"], ["gzip", "br"], ["gzip,deflate,gzip"], ["bomb\x1b[2J"]]
)
def test_other_codings_and_chains_are_refused_by_name(fields):
    with pytest.raises(TheirProtocolError, match=fields[0][:4]) as caught:
        choose_decoder("p", fields)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@given(data=st.binary(max_size=200))
def test_bytes_in_another_format_raise_only_a_protocol_error(coding, data):
    with contextlib.suppress(TheirProtocolError):  # LimitExceeded is one
        decoded(coding, data)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_body_that_is_cut_or_continues_after_its_end_is_refused(pack):
    coding, packed = ("gzip" if pack is gzip.compress else "deflate"), pack(LIST)
    for wrong in ([packed[:-1]], [packed + b"x"], [packed, b"x"], [packed + packed]):
        with pytest.raises(TheirProtocolError):
            decoded(coding, *wrong)


def test_deflate_without_zlibs_header_is_refused():
    packer = zlib.compressobj(wbits=-15)
    with pytest.raises(TheirProtocolError, match="not valid deflate"):
        decoded("deflate", packer.compress(LIST) + packer.flush())


def test_no_bytes_at_all_are_an_empty_body():
    assert decoded("gzip") == b""


def test_text_that_compresses_well_but_not_absurdly_passes():
    text = b"".join(b'{"name":"tool-%d","description":"does things"},' % number for number in range(50_000))
    assert len(text) / len(gzip.compress(text)) > 8
    packed = gzip.compress(text)
    assert decoded("gzip", packed) == text
    assert decoded("gzip", *(packed[place : place + 1] for place in range(len(packed)))) == text


def bomb(megabytes):
    """Chunks of a gzip stream that decodes to that many MiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    for _ in range(megabytes):
        yield packer.compress(bytes(MIB))
    yield packer.flush()


def test_a_bomb_of_ten_gibibytes_is_refused_at_once_and_costs_less_than_a_mebibyte():
    chunks = bomb(10 * 1024)
    coder = choose_decoder("p", ["gzip"])
    head, first = (next(chunk for chunk in chunks if chunk) for _ in range(2))
    assert list(coder.feed(head)) == []
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="grows more than 100 times"):
            for _ in coder.feed(first):
                pass
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_bomb_in_one_read_is_refused_as_well():
    packed = b"".join(bomb(64))
    coder = choose_decoder("p", ["gzip"])
    sizes = []
    with pytest.raises(LimitExceeded):
        sizes.extend(len(piece) for piece in coder.feed(packed))
    assert max(sizes) <= 64 * 1024
    assert sum(sizes) <= 256 * 1024  # though the whole bomb was there at once


@story
async def test_a_bomb_fails_its_own_call_only():
    async with Scripted() as server, connected(server) as remote:
        packed = b"".join(bomb(8))
        server.play(one(reply(b"200 OK", b"Content-Encoding: gzip", body=packed)), one(reply(b"200 OK", body=ANSWER)))
        with pytest.raises(LimitExceeded):
            await collect(remote.post(CALL, {}))
        assert await collect(remote.post(CALL, {})) == [ANSWER]


@pytest.mark.parametrize("layers", [1, 2, 3])
@story
async def test_a_bomb_on_oauths_plane_is_harmless_too(layers):
    body = b"".join(bomb(64))
    for _ in range(layers - 1):
        body = gzip.compress(body)
    coding = ", ".join(["gzip"] * layers).encode()
    async with Scripted() as server:
        http = OAuthHttp(Network(NetworkSettings(), {}))
        server.play(one(reply(b"200 OK", b"Content-Encoding: " + coding, body=body)))
        tracemalloc.start()
        try:
            with pytest.raises((LimitExceeded, TheirProtocolError)):
                await http.fetch(Fetch(Url("http", server.host, server.port, "/", "")))
            assert tracemalloc.get_traced_memory()[1] < 16 * MIB
        finally:
            tracemalloc.stop()
            await http.aclose()
