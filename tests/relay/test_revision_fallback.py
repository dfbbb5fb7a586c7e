"""A server that refuses a revision is asked in the one before it, and nothing else is asked twice."""

import json

import pytest
from relaying import INITIALIZE, message

from mcp_auth_bridge.errors import Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.http_semantics import SUPPORTED
from mcp_auth_bridge.relay.revision_fallback import with_older_revision

REFUSED = UpstreamFailed("HTTP 400", status=400)


def opening(revision):
    return message({**INITIALIZE, "params": {"protocolVersion": revision, "capabilities": {"x": 1e2}}})


def error(code):
    return message({"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": "no"}})


@pytest.mark.parametrize("outcome", [REFUSED, error(-32602)])
def test_each_revision_is_followed_by_the_one_before_it(outcome):
    named, asked = SUPPORTED[-1], []
    while (again := with_older_revision(opening(named), outcome)) is not None:
        named = json.loads(again.raw)["params"]["protocolVersion"]
        asked.append(named)
    assert asked == [*reversed(SUPPORTED[:-1])]


def test_a_revision_that_the_bridge_does_not_know_is_followed_by_the_newest_before_it():
    again = with_older_revision(opening("2026-07-28"), REFUSED)
    assert again.params["protocolVersion"] == SUPPORTED[-1]


def test_all_but_the_revision_keeps_its_bytes():
    again = with_older_revision(opening(SUPPORTED[-1]), REFUSED)
    assert again.id == b"0"
    assert b'"capabilities":{"x": 100.0}' in again.raw


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        UpstreamFailed("HTTP 500", status=500),
        Unreachable("away"),
        error(-32603),
        message({"id": 0, "result": {}}),
    ],
)
def test_another_outcome_is_not_about_the_revision(outcome):
    assert with_older_revision(opening(SUPPORTED[-1]), outcome) is None


@pytest.mark.parametrize("revision", [SUPPORTED[0], 5, None])
def test_there_is_nothing_before_the_first_revision_or_before_one_that_is_not_text(revision):
    assert with_older_revision(opening(revision), REFUSED) is None
