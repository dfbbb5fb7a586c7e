"""Stores a login for a `commanding` context without running a flow."""

import time

from commanding import store_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.profile import Profile, parse_server_url
from mcp_auth_bridge.oauth.session import Client, Session, dump
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose

BROWSER = '{ kind = "browser" }'


URL = "https://mcp.acme.example/mcp"


def log_in(context, target, **more):
    """Store a login to a configured server or to a URL."""
    known = context.config.profiles.get(target)
    profile = known or Profile(
        name=target, url=parse_server_url(target, "a test", Purpose.PLAIN_SERVER), store=context.config.store
    )
    usual = {
        "resource": profile.url.resource,
        "issuer": "https://as.example",
        "token_endpoint": "https://as.example/token",
        "client": Client(issuer="https://as.example", id="c"),
        "access": Secret("AT"),
        "obtained_at": 0.0,
        "refresh": Secret("RT"),
        "expires_at": time.time() + 3600,
    }
    session = Session(**{**usual, **more})
    store_of(context).save(Bridge(profile, context).record, dump(session), None)
