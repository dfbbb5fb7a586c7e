"""The header that a request may lack: asked for without a secret, and never waited for."""

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Scripted
from pooling import at, pooled, story

from mcp_auth_bridge.errors import UpstreamFailed
from mcp_auth_bridge.shell.net import cors_preflight
from mcp_auth_bridge.shell.net.cors_preflight import find_missing_header, name_missing_header


def allowing(*names):
    lines = "".join(f"Access-Control-Allow-Headers: {name}\r\n" for name in names)
    return f"HTTP/1.1 204 No Content\r\n{lines}\r\n".encode()


@pytest.mark.parametrize(
    ("allowed", "sent", "found"),
    [
        (["authorization, X-Org-Id"], [], "X-Org-Id"),
        (["content-type", "x-tenant"], ["Authorization"], "x-tenant"),
        (["X-Org-Id, X-Workspace"], ["x-org-id"], "X-Workspace"),
        (["content-type, x-trace"], [], ""),
        (["X-Org Id, x-org\xe9, *"], [], ""),
        ([], [], ""),
    ],
)
@story
async def test_a_header_that_names_an_organisation_and_was_not_sent_is_found(allowed, sent, found):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, allowing(*allowed)])
        assert await find_missing_header(pool, at(server), sent) == found
        assert server.requests[0].startswith(b"OPTIONS /mcp ")
        assert b"access-control-request-headers: authorization" in server.requests[0]


@pytest.mark.parametrize("ending", [CUT, DRAIN])
@story
async def test_a_server_that_does_not_answer_lacks_nothing(ending, monkeypatch):
    monkeypatch.setattr(cors_preflight, "_PATIENCE", 0.05)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ending])
        assert await find_missing_header(pool, at(server), []) == ""


def test_a_refusal_names_the_header_and_both_ways_to_send_it():
    refused = UpstreamFailed("refused", "ask for access", status=403)
    name_missing_header(refused, "X-Org")
    assert refused.facts["missing_header"] == "X-Org"
    assert "--header 'X-Org: …'" in refused.hint
    assert 'headers = { "X-Org" = "…" }' in refused.hint
    assert refused.hint.endswith("otherwise ask for access")
