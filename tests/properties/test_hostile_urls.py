"""Hostile URLs in every place get no secret, open no browser, and reach no address near this machine."""

import pytest
from hostile_urls import corpus
from hostile_world import AS, DEVICE, MCP, METADATA, RESOURCE, World
from playing import answer, outcome

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.shell.net.oauth_http import _redirect_target
from mcp_auth_bridge.urls import Purpose, Url, gate

URLS = corpus()

PLACES = {
    "resource_metadata": lambda url: World(challenge=url),
    "resource": lambda url: World(resource={**RESOURCE, "resource": url}),
    "authorization_servers": lambda url: World(resource={**RESOURCE, "authorization_servers": [url]}),
    "authorization_servers, agreeing": lambda url: World(
        resource={**RESOURCE, "authorization_servers": [url]}, metadata={**METADATA, "issuer": url}
    ),
    "issuer": lambda url: World(metadata={**METADATA, "issuer": url}),
    **{
        name: lambda url, name=name: World(metadata={**METADATA, name: url})
        for name in METADATA
        if name.endswith("_endpoint")
    },
    "verification_uri": lambda url: World(device=answer({**DEVICE, "verification_uri": url})),
    "verification_uri_complete": lambda url: World(device=answer({**DEVICE, "verification_uri_complete": url})),
}


def test_the_corpus_has_at_least_500_distinct_urls():
    assert len(URLS) >= 500
    assert len(set(URLS)) == len(URLS)


@pytest.mark.parametrize("place", PLACES)
def test_no_url_in_this_place_gets_a_secret_or_a_browser(place):
    for url in URLS:
        world = PLACES[place](url)
        for result in world.log_in_in_every_way():
            assert isinstance(result, Session | BridgeError), (url, result)
        try:
            world.check()
        except AssertionError as error:
            raise AssertionError(f"{url!r} as {place}: {error}") from error


@pytest.mark.parametrize("base", [MCP, f"{AS}/.well-known/oauth-authorization-server"])
def test_no_redirect_leaves_the_origin(base):
    home = gate(base, Purpose.SERVER)
    for url in URLS:
        target = outcome(lambda url=url: _redirect_target(home, url))
        assert isinstance(target, BridgeError) or (isinstance(target, Url) and target.origin == home.origin), url
