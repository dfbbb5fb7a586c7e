"""The demo's two servers on a real socket, and its program that clicks Allow."""

from demo_story import at_the_servers


def test_without_a_token_the_mcp_server_points_to_its_metadata_which_name_the_issuer_exactly():
    async def visit(grants, http):
        refused = await http.post(grants.resource, json={})
        location = refused.headers["www-authenticate"].partition('resource_metadata="')[2].rstrip('"')
        metadata = (await http.get(location)).json()
        issuer = (await http.get(f"{grants.issuer}/.well-known/oauth-authorization-server")).json()["issuer"]
        return refused.status_code, location, metadata, issuer, grants

    status, location, metadata, issuer, grants = at_the_servers(visit)
    assert status == 401
    assert location == f"{grants.issuer}/.well-known/oauth-protected-resource/mcp"
    assert metadata["resource"] == grants.resource
    assert metadata["authorization_servers"] == [issuer]
    assert metadata["scopes_supported"] == ["tools"]


def test_a_made_up_token_is_refused():
    async def visit(grants, http):
        return await http.post(grants.resource, json={}, headers={"authorization": "Bearer made-up"})

    assert at_the_servers(visit).status_code == 401
