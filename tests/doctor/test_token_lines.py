"""The claims of a JWT, a line each, beside what the server wants."""

import pytest

from mcp_auth_bridge.doctor.token_lines import Wanted, begins_in_future, describe_claims
from mcp_auth_bridge.oauth.audience import Fit

NOW = 1_700_000_000.0
MCP = "https://mcp.example/mcp"
ISSUER = "https://as.example"
WANTED = Wanted((MCP,), (ISSUER,), ("read", "write"), "c-7")
RIGHT = {"iss": ISSUER, "aud": MCP, "exp": NOW + 52 * 60, "scope": "read write", "azp": "c-7"}


def lines(wanted=WANTED, **changes):
    claims = {name: value for name, value in {**RIGHT, **changes}.items() if value is not None}
    return describe_claims(claims, wanted, NOW)


def test_a_right_token_is_told_claim_by_claim():
    assert lines(nbf=NOW - 600, iat=NOW - 600, sub="mia", org="42") == (
        f"iss “{ISSUER}”: the server's authorization server",
        f"aud “{MCP}”: this server",
        "exp: valid for 52 more minutes (until 2023-11-14 23:05 UTC)",
        "nbf: it began 10 minutes ago (2023-11-14 22:03 UTC)",
        "iat: issued 10 minutes ago (2023-11-14 22:03 UTC)",
        "scope “read write”",
        "azp “c-7”: the client that it was issued to",
        "also: “sub org”",
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"iss": f"{ISSUER}/"}, f"iss “{ISSUER}/”: the server's authorization server"),
        ({"iss": "Vendor"}, f"iss “Vendor”: not the server's authorization server, “{ISSUER}”"),
        ({"iss": None}, "iss: there is none; it names who made the token"),
        ({"aud": None}, f"aud: there is none; it names the server that the token is for, “{MCP}”"),
        (
            {"aud": "mcp.example"},
            "aud “mcp.example”: this server's host or origin, by which many servers call themselves",
        ),
        ({"aud": "graph.example"}, f"aud “graph.example”: another service, and not “{MCP}”"),
        ({"aud": "client-7"}, f"aud “client-7”: not “{MCP}”, unless the server calls itself so"),
        ({"exp": NOW - 259_201}, "exp: it expired 3 days ago (2023-11-11 22:13 UTC)"),
        ({"exp": None}, "exp: there is none, so the token does not expire by itself"),
        ({"nbf": NOW + 3600}, "nbf: it is not valid yet: it becomes valid in 60 minutes"),
        ({"iat": NOW + 3600}, "iat: issued 60 minutes in the future, so a clock is wrong"),
        ({"scope": None, "scp": ["read"]}, "scp “read”; the server asks for “write” too"),
        ({"scope": None}, "scope “”; the server asks for “read write” too"),
        ({"azp": "other"}, "azp “other”: the client that it was issued to, which is not this bridge's, “c-7”"),
        ({"azp": None, "cid": "c-7"}, "cid “c-7”: the client that it was issued to"),
    ],
)
def test_a_claim_that_differs_is_told_with_what_the_server_wants(changes, line):
    assert line in lines(**changes)


def test_where_the_server_publishes_nothing_the_issuer_is_only_named():
    assert lines(Wanted((MCP,)), iss="Vendor")[0] == (
        "iss “Vendor”: who made the token; the server does not say whom it trusts"
    )
    assert not [line for line in lines(Wanted((MCP,)), scope=None) if line.startswith("scope")]


def test_a_server_with_several_names_is_compared_by_the_one_that_fits_best():
    wanted = Wanted(("urn:acme:mcp:files", MCP))
    assert wanted.fit({"aud": "urn:acme:mcp:files"}) == (Fit.SAME, "urn:acme:mcp:files")
    assert wanted.fit({"aud": "mcp.example"}) == (Fit.WIDER, MCP)
    assert wanted.fit({"aud": "graph.example"})[0] is Fit.ANOTHER_HOST


def test_claims_cannot_steer_a_terminal_and_are_cut():
    told = lines(iss="\x1b[2J" + "x" * 5000, aud="\x00", azp="y" * 500, **{f"n{number}": 1 for number in range(99)})
    assert all(line.isprintable() and len(line) < 400 for line in told)


@pytest.mark.parametrize(("changes", "begins"), [({}, None), ({"nbf": NOW + 20}, None), ({"iat": NOW + 90}, NOW + 90)])
def test_two_honest_clocks_may_differ_by_seconds(changes, begins):
    assert begins_in_future({**RIGHT, **changes}, NOW) == begins
