"""The demo's pages: nothing runs in them, and a client's name cannot become a part of them."""

from mcp_auth_bridge.demo import pages
from mcp_auth_bridge.demo.rules import AuthorizationRequest, RegisteredClient

CLIENT = RegisteredClient("id", "<script>alert(1)</script>", ("http://127.0.0.1:4711/callback",), ())
REQUEST = AuthorizationRequest(CLIENT, CLIENT.redirect_uris[0], "state", "tools", "challenge")


def test_the_consent_names_who_asks_for_what_and_where_the_answer_goes():
    page = pages.consent_page(REQUEST, "http://127.0.0.1:8000/mcp", "ticket-1")
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "http://127.0.0.1:4711" in page
    assert "http://127.0.0.1:8000/mcp" in page
    assert "ticket-1" in page


def test_a_refusal_is_a_sentence():
    assert "<p>The ticket is spent.</p>" in pages.refusal_page("the ticket is spent")


def test_a_page_may_not_run_anything_and_its_form_goes_to_named_origins_only():
    headers = pages.security_headers("http://127.0.0.1:4711")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:4711;" in policy
    assert headers["cache-control"] == "no-store"
