"""Grants without a user, by script: the requests, and the errors where they are refused."""

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from key_pairs import KEYS, pem
from machine_flow import AS, MCP, METADATA, PRM, TOKEN, client, described, discovery, metadata, plan, secretive
from playing import NOT_FOUND, answer, plain, play

from mcp_auth_bridge.errors import (
    ConfigError,
    CredentialRefused,
    NotAToken,
    OAuthRefused,
    TheirProtocolError,
    TokenExpired,
    Unreachable,
    UpstreamFailed,
    WrongAudience,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken
from mcp_auth_bridge.oauth.machine import (
    ID_JAG,
    JWT_BEARER_GRANT,
    TOKEN_EXCHANGE_GRANT,
    Enterprise,
    JwtBearer,
    TokenExchange,
    obtain,
    renew,
)
from mcp_auth_bridge.oauth.session import SigningKey, dump
from mcp_auth_bridge.secret import Secret

IDP = "https://idp.example"
IDP_TOKEN = f"POST {IDP}/token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


def tokens(**more):
    return answer({"access_token": "AT", "token_type": "Bearer", "expires_in": 600, **more})


def signing(key, **more):
    return ConfiguredClient(
        issuer=AS, client=client(signing=SigningKey(key=Secret(key), **more)), place="the file /run/key"
    )


NOBODY = ConfiguredClient(issuer=AS, client=client(id=""))


def vouching(what="assertion", kind="", **claims):
    value = jwt.encode({"iss": "https://platform.example", "aud": AS, "exp": 9000, **claims}, "k" * 32)
    return SubjectToken(value=Secret(value), what=f"the {what}", place=f"the file /run/{what}", type=kind)


def sent(asked):
    """The form of the last request, and its headers without `accept`."""
    headers = {name: plain({name: value})[name] for name, value in asked.headers.items() if name != "accept"}
    return plain(asked.form), headers


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


def test_the_place_of_the_metadata_in_the_challenge_is_used():
    challenge = Challenge("bearer", {"resource_metadata": "https://mcp.example/meta"})
    play(
        obtain(plan(), challenge), [("GET https://mcp.example/meta", described()), *discovery()[1:], (TOKEN, tokens())]
    )


@pytest.mark.parametrize(("resource", "stated"), [("urn:acme", "urn:acme"), ("none", None)])
def test_the_configured_resource_is_stated_instead_and_none_at_all_if_so_configured(resource, stated):
    asked = []
    named = described(resource=resource if stated else MCP)
    play(obtain(plan(resource=resource)), [*discovery(named), (TOKEN, tokens())], asked)
    assert sent(asked[-1])[0].get("resource") == stated


def test_a_server_without_resource_metadata_is_reached_by_the_configured_issuer():
    script = [(f"{PRM}/mcp", NOT_FOUND), (PRM, NOT_FOUND), (METADATA, metadata()), (TOKEN, tokens())]
    assert play(obtain(plan()), script).resource == MCP


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


def test_a_secret_goes_to_no_issuer_that_the_mcp_server_names_instead():
    named = described(authorization_servers=["https://evil.example"])
    with pytest.raises(ConfigError, match=r"takes tokens of “https://evil\.example”"):
        play(obtain(plan()), [(f"{PRM}/mcp", named)])


def test_metadata_of_another_issuer_are_no_place_for_a_secret():
    nothing = (f"GET {AS}/.well-known/openid-configuration", NOT_FOUND)
    with pytest.raises(TheirProtocolError, match="are of the issuer"):
        play(obtain(plan()), [*discovery(server=metadata("https://evil.example")), nothing])


def test_an_issuer_without_metadata_is_named_with_the_line_that_helps():
    script = [*discovery(server=NOT_FOUND), (f"GET {AS}/.well-known/openid-configuration", NOT_FOUND)]
    with pytest.raises(ConfigError, match="publishes no metadata") as raised:
        play(obtain(plan()), script)
    assert "token_endpoint" in raised.value.hint


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
    play(obtain(plan(NOBODY, JwtBearer(token))), [*discovery(), (TOKEN, tokens())], asked)
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
    play(obtain(plan(NOBODY, grant, audience="files")), [*discovery(), (TOKEN, tokens())], asked)
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


def refused_with(code, the_plan=None, status=400, now=1000.0, extra=(), *, times=1):
    script = [*discovery(), *extra, *[(TOKEN, answer({"error": code}, status))] * times, ("now", now)]
    with pytest.raises((ConfigError, CredentialRefused, OAuthRefused)) as raised:
        play(obtain(the_plan or plan()), script)
    return raised.value


def test_a_client_that_is_not_accepted_is_told_where_its_secret_comes_from():
    error = refused_with("invalid_client", status=401, times=3)  # Basic, the form, Basic with the ID in the form
    assert isinstance(error, ConfigError)
    assert "“ci”" in error.message
    assert "the file /run/secret" in error.hint
    steps = [("entropy 16", b"x" * 16), ("now", 1000.0)]
    error = refused_with("invalid_client", plan(signing(pem(KEYS["RS256"]))), status=401, extra=steps)
    assert "assertion_audience" in error.hint
    assert "the file /run/key" in error.hint


@pytest.mark.parametrize("code", ["unauthorized_client", "unsupported_grant_type"])
def test_a_grant_that_is_not_offered_is_a_mistake_of_the_configuration(code):
    error = refused_with(code, plan(NOBODY, JwtBearer(vouching())))
    assert isinstance(error, ConfigError)
    assert code in error.message


@pytest.mark.parametrize(("code", "key"), [("invalid_scope", "scopes"), ("invalid_target", "resource")])
def test_a_wish_that_is_not_granted_names_the_key(code, key):
    error = refused_with(code)
    assert isinstance(error, ConfigError)
    assert key in error.hint


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        (vouching(exp=990), TokenExpired, "it expired 10 seconds ago"),
        (vouching(aud="https://other.example"), WrongAudience, "its aud is “https://other.example”, not"),
        (vouching(aud=[f"{AS}/token", "x"]), CredentialRefused, "look right"),
        (SubjectToken(value=Secret("hunter2"), what="the assertion", place="x"), NotAToken, "not a JWT"),
        (
            SubjectToken(value=Secret("hunter2"), what="the subject_token", place="x", type="urn:a:b"),
            CredentialRefused,
            "opaque",
        ),
    ],
)
def test_a_refused_assertion_is_looked_at_and_told_where_it_comes_from(token, kind, words):
    error = refused_with("invalid_grant", plan(NOBODY, JwtBearer(token)))
    assert type(error) is kind
    assert words in error.message
    assert token.place in error.hint
    assert token.value.reveal() not in error.message + error.hint


def test_of_two_tokens_the_one_that_looks_wrong_is_named():
    grant = TokenExchange(vouching("subject_token", ID_TOKEN, aud="me"), vouching("actor_token", ID_TOKEN, exp=1))
    error = refused_with("invalid_grant", plan(NOBODY, grant))
    assert isinstance(error, TokenExpired)
    assert "actor_token" in error.message


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
