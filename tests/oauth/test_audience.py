"""The audience of a token, as servers compare it."""

import pytest

from mcp_auth_bridge.oauth.audience import Fit, audiences_of, describe_mismatch, fit, foreign_host, is_named

MCP = "https://mcp.example/a/mcp"


@pytest.mark.parametrize(
    ("aud", "how"),
    [
        (MCP, Fit.SAME),
        (f"{MCP}/", Fit.SAME),
        (["x", MCP], Fit.SAME),
        ("https://mcp.example", Fit.WIDER),
        ("https://mcp.example/a", Fit.WIDER),
        ("mcp.example", Fit.WIDER),
        (None, Fit.MISSING),
        (7, Fit.MISSING),
        ([7], Fit.MISSING),
        ("https://mcp.example/b", Fit.ANOTHER_NAME),
        ("client-7", Fit.ANOTHER_NAME),
        ("urn:acme:mcp:files", Fit.ANOTHER_NAME),
        ("api://0d4a", Fit.ANOTHER_NAME),
        ("com.acme.app", Fit.ANOTHER_NAME),
        ("12-ab.apps.googleusercontent.com", Fit.ANOTHER_NAME),
        (["graph.example", "client-7"], Fit.ANOTHER_NAME),
        ("graph.example", Fit.ANOTHER_HOST),
        ("https://graph.example/v1", Fit.ANOTHER_HOST),
        ("https://graph.example:8443", Fit.ANOTHER_HOST),
    ],
)
def test_an_audience_is_the_server_or_something_wider_or_something_else(aud, how):
    assert fit(audiences_of({"aud": aud}), MCP) is how


def test_a_host_is_foreign_to_a_resource_without_one():
    assert foreign_host(["graph.example"], "urn:acme:mcp:files") == "graph.example"
    assert foreign_host(["Graph.Example"], "http://127.0.0.1:80/mcp") == "graph.example"


def test_a_slash_at_the_end_is_no_difference():
    assert is_named(["a/"], ["a", "b"])
    assert not is_named(["a/b"], ["a", "b"])


@pytest.mark.parametrize(
    ("audiences", "expected", "words"),
    [
        ([], "", "it has no aud"),
        ([], MCP, f"it has no aud, which should be “{MCP}”"),
        (["a", "b"], MCP, f"its aud is “a b”, not “{MCP}”"),
        (["graph.example"], MCP, f"it was made for “graph.example” (its aud), not for “{MCP}”"),
    ],
)
def test_a_mismatch_is_told_as_a_clause(audiences, expected, words):
    assert describe_mismatch(audiences, expected) == words
