"""What real authorization servers want beyond the specifications, what a profile may say against it, whose login it is.

Logins, refreshes and refusals, played by script.
"""

import json
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from playing import NOT_FOUND, answer, plain, play

from mcp_auth_bridge.config.login import OMITTED
from mcp_auth_bridge.errors import AccessDenied, ConfigError, OAuthRefused, TheirProtocolError
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.grants import refresh
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.providers import PROVIDERS, Provider, ProviderOverrides, advice, provider_of
from mcp_auth_bridge.oauth.session import Client, dump, load_session
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/mcp"
HERE = "http://127.0.0.1:4711/callback"
ENTRA = "https://login.microsoftonline.com/t/v2.0"
KEY = "k" * 32
TOKENS = {"access_token": "AT", "refresh_token": "RT", "expires_in": 3600}


def token(**claims):
    return jwt.encode(claims, KEY, "HS256")


def metadata(issuer, resource, scopes, **more):
    """The exchanges of a discovery that finds `issuer`, whose endpoints are on its origin."""
    place = gate(issuer, Purpose.ISSUER)
    prm = {"resource": resource, "authorization_servers": [issuer]}
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{place.origin}/authorize",
        "token_endpoint": f"{place.origin}/token",
        "revocation_endpoint": f"{place.origin}/revoke",
        "registration_endpoint": f"{place.origin}/register",
        "code_challenge_methods_supported": ["S256"],
        **more,
    }
    well_known = f"GET {place.origin}/.well-known/oauth-authorization-server{place.path.rstrip('/')}"
    return [
        (
            "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
            answer(prm if scopes is None else {**prm, "scopes_supported": scopes}),
        ),
        (well_known, answer(document)),
    ]


class Told:
    """A login played to its end: what the browser was asked, what the token endpoint was sent, what came of it.

    `resource` and `supported` are what the protected resource says of itself, `after` is what follows the token answer;
    `said` is what its authorization server says besides; the rest goes into the plan.
    """

    def __init__(
        self, issuer="https://as.example", tokens=TOKENS, *, resource=MCP, supported=None, after=(), said=None, **plan
    ):
        self.origin = gate(issuer, Purpose.ISSUER).origin
        self.asked = []
        script = [
            *metadata(issuer, resource, supported, **(said or {})),
            ("listen 0", HERE),
            (f"POST {self.origin}/register", answer({"client_id": "c"}, 201)),
            ("entropy 32", b"\x01" * 32),
            ("entropy 32", b"\x02" * 32),
            ("authorize", lambda effect: {"state": effect.state, "code": "C"}),
            (f"POST {self.origin}/token", answer(tokens)),
            *after,
        ]
        url = gate(MCP, Purpose.SERVER)
        self.session = play(login(LoginPlan(url=url, **asked_for(plan))), script, self.asked)
        self.browser = dict(parse_qsl(urlsplit(self.asked[6].url).query))
        self.form = plain(self.asked[7].form)

    def refreshed(self, tokens=TOKENS):
        """The form of a refresh, and the session after it; the session was stored in between."""
        asked = []
        stored = load_session(dump(self.session))
        after = play(refresh(stored), [(f"POST {self.origin}/token", answer(tokens, at=9000.0))], asked)
        return plain(asked[0].form), after

    @property
    def heard_of_resource(self):
        return [each["resource"] for each in (self.browser, self.form, self.refreshed()[0]) if "resource" in each]


def asked_for(plan):
    """The profile's own `resource` is called `wanted` here, because the server's is called so."""
    return {("resource" if name == "wanted" else name): value for name, value in plan.items()}


@pytest.mark.plays("Entra ID", "Cognito, also behind AgentCore")
@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.microsoftonline.com/t/v2.0",
        "https://acme.ciamlogin.com/t/v2.0",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_x",
    ],
)
def test_operators_that_take_s256_without_saying_so_are_known_by_name(issuer):
    """claude-ai-mcp #786, #946: their users cannot change their metadata."""
    told = Told(issuer, said={"code_challenge_methods_supported": None})
    assert told.browser["code_challenge_method"] == "S256"


def test_a_name_that_only_resembles_a_known_operator_gets_no_exception():
    with pytest.raises(TheirProtocolError, match="PKCE with S256"):
        play(
            login(LoginPlan(url=gate(MCP, Purpose.SERVER))),
            metadata("https://login.microsoftonline.com.evil.example", MCP, None, code_challenge_methods_supported=[]),
        )


@pytest.mark.plays("Google")
def test_google_is_asked_for_a_refresh_token_at_every_consent():
    browser = Told("https://accounts.google.com").browser
    assert (browser["access_type"], browser["prompt"]) == ("offline", "consent")


@pytest.mark.plays("Entra ID")
@pytest.mark.parametrize(
    "issuer", [ENTRA, "https://login.microsoftonline.us/t/v2.0", "https://acme.ciamlogin.com/t/v2.0"]
)
def test_entra_hears_of_no_resource_and_of_all_scopes_again_at_a_refresh(issuer):
    told = Told(issuer, supported=["api://x/read"])
    assert told.heard_of_resource == []
    assert told.browser["scope"] == told.refreshed()[0]["scope"] == "api://x/read offline_access"
    assert Told(issuer, wanted=MCP).heard_of_resource == [MCP] * 3  # the profile wins


def test_other_servers_hear_of_the_resource_each_time_and_of_scopes_once():
    told = Told(supported=["read"])
    assert told.heard_of_resource == [MCP] * 3
    assert "scope" not in told.refreshed()[0]


@pytest.mark.parametrize("resource", ["https://mcp.example/mcp", "https://mcp.example", "https://mcp.example/"])
def test_the_resource_goes_out_exactly_as_the_metadata_spell_it(resource):
    assert Told(resource=resource).heard_of_resource == [resource] * 3


def test_a_profile_may_name_another_resource_or_forbid_it():
    assert Told(resource="urn:x", wanted="urn:x").heard_of_resource == ["urn:x"] * 3
    assert Told(wanted=OMITTED).heard_of_resource == []


def test_a_resource_that_is_not_sent_must_still_be_that_of_the_server():
    with pytest.raises(TheirProtocolError, match="are for"):
        play(
            login(LoginPlan(url=gate(MCP, Purpose.SERVER), resource=OMITTED)),
            [
                *metadata("https://as.example", "https://evil.example/mcp", None)[:1],
                ("GET https://mcp.example/.well-known/oauth-protected-resource", NOT_FOUND),
            ],
        )


@pytest.mark.parametrize("supported", [None, []])
def test_no_scope_is_invented(supported):
    assert "scope" not in Told(supported=supported).browser


def test_a_challenge_without_scopes_leaves_them_to_the_metadata():
    assert Told(supported=["read"], challenge=Challenge("bearer", {})).browser["scope"] == "read"


@pytest.mark.plays("Auth0")
def test_auth0_is_told_the_audience_in_its_own_word():
    assert Told("https://acme.eu.auth0.com").browser["audience"] == MCP
    assert (
        Told("https://acme.eu.auth0.com", ways=ProviderOverrides(audience="urn:api")).browser["audience"] == "urn:api"
    )
    assert "audience" not in Told("https://acme.eu.auth0.com", ways=ProviderOverrides(audience=OMITTED)).browser
    assert "audience" not in Told().browser
    assert Told(ways=ProviderOverrides(audience="urn:api")).browser["audience"] == "urn:api"


@pytest.mark.plays("Auth0")
def test_on_another_device_auth0_hears_of_the_audience_too():
    asked = []
    server = AuthorizationServer(
        issuer="https://acme.auth0.com",
        resource=MCP,
        authorization_endpoint=gate("https://acme.auth0.com/authorize", Purpose.AUTHORIZATION),
        token_endpoint=gate("https://acme.auth0.com/token", Purpose.TOKEN),
        device_endpoint=gate("https://acme.auth0.com/device", Purpose.DEVICE),
        authorize_params={"audience": MCP, "prompt": "login"},
    )
    started = answer({"error": "unauthorized_client"}, 403)
    with pytest.raises(OAuthRefused):
        play(
            device_code(server, Client(issuer=server.issuer, id="c"), ()),
            [("POST https://acme.auth0.com/device", started)],
            asked,
        )
    form = plain(asked[0].form)
    assert (form["audience"], "prompt" in form) == (MCP, False)


@pytest.mark.plays(
    "Box", "Cognito, also behind AgentCore", "Entra ID", "Figma", "GitHub", "Google", "Keycloak", "Okta", "Slack"
)
@pytest.mark.parametrize(
    ("host", "path", "known"),
    [
        ("accounts.google.com", "/o/oauth2", "Google"),
        ("acme.okta.com", "/oauth2/default", "Okta"),
        ("acme.oktapreview.com", "/", "Okta"),
        ("cognito-idp.eu-west-1.amazonaws.com", "/pool", "Cognito"),
        ("acme.auth.eu-west-1.amazoncognito.com", "/", "Cognito"),
        ("login.acme.example", "/auth/realms/acme", "Keycloak"),
        ("github.com", "/login/oauth", "GitHub"),
        ("mcp.slack.com", "/", "Slack"),
        ("api.figma.com", "/", "Figma"),
        ("api.box.com", "/", "Box"),
        ("login.partner.microsoftonline.cn", "/t/v2.0", "Entra"),
        ("github.com.evil.example", "/", ""),
        ("evilgithub.com", "/", ""),
        ("cognito-idp.amazonaws.com", "/", ""),
        ("cognito-idp.x.evil.amazonaws.com", "/", ""),
        ("com", "/", ""),
    ],
)
def test_an_operator_is_known_by_its_host_or_path_and_not_by_what_looks_like_it(host, path, known):
    endpoint = gate("https://as.example/authorize", Purpose.AUTHORIZATION)
    by_issuer = AuthorizationServer(
        issuer=f"https://{host}{path}", resource=MCP, authorization_endpoint=endpoint, token_endpoint=endpoint
    )
    endpoint = gate(f"https://{host}{path}", Purpose.AUTHORIZATION)
    by_endpoint = AuthorizationServer(
        issuer="urn:odd", resource=MCP, authorization_endpoint=endpoint, token_endpoint=endpoint
    )
    for server in (by_issuer, by_endpoint):
        provider = provider_of(server)
        assert provider.registration.startswith(known) if known else provider == Provider()


@pytest.mark.plays("Slack")
def test_slack_takes_an_app_at_its_own_port_and_has_endpoints_above_its_issuer():
    """command-code #610: what it publishes; openwork #3569: what it answers."""
    prm, _ = metadata("https://mcp.slack.com", MCP, ["chat:write", "search:read"])
    published = {
        "issuer": "https://mcp.slack.com",
        "authorization_endpoint": "https://slack.com/oauth/v2_user/authorize",
        "token_endpoint": "https://slack.com/api/oauth.v2.user.access",
        "code_challenge_methods_supported": ["S256"],
    }
    granted = {**TOKENS, "ok": True, "token_type": "user", "scope": "chat:write,search:read"}
    script = [
        prm,
        ("GET https://mcp.slack.com/.well-known/oauth-authorization-server", answer(published)),
        ("listen 33418", "http://localhost:33418/callback"),
        ("entropy 32", b"1" * 32),
        ("entropy 32", b"2" * 32),
        ("authorize", lambda effect: {"state": effect.state, "code": "C"}),
        ("POST https://slack.com/api/oauth.v2.user.access", answer(granted)),
    ]
    app = Client(issuer="https://mcp.slack.com", id="1601.8899", registered=False)
    session = play(
        login(LoginPlan(url=gate(MCP, Purpose.SERVER), configured=app, port=33418, host="localhost")), script
    )
    assert (session.scope, session.client.id) == ("chat:write search:read", "1601.8899")


@pytest.mark.plays("Clerk")
def test_clerk_registers_the_bridge_with_the_scopes_that_it_is_asked_for():
    """claude-code #67714: a client gets the scopes of its registration, and no others."""
    told = Told("https://acme.clerk.accounts.dev", supported=["web_access"])
    (document,) = [json.loads(each.document) for each in told.asked if getattr(each, "document", None)]
    assert document["scope"] == told.browser["scope"] == "web_access"


@pytest.mark.plays("Atlassian")
@pytest.mark.parametrize("trusted", ["https://auth.atlassian.com", ""])
def test_atlassians_metadata_of_another_issuer_are_taken_where_that_is_trusted(trusted):
    """atlassian-mcp-server #205: the path is lost in them."""
    prm, _ = metadata("https://auth.atlassian.com/VCeDsk", MCP, None)
    _, (_, published) = metadata("https://auth.atlassian.com", MCP, None)
    place = "https://auth.atlassian.com"
    found = [prm, (f"GET {place}/.well-known/oauth-authorization-server/VCeDsk", published)]
    url = gate(MCP, Purpose.SERVER)
    if not trusted:
        others = ("/.well-known/openid-configuration/VCeDsk", "/VCeDsk/.well-known/openid-configuration")
        with pytest.raises(TheirProtocolError, match=r"are of the issuer “https://auth\.atlassian\.com”") as raised:
            play(login(LoginPlan(url=url)), [*found, *((f"GET {place}{other}", NOT_FOUND) for other in others)])
        assert "trusted_issuer" in raised.value.hint
        return
    script = [
        *found,
        ("listen 0", HERE),
        (f"POST {place}/register", answer({"client_id": "c"}, 201)),
        ("entropy 32", b"1" * 32),
        ("entropy 32", b"2" * 32),
        ("authorize", lambda effect: {"state": effect.state, "code": "C"}),
        (f"POST {place}/token", answer(TOKENS)),
    ]
    assert play(login(LoginPlan(url=url, trusted_issuer=trusted)), script).issuer == place


def test_every_hint_is_one_sentence_that_begins_with_a_name_and_no_entry_is_idle():
    for provider in PROVIDERS:
        assert provider != Provider(hosts=provider.hosts, path=provider.path)
        assert not provider.registration or provider.registration[0].isupper()
        assert not provider.registration.endswith(".")


@pytest.mark.plays("GitHub")
def test_where_a_known_provider_registers_no_clients_the_error_says_what_to_do_there():
    exchanges = metadata("https://github.com/login/oauth", MCP, None, registration_endpoint=None)
    with pytest.raises(ConfigError, match="does not register clients") as raised:
        play(login(LoginPlan(url=gate(MCP, Purpose.SERVER))), [*exchanges, ("listen 0", HERE)])
    assert "GitHub has no dynamic registration" in raised.value.hint
    assert "GITHUB_TOKEN" in raised.value.hint


def test_a_resource_that_an_endpoint_brings_along_is_replaced():
    origin = "https://as.example"
    asked = []
    script = [
        *metadata(
            origin, MCP, None, authorization_endpoint=f"{origin}/authorize?x=1&%72esource=https%3A%2F%2Fas.example"
        ),
        ("listen 0", HERE),
        (f"POST {origin}/register", answer({"client_id": "c"}, 201)),
        ("entropy 32", b"1" * 32),
        ("entropy 32", b"2" * 32),
        ("authorize", lambda effect: {"state": effect.state, "code": "C"}),
        (f"POST {origin}/token", answer(TOKENS)),
    ]
    play(login(LoginPlan(url=gate(MCP, Purpose.SERVER))), script, asked)
    pairs = parse_qsl(urlsplit(asked[6].url).query)
    assert [value for name, value in pairs if name == "resource"] == [MCP]
    assert ("x", "1") in pairs


ID = {"iss": "https://as.example", "sub": "7", "iat": 50_000, "exp": 50_600}


def test_the_id_token_is_shown_where_the_profile_says_so_and_lives_as_long_as_it_says_by_our_clock():
    told = Told(tokens={**TOKENS, "id_token": token(**ID)}, ways=ProviderOverrides(token="id"))
    assert told.session.access.reveal() == token(**ID)
    assert told.session.expires_at == 1000.0 + 600.0
    _, after = told.refreshed({**TOKENS, "id_token": token(**{**ID, "exp": 50_060})})
    assert after.access.reveal() == token(**{**ID, "exp": 50_060})
    assert after.expires_at == 9000.0 + 60.0


def test_a_login_without_the_id_token_that_the_server_wants_fails_and_says_how_to_get_one():
    with pytest.raises(TheirProtocolError, match="no id token") as raised:
        Told(ways=ProviderOverrides(token="id"))
    assert "openid" in raised.value.hint


def test_a_refresh_without_a_new_id_token_keeps_the_new_refresh_token():
    told = Told(tokens={**TOKENS, "id_token": token(**ID)}, ways=ProviderOverrides(token="id"))
    _, after = told.refreshed({**TOKENS, "refresh_token": "RT-2"})
    assert (after.refresh.reveal(), after.access) == ("RT-2", told.session.access)
    assert after.expired(9000.0)


MIA = {"sub": "7", "email": "Mia@Acme.example"}
REVOKED = [("POST https://as.example/revoke", answer(b"")), ("POST https://as.example/revoke", answer(b""))]


@pytest.mark.parametrize("expected", ["mia@acme.example", "MIA@ACME.EXAMPLE", "7"])
@pytest.mark.parametrize("kind", ["id_token", "access_token"])
def test_the_expected_account_is_hinted_at_and_recognised_in_any_case_and_token(expected, kind):
    told = Told(tokens={**TOKENS, kind: token(**MIA)}, ways=ProviderOverrides(account=expected))
    assert told.browser["login_hint"] == expected
    assert told.session.account == "Mia@Acme.example"


def test_without_an_expected_account_any_may_sign_in_and_none_is_hinted_at():
    assert "login_hint" not in Told(tokens={**TOKENS, "id_token": token(**MIA)}).browser


def test_another_account_than_the_expected_one_is_refused_and_its_tokens_are_revoked():
    with pytest.raises(AccessDenied) as raised:
        Told(
            tokens={**TOKENS, "id_token": token(sub="9", email="bob@acme.example")},
            ways=ProviderOverrides(account="mia@acme.example"),
            after=REVOKED,
        )
    assert raised.value.message == (
        "“bob@acme.example” signed in, but this server is to be used as “mia@acme.example”; nothing was kept"
    )
    assert "log in again" in raised.value.hint


def test_another_account_whose_tokens_cannot_be_revoked_is_refused_all_the_same():
    with pytest.raises(AccessDenied, match="nothing was kept, but the new tokens could not be revoked"):
        Told(
            tokens={**TOKENS, "id_token": token(sub="9", email="bob@acme.example")},
            ways=ProviderOverrides(account="mia@acme.example"),
            after=[("POST https://as.example/revoke", answer({"error": "invalid_client"}, 401))],
        )


@pytest.mark.parametrize("tokens", [{}, {"id_token": "opaque"}, {"id_token": token(sub="9")}])
def test_tokens_that_cannot_tell_are_accepted(tokens):
    assert Told(tokens={**TOKENS, **tokens}, ways=ProviderOverrides(account="mia@acme.example")).session.access


def test_a_number_that_is_expected_is_denied_by_another_number():
    with pytest.raises(AccessDenied, match="“9” signed in"):
        Told(tokens={**TOKENS, "id_token": token(sub="9")}, ways=ProviderOverrides(account="7"), after=REVOKED)


@pytest.mark.parametrize(
    ("error", "description", "expected"),
    [
        ("invalid_target", "", "set resource"),
        ("invalid_request", "AADSTS9010010: The resource parameter …", 'resource = "none"'),
        ("invalid_request", "AADSTS90100101: …", ""),
        ("invalid_client", "AADSTS7000218: The request body must contain …", "public client"),
        ("invalid_request", "", ""),
        ("<script>", "AADSTS", ""),
    ],
)
def test_refusals_that_are_known_come_with_what_to_change(error, description, expected):
    assert expected in advice(error, description) if expected else advice(error, description) == ""


def test_the_advice_reaches_the_person_from_the_token_endpoint():
    refused = answer({"error": "invalid_request", "error_description": "AADSTS9010010: no resource"}, 400)
    with pytest.raises(OAuthRefused) as raised:
        play(refresh(Told().session), [("POST https://as.example/token", refused)])
    assert 'resource = "none"' in raised.value.hint
    assert raised.value.message.endswith(", saying “AADSTS9010010: no resource”")
