"""A login's whole life at two third-party authorization servers: each state is checked at the server and at the bridge.

`oidc-provider` issues JWTs, rotates refresh tokens strictly and ends the grant when one is used twice. Cloudflare's
`workers-oauth-provider` issues opaque tokens, shares its origin with the MCP server, revokes at the token endpoint, and
lets a refresh token live until its successor is used.
"""

from urllib.parse import urlsplit

import pytest
from life import lives
from words import text

CLIENTS = [
    ("registered", "none"),
    pytest.param("configured", "client_secret_basic", marks=pytest.mark.slow),
    pytest.param("registered", "client_secret_basic", marks=pytest.mark.slow),
    pytest.param("registered", "client_secret_post", marks=pytest.mark.slow),
    pytest.param("configured", "none", marks=pytest.mark.slow),
    pytest.param("configured", "client_secret_post", marks=pytest.mark.slow),
]


def configure(bridge, place, client, method):
    """Configures `acme` with a client that the bridge registers when needed, or that a person registered by hand."""
    if client == "registered":
        place.server.control({"authMethod": method})
        bridge.add_server("acme", place.url)
        return
    own = place.server.register(token_endpoint_auth_method=method)
    auth = {"kind": "browser", "client_id": own["client_id"], "issuer": place.server.about["issuer"]}
    if method != "none":
        auth["client_secret"] = own["client_secret"]
    place.server.reset()
    place.server.control({"authMethod": method})
    bridge.add_server("acme", place.url, **{f"auth.{key}": value for key, value in auth.items()})


@pytest.mark.parametrize(("client", "method"), CLIENTS)
def test_a_whole_life(place, bridge, client, method) -> None:
    configure(bridge, place, client, method)
    lives(place, bridge, registrations=int(client == "registered"))
    assert set(place.counters["authMethods"]) == {method}
    assert place.counters["reuseDetections"] == 0


@pytest.mark.slow
def test_a_server_that_accepts_only_localhost_gets_localhost(place, bridge) -> None:
    place.server.control({"redirectHost": "localhost"})
    bridge.add_server("acme", place.url)
    bridge.login("acme")
    assert [urlsplit(launch["url"]).hostname for launch in bridge.launches] == ["localhost"]
    assert place.counters["registrations"] == 1
    with bridge.stdio("acme") as process:
        process.initialize()
        assert text(process.call("whoami")) == place.server.about["account"]
