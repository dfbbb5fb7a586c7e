"""Where a redirect of an MCP request may lead: within its origin, with its method, and to no page for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import UpstreamFailed
from mcp_auth_bridge.relay.redirects import MOST_REDIRECTS, leads_to_login, redirect_loop_error, redirect_target
from mcp_auth_bridge.urls import Purpose, Url, gate

HERE = Url("https", "mcp.example", 443, "/mcp", "")


@pytest.mark.parametrize(
    "location",
    [
        "https://mcp.example/blog/internal",
        "https://loginless.example/mcp",
        "https://mcp.example/mcp?next=/login",
        "https://[::1/login",
        "",
    ],
)
def test_another_redirect_does_not_lead_to_a_sign_in_page(location):
    assert not leads_to_login(location)


@pytest.mark.parametrize(
    "location",
    [
        "http://mcp.example/mcp",
        "https://mcp.example:8443/mcp",
        "https://evil.example/",
        "//evil.example/",
        "https://mcp.example@evil.example/",
        "https://user@mcp.example/",
        "javascript:alert(1)",
        "https://[::1/",
        "/a b",
        "/\x7f",
    ],
)
def test_a_redirect_to_another_origin_or_to_no_url_is_refused(location):
    with pytest.raises(UpstreamFailed):
        redirect_target("POST", HERE, 307, location)


@pytest.mark.parametrize(
    "location", ["http://mcp.example/mcp/?a=1", "http://mcp.example:80/mcp/?a=1", "http://mcp.example:443/mcp/?a=1"]
)
@pytest.mark.parametrize("verb", ["POST", "GET"])
def test_a_redirect_to_http_at_the_same_host_leads_to_its_https_twin(verb, location):
    """A server behind a proxy that ends TLS does not know its own scheme (togomcp #175)."""
    assert str(redirect_target(verb, HERE, 307, location)) == "https://mcp.example/mcp/?a=1"


def test_the_twin_keeps_the_port_of_the_server():
    here = Url("https", "127.0.0.1", 8443, "/mcp", "")
    assert str(redirect_target("POST", here, 308, "http://127.0.0.1/mcp/")) == "https://127.0.0.1:8443/mcp/"


def test_a_redirect_to_its_own_twin_is_a_loop_that_names_the_fault():
    with pytest.raises(UpstreamFailed, match="from https to http") as raised:
        redirect_target("POST", HERE, 307, "http://mcp.example/mcp")
    assert "operator" in raised.value.hint


@pytest.mark.parametrize(
    "location", ["http://other.example/mcp", "http://mcp.example:8080/mcp", "http://user@mcp.example/x"]
)
def test_another_http_url_has_no_twin_and_is_named_without_its_query(location):
    with pytest.raises(UpstreamFailed, match="not acceptable") as raised:
        redirect_target("POST", HERE, 307, location + "?state=hunter2#hunter2")
    assert location.replace("user@", "…@") in raised.value.message
    assert "hunter2" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("location", ["/mcp/?token=hunter2", "http://mcp.example/mcp/"])
def test_a_redirect_that_a_post_does_not_follow_names_its_place(status, location):
    with pytest.raises(UpstreamFailed, match="a POST does not follow") as raised:
        redirect_target("POST", HERE, status, location)
    assert raised.value.hint == "put https://mcp.example/mcp/ into the configuration"
    assert "hunter2" not in raised.value.message


def test_the_end_of_a_session_is_not_redirected():
    assert redirect_target("DELETE", HERE, 302, "/elsewhere") is None


@pytest.mark.parametrize(
    ("location", "path"), [("/x", "/x"), ("x", "/x"), ("?a=1", "/mcp?a=1"), ("HTTPS://MCP.example:443/y", "/y")]
)
def test_a_redirect_within_the_origin_is_followed(location, path):
    assert redirect_target("POST", HERE, 308, location).target == path


def test_a_server_of_plain_http_that_the_user_allowed_may_redirect_within_its_origin_only():
    plain = gate("http://metrics.cluster.example/mcp", Purpose.PLAIN_SERVER)
    assert str(redirect_target("POST", plain, 308, "/mcp/")) == "http://metrics.cluster.example/mcp/"
    for other in ("http://logs.cluster.example/mcp", "https://metrics.cluster.example/mcp"):
        with pytest.raises(UpstreamFailed):
            redirect_target("POST", plain, 308, other)


@given(st.sampled_from(["POST", "GET", "DELETE"]), st.sampled_from([301, 302, 303, 307, 308]), st.text(max_size=30))
def test_a_redirect_never_leads_to_another_origin(verb, status, location):
    try:
        target = redirect_target(verb, HERE, status, location)
    except UpstreamFailed:
        return
    assert target is None or target.origin == HERE.origin


def test_a_loop_is_an_error_that_says_how_many_redirects_are_followed():
    error = redirect_loop_error(302)
    assert error.status == 302
    assert str(MOST_REDIRECTS) in error.message
