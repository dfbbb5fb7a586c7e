"""Credentials from the configuration: read at each request, again when they are refused, and never printed."""

import asyncio
import base64
import json

import pytest

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.static import (
    AnonymousCredentials,
    BearerField,
    Field,
    RememberedValue,
    RereadValue,
    StaticCredentials,
    WithOrganisation,
)
from mcp_auth_bridge.errors import (
    AccessDenied,
    ConfigError,
    CredentialMissing,
    CredentialRefused,
    LoginRequired,
    NotAToken,
    TokenExpired,
    UnknownIssuer,
    WrongAudience,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

URL = "https://mcp.example/mcp"
TARGET = Target("POST", gate(URL, Purpose.SERVER))
NOW = 1_000_000.0
OPAQUE = "gho_0123456789abcdefghij"


class Place:
    """Somewhere a secret is, and how often it was asked for. `values` come one after the other, the last for ever."""

    def __init__(self, *values):
        self.values = list(values)
        self.reads = 0

    async def __call__(self):
        self.reads += 1
        return Secret(self.values.pop(0) if len(self.values) > 1 else self.values[0])


def bearer(place, *, kind=RereadValue, resource=URL):
    field = BearerField("authorization", kind(place), "the token of acme", "the file /t")
    return StaticCredentials("acme", resource, (field,), lambda: NOW)


def headers(credentials, refused=None):
    return asyncio.run(credentials.headers(TARGET, refused))


def refusal(sent, *, status=401, again=False, **parameters):
    return Refusal(status, Challenge("bearer", parameters), sent, again)


def jwt(**claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJl"


def refused(token, status=401, resource=URL, **parameters):
    """The error that a refusal of `token` ends with."""
    credentials = bearer(Place(token), resource=resource)
    with pytest.raises(AccessDenied if status == 403 else CredentialRefused) as raised:
        headers(credentials, refusal(headers(credentials), status=status, **parameters))
    assert token not in raised.value.message + raised.value.hint + json.dumps(getattr(raised.value, "facts", {}))
    return raised.value


def test_a_server_that_wants_credentials_where_the_configuration_has_none_is_explained():
    assert headers(AnonymousCredentials("acme")) == {}
    with pytest.raises(LoginRequired, match="acme wants credentials") as raised:
        headers(AnonymousCredentials("acme"), Refusal(401, None, {}))
    assert "mcp-auth-bridge login" in raised.value.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_refuses_the_organisations_headers_is_not_said_to_want_a_login(status):
    with pytest.raises(CredentialRefused, match="acme refuses requests with the headers x-team") as raised:
        headers(AnonymousCredentials("acme"), Refusal(status, None, {"x-team": "blue"}))
    assert raised.value.facts == {"status": status}


def test_a_token_is_read_again_for_each_request():
    credentials = bearer(Place("one", "two"))
    assert headers(credentials) == {"authorization": "Bearer one"}
    assert headers(credentials, refusal({"authorization": "Bearer one"})) == {"authorization": "Bearer two"}


def test_a_keyring_entry_is_read_once_and_again_when_it_is_refused():
    place = Place("one", "two")
    credentials = bearer(place, kind=RememberedValue)
    sent = [headers(credentials) for _ in range(3)]
    assert (sent, place.reads) == ([{"authorization": "Bearer one"}] * 3, 1)
    assert headers(credentials, refusal(sent[0])) == {"authorization": "Bearer two"}
    assert place.reads == 2


def test_a_missing_permission_causes_no_second_read():
    place = Place("one", "two")
    credentials = bearer(place, kind=RememberedValue)
    sent = headers(credentials)
    with pytest.raises(AccessDenied, match=r"refuses the token of acme \(HTTP 403\), which lacks “admin”"):
        headers(credentials, refusal(sent, status=403, scope="admin"))
    assert place.reads == 1


def test_after_a_new_one_was_refused_too_none_is_fetched_for_a_while():
    place = Place("one", "two", "three")
    credentials = bearer(place, kind=RememberedValue)
    second = headers(credentials, refusal(headers(credentials)))
    with pytest.raises(CredentialRefused):
        headers(credentials, refusal(second, again=True))
    for _ in range(5):
        with pytest.raises(CredentialRefused):
            headers(credentials, refusal(headers(credentials)))
    assert place.reads == 2


@pytest.mark.parametrize(
    "token", ["placeholder-1", "<your token here>", "changeme", "${TOKEN}", "eyJhbGciOiJIUzI1NiJ9.cut"]
)
def test_a_text_that_is_not_a_token_is_called_so(token):
    error = refused(token)
    assert type(error) is NotAToken
    assert error.hint == "replace it: the file /t"


def test_an_expired_token_is_called_so():
    error = refused(jwt(exp=NOW - 61, aud="elsewhere"))
    assert type(error) is TokenExpired
    assert (
        "acme refuses the token of acme (HTTP 401): it expired 61 seconds ago (1970-01-12 13:45 UTC)" in error.message
    )
    assert error.facts["expires_at"] == "1970-01-12T13:45:39Z"


def test_a_token_that_only_the_servers_clock_takes_for_expired_is_called_so():
    assert "not by this machine's" in refused(jwt(exp=NOW + 5), error_description="token expired").message


def test_a_token_for_another_server_is_called_so():
    error = refused(jwt(exp=NOW + 60, aud="https://other.example/mcp", iss="https://as.example"))
    assert type(error) is WrongAudience
    assert error.message.endswith("it was made for “other.example” (its aud), not for “https://mcp.example/mcp”")
    assert error.facts == {
        "status": 401,
        "issuer": "https://as.example",
        "audience_expected": URL,
        "audience_found": ["https://other.example/mcp"],
        "expires_at": "1970-01-12T13:47:40Z",
    }


@pytest.mark.parametrize("audience", [URL, f"{URL}/", "https://mcp.example", "mcp.example", ["x", URL]])
def test_a_token_from_an_unknown_issuer_is_called_so_where_all_else_looks_right(audience):
    error = refused(jwt(exp=NOW + 60, aud=audience, iss="Vendor"))
    assert type(error) is UnknownIssuer
    assert "its issuer is “Vendor”, which the server may not know" in error.message


def test_the_configured_resource_is_what_the_audience_should_be():
    assert type(refused(jwt(aud="urn:acme:mcp"), resource="urn:acme:mcp")) is UnknownIssuer
    assert type(refused(jwt(aud=URL), resource="urn:acme:mcp")) is WrongAudience


def test_the_servers_own_word_counts_more_than_what_looks_wrong():
    token = jwt(exp=NOW + 60, aud="urn:acme:mcp", iss="Vendor")
    assert type(refused(token, error_description="Jwt issuer is not configured")) is UnknownIssuer
    assert type(refused(jwt(exp=NOW + 60), error_description="audience mismatch")) is WrongAudience
    assert "hunter2" not in refused("hunter2-hunter2-hunter2", error_description="no hunter2-hunter2-hunter2").message


def test_the_servers_own_sentence_is_quoted():
    message = refused(
        jwt(exp=NOW + 60, aud=URL, iss="Vendor"), error_description="Jwt issuer is not configured"
    ).message
    assert message == (
        "acme refuses the token of acme (HTTP 401, saying “Jwt issuer is not configured”):"
        " its issuer is “Vendor”, which the server does not know"
    )


def test_a_token_without_an_audience_is_for_no_server():
    error = refused(jwt(exp=NOW + 60, iss="https://as.example"))
    assert type(error) is WrongAudience
    assert error.message.endswith("(HTTP 401): it has no aud, which should be “https://mcp.example/mcp”")


@pytest.mark.parametrize(
    ("claims", "words"), [({"exp": NOW + 60}, "its exp and aud look right"), ({}, "its aud looks right")]
)
def test_only_claims_that_are_there_look_right(claims, words):
    assert refused(jwt(aud=URL, **claims)).message.endswith(words)


@pytest.mark.parametrize(
    "words",
    [
        "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
        "jwt malformed",
        "Not enough segments",
        "token is malformed: token contains an invalid number of segments",
        "Invalid JWT serialization: Missing dot delimiter(s)",
        "Invalid Compact JWS",
    ],
)
def test_a_word_where_the_server_wants_a_jwt_is_no_token(words):
    error = refused("orchestration-agent", error_description=words)
    assert type(error) is NotAToken
    assert error.message.endswith("it is not a JWT, and the server cannot read it")


def test_an_opaque_token_is_refused_without_a_guess():
    assert type(refused(OPAQUE)) is CredentialRefused


def test_a_token_may_not_bring_its_own_scheme():
    with pytest.raises(CredentialMissing, match="the token of acme begins with the word Bearer") as raised:
        headers(bearer(Place("bearer hunter2")))
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_an_empty_token_is_none():
    with pytest.raises(CredentialMissing, match="the token of acme is empty"):
        headers(bearer(Place("")))


@pytest.mark.parametrize("value", ["hunter2\nX-Evil: 1", "hunter2\x00", "hünter2", " hunter2", "hunter2\x1b[2J"])
def test_a_value_that_a_header_cannot_carry_is_refused_and_not_shown(value):
    with pytest.raises(ConfigError, match="the token of acme has a value that a header cannot carry") as raised:
        headers(bearer(Place(value)))
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_headers_may_be_the_credentials():
    key, account = Place("k1", "k2"), Place("42")
    fields = (
        Field("X-API-Key", RememberedValue(key), "the header X-API-Key of acme", "the environment variable KEY"),
        Field("X-Account", RememberedValue(account), "the header X-Account of acme", "the configuration"),
    )
    credentials = StaticCredentials("acme", URL, fields, lambda: NOW)
    first = headers(credentials)
    assert first == {"X-API-Key": "k1", "X-Account": "42"}
    second = headers(credentials, refusal(first))
    assert second == {"X-API-Key": "k2", "X-Account": "42"}
    with pytest.raises(CredentialRefused, match=r"acme refuses the header X-API-Key of acme \(HTTP 401\)") as raised:
        headers(credentials, refusal(second, again=True))
    assert raised.value.hint == "replace it: the environment variable KEY"


def test_an_organisations_headers_stand_beside_the_credentials_and_are_read_again_with_them():
    organisation = Field("X-Org", RememberedValue(Place("1", "2")), "the header X-Org of acme", "the command “org”")
    credentials = WithOrganisation(lambda: (organisation,), bearer(Place("one", "two")))
    first = headers(credentials)
    assert first == {"X-Org": "1", "authorization": "Bearer one"}
    assert headers(credentials, refusal(first)) == {"X-Org": "2", "authorization": "Bearer two"}


# At hand


def at_hand(credentials):
    return credentials.at_hand(TARGET)


def test_a_kept_value_is_at_hand_once_it_was_read():
    credentials = bearer(place := Place("t1", "t2"), kind=RememberedValue)
    assert at_hand(credentials) is None
    first = headers(credentials)
    assert at_hand(credentials) == first == {"authorization": "Bearer t1"}
    assert at_hand(credentials) is at_hand(credentials)
    assert place.reads == 1
    second = headers(credentials, refusal(first))
    assert at_hand(credentials) == second == {"authorization": "Bearer t2"}


def test_a_value_that_is_read_each_time_is_never_at_hand():
    credentials = bearer(Place("t1"))
    headers(credentials)
    assert at_hand(credentials) is None


def test_a_value_that_no_header_can_carry_is_not_at_hand():
    credentials = bearer(Place("Bearer t1"), kind=RememberedValue)
    with pytest.raises(CredentialMissing):
        headers(credentials)
    assert at_hand(credentials) is None


def test_anonymous_credentials_are_always_at_hand():
    assert at_hand(AnonymousCredentials("acme")) == {}


class Asked:
    """Credentials that have to be asked each time."""

    async def headers(self, target, refused=None):
        return {"authorization": "Bearer t1"}


def test_headers_are_at_hand_with_those_of_the_organisation():
    org = Field("x-org", RememberedValue(Place("42")), "the header X-Org", "the test")
    both = WithOrganisation(lambda: (org,), bearer(Place("t1"), kind=RememberedValue))
    assert at_hand(both) is None
    assert at_hand(both) is None
    assert headers(both) == at_hand(both) == {"x-org": "42", "authorization": "Bearer t1"}
    assert at_hand(WithOrganisation(lambda: (), AnonymousCredentials("acme"))) == {}
    assert at_hand(WithOrganisation(lambda: (org,), Asked())) is None
    assert (
        at_hand(WithOrganisation(lambda: (Field("x", RereadValue(Place("1")), "", ""),), AnonymousCredentials("a")))
        is None
    )
