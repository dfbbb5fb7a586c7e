"""How long a client is known to wait for the reply to its `initialize`."""

import pytest

from mcp_auth_bridge.relay.client_patience import UNKNOWN, patience

CLINE = 2.86
"""Seconds after which Cline ends a server, counted from the start of the process."""


@pytest.mark.parametrize("info", [None, 5, "claude-code", {}, {"name": 5}, {"name": "Cline"}, {"name": "anything"}])
def test_an_unknown_client_may_be_the_quickest(info):
    assert patience(info) == UNKNOWN < CLINE


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("claude-code", 27),
        ("codex-mcp-client", 30),
        ("opencode", 30),
        ("gemini-cli-mcp-client", 70),
        ("gemini-cli-mcp-client-acme", 70),
        ("claude-ai", 60),
        ("cursor-vscode", 60),
    ],
)
def test_a_known_client_is_answered_well_before_its_limit(name, limit):
    assert UNKNOWN < patience({"name": name, "version": "1"}) <= limit * 3 / 4
