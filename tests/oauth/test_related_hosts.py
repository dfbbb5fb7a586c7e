"""Which hosts may name each other without a question to the user, and which may not."""

import pytest

from mcp_auth_bridge.oauth.related_hosts import are_related, is_subdomain


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        ("as.example.com", "as.example.com"),
        ("as.example.com", "as.example.com."),
        ("example.com", "login.example.com"),
        ("cf.mcp.atlassian.com", "mcp.atlassian.com"),
        ("example.co.uk", "login.example.co.uk"),
        ("accounts.google.com", "oauth2.googleapis.com"),
        ("cognito-idp.eu-west-2.amazonaws.com", "acme.auth.eu-west-2.amazoncognito.com"),
        ("api.figma.com", "www.figma.com"),
        ("mcp.facebook.com", "graph.facebook.com"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_these_hosts_are_related(issuer, host):
    assert are_related(issuer, host)


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        ("as.example.com", "as.example.org"),
        ("evil.host.com", "host.com"),
        ("evil.vercel.app", "vercel.app"),
        ("evil.mcp.atlassian.com", "mcp.atlassian.com"),
        ("as.example.com", "other.example.com"),
        ("example.com", "notexample.com"),
        ("example.com", "example.com.evil.org"),
        ("evil.com", "com"),
        ("evil.co.uk", "co.uk"),
        ("co.uk", "evil.co.uk"),
        ("evil.com.au", "com.au"),
        ("localhost", "evil.localhost"),
        ("10.0.0.1", "0.0.1"),
        ("evil.accounts.google.com.example", "oauth2.googleapis.com"),
        ("accounts.google.com", "evil.googleapis.com"),
        ("accounts-google.com", "oauth2.googleapis.com"),
        ("evil.amazonaws.com", "acme.auth.eu-west-2.amazoncognito.com"),
        ("oauth2.googleapis.com", "accounts.google.com"),
    ],
)
def test_these_hosts_are_not_related(issuer, host):
    assert not are_related(issuer, host)


@pytest.mark.parametrize(
    ("issuer", "host", "above"),
    [
        ("acme.host.example", "host.example", True),
        ("acme.host.example.", "host.example", True),
        ("host.example", "acme.host.example", False),
        ("host.example", "host.example", False),
        ("host.example", "example", False),
        ("acme.co.uk", "co.uk", False),
        ("10.0.0.1", "0.0.1", False),
    ],
)
def test_a_host_above_the_issuers_is_known_but_does_not_make_them_related(issuer, host, above):
    assert is_subdomain(issuer, host) is above
