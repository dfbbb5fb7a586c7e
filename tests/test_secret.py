"""Secrets, which never print themselves, and the references by which a configuration names them."""

import copy
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import (
    CommandOutput,
    EnvironmentVariable,
    FileContent,
    KeyringEntry,
    Literal,
    Secret,
    Template,
    describe,
    describe_used,
    parse_reference,
    parse_template,
    spelled_reference,
    variables_in,
)


class Holder(msgspec.Struct):
    secret: Secret


def test_a_secret_never_prints_itself():
    secret = Secret("hunter2")
    shown = (repr(secret), str(secret), f"{secret}", f"{secret:>30}", f"{secret!r}", "%s" % secret, repr([secret]))  # noqa: UP031 - a way to print
    assert not any("hunter2" in text for text in (*shown, repr(Holder(secret)), repr(vars(Literal))))
    assert secret.reveal() == "hunter2"


def test_a_secret_cannot_be_written_out_by_accident():
    secret = Secret("hunter2")
    for write in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError) as raised:
            write(secret)
        assert "hunter2" not in str(raised.value)


@given(st.text(), st.text())
def test_secrets_are_equal_exactly_if_their_values_are(one, two):
    assert (Secret(one) == Secret(two)) is (one == two)
    assert Secret(one) != one
    assert bool(Secret(one)) is bool(one)
    assert len({Secret(one), Secret(one)}) == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("env:NAME", EnvironmentVariable("NAME")),
        ("file:/run/x:y", FileContent(Template(("/run/x:y",)))),
        (
            "file:${CREDENTIALS_DIRECTORY}/token",
            FileContent(Template((EnvironmentVariable("CREDENTIALS_DIRECTORY"), "/token"))),
        ),
        ("literal:env:NAME", Literal("env:NAME")),
        ("literal:${NAME}", Literal("${NAME}")),
        ("plain", Literal("plain")),
        ("https://x", Literal("https://x")),
        ("", Literal("")),
        ("keyring:acme token", KeyringEntry("acme token")),
        ("command:op read 'op://private/acme/a token'", CommandOutput(("op", "read", "op://private/acme/a token"))),
        ("command:sh -c 'echo ${X}'", CommandOutput(("sh", "-c", "echo ${X}"))),
        ("Bearer ${X}", Template(("Bearer ", EnvironmentVariable("X")))),
        ("Token ${A}:${B:-b}", Template(("Token ", EnvironmentVariable("A"), ":", EnvironmentVariable("B", "b")))),
        ("${X:-}", Template((EnvironmentVariable("X", ""),))),
        ("${X:-a:-b$c}", Template((EnvironmentVariable("X", "a:-b$c"),))),
        ("cash$ $5 $X $$", Literal("cash$ $5 $X $$")),
        ("$${X}", Template(("${X}",))),
        ("$$${X}", Template(("$${X}",))),
    ],
)
def test_a_reference_is_parsed_by_its_prefix(text, meant):
    assert parse_reference(text, "the key") == meant


@pytest.mark.parametrize(
    "text",
    ["hunter2${", "hunter2${}", "hunter2${X", "${1X}hunter2", "${X-hunter2}", "${X:-${Y}}hunter2", "file:/x/${hunter2"],
)
def test_a_malformed_variable_is_refused_without_the_text(text):
    with pytest.raises(ConfigError, match=r"^config.toml: servers.acme.auth.token has a \$\{ that names no") as raised:
        parse_reference(text, "config.toml: servers.acme.auth.token")
    assert "hunter2" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize("text", ["env:", "file:", "command:", "command:  ", "keyring:", "command:op 'hunter2"])
def test_a_reference_to_nothing_is_refused(text):
    with pytest.raises(ConfigError, match=r"^the key: .*(names nothing|cannot be split)") as raised:
        parse_reference(text, "the key")
    assert raised.value.hint
    assert "hunter2" not in raised.value.message + raised.value.hint


@given(st.text(st.sampled_from("${}:-aX\n\\ ")) | st.text())
def test_every_text_can_be_written_as_a_template(text):
    assert "".join(parse_template(text.replace("${", "$${"), "the key").parts) == text


VARIABLES = st.builds(
    EnvironmentVariable,
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True),
    st.none() | st.text(st.sampled_from("ab:-$ ")),
)


@given(st.lists(VARIABLES | st.text(st.sampled_from("a{} \n:"), min_size=1)))
def test_a_template_keeps_its_text_and_its_variables(parts):
    def written(part):
        if isinstance(part, str):
            return part
        return f"${{{part.name}}}" if part.default is None else f"${{{part.name}:-{part.default}}}"

    read = parse_template("".join(map(written, parts)), "the key").parts
    assert [part for part in read if isinstance(part, EnvironmentVariable)] == [
        part for part in parts if isinstance(part, EnvironmentVariable)
    ]
    assert "".join(map(written, read)) == "".join(map(written, parts))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("hunter2", "the value in the configuration"),
        ("env:X", "the environment variable X"),
        ("hunter2 ${X} ${Y:-hunter2}", "the value in the configuration and the environment variables X and Y"),
        ("${X}", "the environment variable X"),
        ("${X}${Y}", "the environment variables X and Y"),
        ("file:${X}/t", "the file ${X}/t"),
        ("command:mint --key hunter2", "the command “mint”"),
        ("keyring:acme", "the entry “acme” of the OS keyring"),
    ],
)
def test_a_source_is_described_without_its_secrets(text, place):
    assert describe(parse_reference(text, "the key")) == place
    assert describe_used(parse_reference(text, "the key"), {"X": "x", "Y": "y"}) == place


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("env:X", "env:X"),
        ("file:${X}/t", "file:${X}/t"),
        ("keyring:acme", "keyring:acme"),
        ("hunter2", "…"),
        ("hunter2 ${X}", "…"),
        ("command:mint --key hunter2", "…"),
    ],
)
def test_a_reference_is_spelled_for_a_command_line_unless_it_may_hold_a_secret(text, spelled):
    assert spelled_reference(parse_reference(text, "the key")) == spelled


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("${X:-a}", "the environment variable X, which is not set, so that its default was used"),
        ("${X:-a}${Y:-b}", "the environment variables X and Y, which are not set, so that their defaults were used"),
        ("${X:-}${Z}", "the environment variables X and Z"),
    ],
)
def test_a_description_says_which_defaults_were_used(text, place):
    assert describe_used(parse_reference(text, "the key"), {"X": "", "Z": "z"}) == place


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("env:A", ["A"]),
        ("x ${A} ${B:-b}", ["A", "B"]),
        ("file:${A}/key", ["A"]),
        ("command:print ${A}", []),
        ("keyring:a", []),
        ("literal:${A}", []),
        ("plain", []),
    ],
)
def test_the_variables_of_a_reference_are_known(text, names):
    assert [variable.name for variable in variables_in(parse_reference(text, "a test"))] == names
