"""Servers with metadata in unspecified places, or without metadata: reported cases, played as whole logins."""

import pytest
from peers.gateway import Gateway
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from words import complaint, text

ADD = {"a": 1, "b": 2}
RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
NOTHING = PlainTextResponse("not found", 404)
SIGN_IN = RedirectResponse("https://team.example/cdn-cgi/access/login", 302)


def signs_in_and_works(bridge):
    done = bridge.run("login", "acme")
    assert done.returncode == 0, done.stderr
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", ADD)) == "3"


def behind_a_proxy(gateway, place):
    """Cloudflare Access redirects a request without a token to a sign-in page, with a challenge of its own scheme."""

    async def serve(scope, receive, send):
        if any(name == b"authorization" for name, _ in scope["headers"]):
            await gateway._app(scope, receive, send)
            return
        challenge = f'Cloudflare-Access resource_metadata="{gateway.origin}{place}"'
        away = Response(
            status_code=302, headers={"location": SIGN_IN.headers["location"], "www-authenticate": challenge}
        )
        await away(scope, receive, send)

    return serve


@pytest.mark.plays("Cloudflare Access")
def test_a_challenge_of_another_scheme_on_a_redirect_to_a_sign_in_page_leads_to_a_login(bridge) -> None:
    place = "/.well-known/cloudflare-access-protected-resource/mcp"
    with Gateway() as gateway:
        named = JSONResponse({"resource": gateway.url, "authorization_servers": [gateway.origin]})
        gateway.instead |= {"/mcp": behind_a_proxy(gateway, place), place: named}
        gateway.instead |= {RESOURCE: SIGN_IN, f"{RESOURCE}/mcp": SIGN_IN}
        bridge.add_server("acme", gateway.url)
        signs_in_and_works(bridge)
        assert not gateway.seen(f"{RESOURCE}/mcp")


def test_places_that_redirect_elsewhere_or_hold_no_metadata_are_skipped(bridge) -> None:
    with Gateway() as gateway:
        named = JSONResponse({"resource": gateway.url, "authorization_servers": [gateway.origin]})
        gateway.instead |= {f"{RESOURCE}/mcp": SIGN_IN, RESOURCE: named}
        bridge.add_server("acme", gateway.url)
        signs_in_and_works(bridge)
        soft = JSONResponse({"error": "not_found"})
        gateway.instead |= {f"{RESOURCE}/mcp": soft, SERVER: soft}
        gateway.instead["/.well-known/openid-configuration"] = SIGN_IN
        done = bridge.run("login", "acme")
        sentence, hint = complaint(done.stderr)
        assert done.returncode == 7
        assert "is not as specified" in sentence
        assert "https://team.example" in hint


def test_an_authorization_server_without_metadata_works_with_the_endpoints_of_its_documentation(bridge) -> None:
    with Gateway() as gateway:
        gateway.instead |= dict.fromkeys(
            (RESOURCE, f"{RESOURCE}/mcp", SERVER, "/.well-known/openid-configuration"), NOTHING
        )
        gateway.instead["/register"] = NOTHING
        settings = {"auth.kind": "browser", "auth.issuer": gateway.origin}
        bridge.add_server("acme", gateway.url, **settings)
        sentence, hint = complaint(bridge.run("login", "acme").stderr)
        assert "publishes no metadata that can be used" in sentence
        assert "authorization_endpoint and token_endpoint" in hint
        del gateway.instead["/register"]
        endpoints = {f"auth.{name}_endpoint": f"{gateway.origin}/{path}" for name, path in ENDPOINTS.items()}
        bridge.add_server("acme", gateway.url, **settings, **endpoints)
        asked = gateway.seen(SERVER)
        signs_in_and_works(bridge)
        assert gateway.seen(SERVER) == asked


ENDPOINTS = {"authorization": "authorize", "token": "token", "registration": "register"}
