"""A preset says what a server wants, and where a key is."""

from mcp_auth_bridge.catalogue.preset import Access, preset, with_key
from mcp_auth_bridge.catalogue.remote_server import RemoteServer, filled

ACME = RemoteServer("acme", "Acme", "https://mcp.acme.example/mcp")
ORIGIN = ("https://acme.example/docs", "2026-11-30")


def test_a_preset_for_a_login_needs_no_values():
    acme = preset(ACME, Access.LOGIN, ORIGIN, auth={"token": "id"})
    assert (acme.name, acme.source, acme.date, acme.auth) == ("acme", *ORIGIN, {"token": "id"})
    assert acme.remote.needed() == ()


def test_a_key_is_in_a_variable_that_the_preset_names():
    acme = with_key(ACME, "ACME_KEY", ORIGIN)
    assert acme.access is Access.KEY
    assert filled(acme.remote, acme.references).headers == {"Authorization": "Bearer env:ACME_KEY"}
