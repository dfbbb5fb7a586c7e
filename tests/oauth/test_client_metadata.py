"""How the bridge describes itself to an authorization server that registers clients."""

import msgspec
from registration_flow import HERE, server

from mcp_auth_bridge.oauth.client_metadata import client_metadata
from mcp_auth_bridge.urls import Purpose, gate


def described(to, scopes=()):
    return msgspec.json.decode(msgspec.json.encode(client_metadata(to, HERE, scopes, "Acme Bridge")))


def test_it_is_a_native_app_with_one_redirect_uri():
    assert described(server(), ("a", "b")) == {
        "client_name": "Acme Bridge",
        "application_type": "native",
        "redirect_uris": [HERE],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "",
        "scope": "a b",
    }


def test_a_member_without_a_value_is_omitted():
    assert "scope" not in described(server())


def test_the_device_grant_is_named_only_where_the_server_offers_it():
    offering = msgspec.structs.replace(server(), device_endpoint=gate("https://as.example/device", Purpose.DEVICE))
    assert described(offering)["grant_types"][2:] == ["urn:ietf:params:oauth:grant-type:device_code"]
    assert len(described(server())["grant_types"]) == 2
