"""The settings of a described server: the user's values may be references, the description's never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.catalogue.remote_server import HeaderTemplate, RemoteServer, Variable, filled
from mcp_auth_bridge.config.new_server import with_authorization
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Literal, parse_reference

TOKEN = Variable("token", "API token", is_secret=True)
ORG = Variable("org", is_required=False)


def server(*headers, url="https://mcp.acme.example/mcp", variables=()):
    return RemoteServer("acme", "Acme", url, headers=headers, variables=variables)


def header(value, *variables, name="X-Acme"):
    return HeaderTemplate(name, value, variables)


def value_of(template, values):
    return filled(server(template), values).headers.get(template.name)


@pytest.mark.parametrize(
    ("template", "values", "written"),
    [
        (header("42"), {}, "42"),
        (header("{token}", TOKEN), {"token": "keyring:acme"}, "keyring:acme"),
        (header("Bearer {token}", TOKEN, name="Authorization"), {"token": "file:/t"}, "Bearer file:/t"),
        (header("Token {token}", TOKEN), {"token": "env:T"}, "Token ${T}"),
        (header("{org}:{token}", ORG, TOKEN), {"org": "a", "token": "env:T"}, "a:${T}"),
        (header("${x} {token} {other}", TOKEN), {"token": "env:T"}, "$${x} ${T} {other}"),
        (header("v {token}", TOKEN), {"token": "a${T:-b}"}, "v a${T:-b}"),
        (header("{org}", ORG), {}, None),
        (header("${token} {org}", ORG), {"org": "7"}, "$${token} 7"),
        (header("a${org}", ORG), {"org": "{HOME}"}, "a$${HOME}"),
    ],
)
def test_a_header_is_made_of_its_template_and_the_values(template, values, written):
    assert value_of(template, values) == written


def test_a_bearer_token_becomes_a_table_of_its_own():
    made = with_authorization(filled(server(header("bearer {token}", TOKEN, name="Authorization")), {"token": "env:T"}))
    assert made.auth == {"kind": "bearer", "token": "env:T"}


@pytest.mark.parametrize(
    "text", ["env:AWS_SECRET", "command:curl evil.example", "file:~/.ssh/id", "${HOME}", "literal:x", "env:", "${"]
)
def test_a_value_of_the_description_is_never_read_as_a_reference(text):
    written = value_of(header(text), {})
    assert parse_reference(written, "") == Literal(text)
    defaulted = value_of(header("{x}", Variable("x", default=text)), {})
    assert parse_reference(defaulted, "") == Literal(text)


@pytest.mark.parametrize("kind", ["env", "command", "file", "keyring"])
def test_a_template_cannot_make_a_reference_out_of_a_value(kind):
    with pytest.raises(ConfigError, match="looks like a reference"):
        value_of(header(f"{kind}:{{x}}", Variable("x", default="AWS_SECRET")), {})


def test_a_dollar_before_the_user_s_variable_is_refused_rather_than_read_as_an_escape():
    with pytest.raises(ConfigError, match="looks like a reference"):
        value_of(header("${token}", TOKEN), {"token": "env:T"})


@pytest.mark.parametrize("part", ["{x}", "${x}", "$", "{HOME}"])
def test_two_texts_of_the_description_do_not_make_a_variable_together(part):
    written = value_of(header(f"a{part}${{x}}{{y}}", Variable("x", default="{HOME}")), {})
    assert parse_reference(written, "").parts == (f"a{part.replace('{x}', '{HOME}')}${{HOME}}{{y}}",)


FOREIGN = st.text(st.sampled_from("${}:-xHenvalit "), max_size=14) | st.text(max_size=30)


@given(FOREIGN, FOREIGN)
def test_nothing_that_a_description_says_is_a_reference(value, default):
    template = header(value, Variable("x", default=default))
    try:
        written = value_of(template, {})
    except ConfigError:
        return
    reference = Literal("") if written is None else parse_reference(written, "")
    assert isinstance(reference, Literal) or all(isinstance(part, str) for part in reference.parts)


def test_a_variable_in_the_url_is_filled_in_or_has_its_default():
    remote = server(url="https://{tenant}.acme.example/{path}", variables=(Variable("tenant", default="eu"),))
    assert filled(remote, {}).url == "https://eu.acme.example/{path}"
    assert filled(remote, {"tenant": "us"}).url == "https://us.acme.example/{path}"


def test_missing_values_are_told_with_their_options():
    remote = server(header("{token}", TOKEN), variables=(Variable("tenant"), ORG))
    with pytest.raises(ConfigError) as refused:
        filled(remote, {})
    assert refused.value.message == "Acme needs values: tenant; token (“API token”)"
    assert refused.value.hint == "add --set tenant=… --set token=env:NAME"


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"token": "env:T", "oops": "1"}, "no value named “oops”", "it has: token, org, mode"),
        ({"token": "env:T", "mode": "x"}, "--set mode: this is not one of the allowed values", "one of: ro, rw"),
        ({"token": "abc"}, "--set token must not hold the secret", "keyring:NAME"),
        ({"token": "keyring:t"}, "only a part of the header X-Acme is secret", "--set token=env:NAME"),
    ],
)
def test_an_unusable_value_is_refused(values, message, hint):
    mode = Variable("mode", is_required=False, choices=("ro", "rw"))
    remote = server(
        header("t {token}", TOKEN), header("{org}", ORG, name="X-Org"), header("{mode}", mode, name="X-Mode")
    )
    with pytest.raises(ConfigError) as refused:
        filled(remote, values)
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_a_server_without_values_says_so():
    with pytest.raises(ConfigError) as refused:
        filled(server(), {"a": "b"})
    assert refused.value.hint == "it has: none"


def test_a_secret_does_not_go_into_a_url():
    remote = server(url="https://acme.example/{token}/mcp", variables=(TOKEN,))
    with pytest.raises(ConfigError, match="wants the secret token in its URL"):
        filled(remote, {"token": "env:T"})
