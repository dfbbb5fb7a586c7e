"""Grants without a user, by script: the requests, and the errors where they are refused."""

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from key_pairs import KEYS, pem
from machine_flow import (
    AS,
    ID_TOKEN,
    MCP,
    NO_CLIENT,
    PRM,
    TOKEN,
    client,
    described,
    discovery,
    metadata,
    plan,
    secretive,
    sent,
    signing,
    tokens,
    vouching,
)
from playing import answer, play

from mcp_auth_bridge.errors import (
    ConfigError,
    OAuthRefused,
    TheirProtocolError,
    TokenExpired,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.configured import ConfiguredClient
from mcp_auth_bridge.oauth.machine import (
    ID_JAG,
    JWT_BEARER_GRANT,
    TOKEN_EXCHANGE_GRANT,
    Enterprise,
    JwtBearer,
    TokenExchange,
    obtain,
    renew,
    revoke_session,
)
from mcp_auth_bridge.oauth.session import dump
from mcp_auth_bridge.secret import Secret

IDP = "https://idp.example"
IDP_TOKEN = f"POST {IDP}/token"


def test_a_client_with_a_secret_states_the_resource_as_the_metadata_spell_it():
    asked = []
    session = play(obtain(plan()), [*discovery(), (TOKEN, tokens())], asked)
    form, headers = sent(asked[-1])
    assert form == {"grant_type": "client_credentials", "resource": MCP}
    assert headers["authorization"].startswith("Basic ")
    assert (session.resource, session.issuer, session.machine) == (MCP, AS, True)
    assert (session.access.reveal(), session.expires_at, session.refresh) == ("AT", 1600.0, None)
    assert "s3cret" not in dump(session)


@pytest.mark.parametrize(
    ("methods", "configured", "used"),
    [
        ([], "", "client_secret_basic"),
        (["client_secret_post", "private_key_jwt"], "", "client_secret_post"),
        (["client_secret_basic"], "client_secret_post", "client_secret_post"),
    ],
)
def test_the_way_to_show_a_secret_is_the_configured_one_else_one_that_the_server_accepts(methods, configured, used):
    registration = msgspec.structs.replace(secretive(), client=client(secret=Secret("s3cret"), auth_method=configured))
    server = metadata(token_endpoint_auth_methods_supported=methods) if methods else metadata()
    asked = []
    play(obtain(plan(registration)), [*discovery(server=server), (TOKEN, tokens())], asked)
    form, headers = sent(asked[-1])
    assert ("authorization" in headers) == (used == "client_secret_basic")
    assert (form.get("client_secret") == "s3cret") == (used == "client_secret_post")


def test_a_client_with_a_key_signs_with_an_algorithm_of_the_servers_and_no_key_is_kept():
    server = metadata(token_endpoint_auth_signing_alg_values_supported=["PS256", "ES256"])
    key = pem(KEYS["RS256"])
    asked, steps = [], [("entropy 16", b"x" * 16), ("now", 1000.0)]
    session = play(obtain(plan(signing(key))), [*discovery(server=server), *steps, (TOKEN, tokens())], asked)
    form, _ = sent(asked[-1])
    assert jwt.get_unverified_header(form["client_assertion"])["alg"] == "PS256"
    assert jwt.decode(form["client_assertion"], options={"verify_signature": False})["aud"] == AS
    assert "PRIVATE" not in dump(session)
    play(renew(plan(signing(key)), session), [*steps, (TOKEN, tokens())], asked)
    assert jwt.get_unverified_header(sent(asked[-1])[0]["client_assertion"])["alg"] == "PS256"


def test_a_key_that_was_replaced_by_one_of_another_kind_signs_as_it_can():
    steps = [("entropy 16", b"x" * 16), ("now", 1000.0), (TOKEN, tokens())]
    session = play(obtain(plan(signing(pem(KEYS["RS256"])))), [*discovery(), *steps])
    asked = []
    play(renew(plan(signing(pem(KEYS["EdDSA"]))), session), steps, asked)
    assert jwt.get_unverified_header(sent(asked[-1])[0]["client_assertion"])["alg"] == "EdDSA"


def test_with_an_explicit_token_endpoint_nothing_is_looked_up():
    asked = []
    registration = ConfiguredClient(token_endpoint=f"{AS}/token", client=client(secret=Secret("s3cret")))
    session = play(obtain(plan(registration, scopes=("a",))), [(TOKEN, tokens())], asked)
    assert sent(asked[-1])[0] == {"grant_type": "client_credentials", "resource": MCP, "scope": "a"}
    assert session.token_endpoint == f"{AS}/token"


def test_the_scopes_are_the_configured_ones_else_the_challenges_else_the_resources():
    challenge = Challenge("bearer", {"scope": "b c"})
    for scopes, known, expected in ((("a",), challenge, "a"), ((), challenge, "b c"), ((), None, "d")):
        asked = []
        script = [*discovery(described(scopes_supported=["d"])), (TOKEN, tokens())]
        session = play(obtain(plan(scopes=scopes), known), script, asked)
        assert sent(asked[-1])[0]["scope"] == session.asked == expected


@pytest.mark.plays("Auth0")
def test_auth0_is_told_the_resource_as_audience_each_time():
    issuer = "https://acme.auth0.com"
    registration = ConfiguredClient(issuer=issuer, client=client(secret=Secret("s3cret")))
    asked = []
    script = [
        (f"{PRM}/mcp", described(authorization_servers=[issuer])),
        (f"GET {issuer}/.well-known/oauth-authorization-server", metadata(issuer)),
        (f"POST {issuer}/token", tokens()),
    ]
    session = play(obtain(plan(registration)), script, asked)
    play(renew(plan(registration), session), [(f"POST {issuer}/token", tokens())], asked)
    assert [sent(each)[0]["audience"] for each in (asked[2], asked[3])] == [MCP, MCP]


def test_a_server_that_demands_proofs_gets_a_token_bound_to_a_key():
    challenge = Challenge("dpop", {"algs": "ES256"})
    asked = []
    steps = [("entropy 40", b"k" * 40), ("entropy 16", b"j" * 16), ("now", 1000.0), (TOKEN, tokens(token_type="DPoP"))]
    session = play(obtain(plan(), challenge), [*discovery(), *steps], asked)
    assert session.dpop_key is not None
    assert "dpop" in asked[-1].headers


def test_a_workload_presents_its_assertion_and_is_no_client():
    token = vouching()
    asked = []
    play(obtain(plan(NO_CLIENT, JwtBearer(token))), [*discovery(), (TOKEN, tokens())], asked)
    expected = {"grant_type": JWT_BEARER_GRANT, "assertion": token.value.reveal(), "resource": MCP}
    assert sent(asked[-1]) == (expected, {})


def test_an_assertion_may_be_presented_by_a_client_that_proves_itself():
    asked = []
    play(obtain(plan(secretive(), JwtBearer(vouching()))), [*discovery(), (TOKEN, tokens())], asked)
    assert "authorization" in sent(asked[-1])[1]


def test_tokens_are_exchanged_with_their_types_and_the_actors():
    subject, actor = vouching("subject_token", ID_TOKEN), vouching("actor_token", "urn:a:b")
    grant = TokenExchange(subject, actor, "urn:ietf:params:oauth:token-type:access_token")
    asked = []
    play(obtain(plan(NO_CLIENT, grant, audience="files")), [*discovery(), (TOKEN, tokens())], asked)
    assert sent(asked[-1])[0] == {
        "grant_type": TOKEN_EXCHANGE_GRANT,
        "subject_token": subject.value.reveal(),
        "subject_token_type": ID_TOKEN,
        "actor_token": actor.value.reveal(),
        "actor_token_type": "urn:a:b",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "resource": MCP,
        "audience": "files",
    }


def enterprise(**more):
    idp = ConfiguredClient(**{"token_endpoint": f"{IDP}/token", "client": client(id="at-idp"), **more})
    return plan(secretive(), Enterprise(vouching("identity_assertion", ID_TOKEN), idp), scopes=("a",))


def id_jag(**more):
    return answer({"access_token": "JAG", "issued_token_type": ID_JAG, "token_type": "N_A", **more})


def test_an_identity_is_exchanged_for_a_grant_that_is_made_out_to_the_servers_authorization_server():
    asked = []
    session = play(obtain(enterprise()), [*discovery(), (IDP_TOKEN, id_jag()), (TOKEN, tokens())], asked)
    exchange, _ = sent(asked[-2])
    assert exchange.pop("subject_token")
    assert exchange == {
        "grant_type": TOKEN_EXCHANGE_GRANT,
        "subject_token_type": ID_TOKEN,
        "requested_token_type": ID_JAG,
        "audience": AS,
        "resource": MCP,
        "scope": "a",
        "client_id": "at-idp",
    }
    form, headers = sent(asked[-1])
    assert form == {"grant_type": JWT_BEARER_GRANT, "assertion": "JAG", "resource": MCP, "scope": "a"}
    assert "authorization" in headers
    assert "JAG" not in dump(session)


def test_the_identity_provider_may_be_looked_up_too():
    found = (f"GET {IDP}/.well-known/oauth-authorization-server", metadata(IDP))
    flow = obtain(enterprise(token_endpoint="", issuer=IDP))
    play(flow, [*discovery(), found, (IDP_TOKEN, id_jag()), (TOKEN, tokens())])


def test_another_token_than_an_id_jag_is_not_presented():
    issued = id_jag(issued_token_type="urn:ietf:params:oauth:token-type:access_token")
    with pytest.raises(TheirProtocolError, match="a token that is not an ID-JAG"):
        play(obtain(enterprise()), [*discovery(), (IDP_TOKEN, issued)])


def test_the_next_session_is_had_where_the_last_one_was_and_with_the_secret_of_today():
    challenge = Challenge("bearer", {"scope": "b"})
    session = play(obtain(plan(), challenge), [*discovery(), (TOKEN, tokens())])
    asked = []
    rotated = plan(ConfiguredClient(issuer=AS, client=client(secret=Secret("n3w")), place="the file /run/secret"))
    play(renew(rotated, session), [(TOKEN, tokens(access_token="AT2"))], asked)
    form, headers = sent(asked[-1])
    assert form == {"grant_type": "client_credentials", "resource": MCP, "scope": "b"}
    assert headers["authorization"] == "Basic Y2k6bjN3"


def test_a_refresh_token_is_used_and_where_it_is_refused_the_grant_itself_is():
    session = play(obtain(plan()), [*discovery(), (TOKEN, tokens(refresh_token="RT"))])
    asked = []
    renewed = play(renew(plan(), session), [(TOKEN, tokens(access_token="AT2", refresh_token="RT2"))], asked)
    form, headers = sent(asked[-1])
    assert (form["refresh_token"], headers["authorization"]) == ("RT", "Basic Y2k6czNjcmV0")
    assert (renewed.refresh.reveal(), renewed.client.secret) == ("RT2", None)
    refused = answer({"error": "invalid_grant"}, 400)
    obtained = play(renew(plan(), session), [(TOKEN, refused), (TOKEN, tokens(access_token="AT3"))])
    assert (obtained.access.reveal(), obtained.refresh) == ("AT3", None)


def test_an_identity_that_the_provider_refuses_is_not_blamed_on_the_mcp_servers_authorization_server():
    script = [*discovery(), (IDP_TOKEN, answer({"error": "invalid_grant"}, 400)), ("now", 9010.0)]
    with pytest.raises(TokenExpired, match=r"idp\.example refuses the identity_assertion"):
        play(obtain(enterprise()), script)


@pytest.mark.parametrize("failure", [answer(b"down", 503, "text/plain"), Unreachable("no way"), answer({}, 429)])
def test_a_fault_that_passes_stays_the_same_error(failure):
    with pytest.raises((UpstreamFailed, Unreachable)):
        play(obtain(plan()), [*discovery(), (TOKEN, failure)])


def test_an_unusable_key_stops_before_anything_is_sent():
    weak = rsa.generate_private_key(65537, 1024)
    with pytest.raises(ConfigError, match="too short"):
        play(obtain(plan(signing(pem(weak)))), discovery())


@pytest.mark.parametrize("code", ["unsupported_token_type", "server_error"])
def test_the_end_of_a_session_is_a_revocation_with_todays_secret_where_that_is_offered(code):
    asked = []
    offered = metadata(revocation_endpoint=f"{AS}/revoke")
    last = play(obtain(plan()), [*discovery(server=offered), (TOKEN, tokens())])
    play(revoke_session(plan(), last), [(f"POST {AS}/revoke", answer(b""))], asked)
    assert sent(asked[-1])[0]["token"] == "AT"
    assert "authorization" in sent(asked[-1])[1]
    script = [(f"POST {AS}/revoke", answer({"error": code}, 400))]
    if code == "unsupported_token_type":
        play(revoke_session(plan(), last), script)
    else:
        with pytest.raises(OAuthRefused):
            play(revoke_session(plan(), last), script)


def test_a_refused_token_request_is_explained_by_the_configuration():
    script = [*discovery(), (TOKEN, answer({"error": "invalid_scope"}, 400)), ("now", 1000.0)]
    with pytest.raises(ConfigError, match="invalid_scope"):
        play(obtain(plan()), script)
