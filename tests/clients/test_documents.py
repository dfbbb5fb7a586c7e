"""The text of a client's file, with and without comments, and the line of a mistake in it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.clients.client import Format
from mcp_auth_bridge.clients.documents import parse, without_comments
from mcp_auth_bridge.errors import ConfigError

COMMENTED = """{
  // the servers
  "servers": {"a//b": "/* no comment */ \\" // none", /* one
     over two lines */ "list": [1, 2,],},
}
"""


def refused(text, syntax):
    with pytest.raises(ConfigError) as error:
        parse(text, syntax)
    return error.value.message


def test_comments_and_last_commas_are_read_where_the_client_reads_them():
    expected = {"servers": {"a//b": '/* no comment */ " // none', "list": [1, 2]}}
    assert parse(COMMENTED, Format.JSONC) == expected
    assert parse("\ufeff" + COMMENTED.replace("\n", "\r\n"), Format.JSONC) == expected


def test_lines_and_columns_stay_where_they_were():
    bare = without_comments(COMMENTED)
    assert [len(line) for line in bare.splitlines()] == [len(line) for line in COMMENTED.splitlines()]


def test_a_strict_client_reads_no_comments():
    assert refused(COMMENTED, Format.JSON) == (
        "line 2: this file must not have comments, or a comma after the last item"
    )


@pytest.mark.parametrize("syntax", list(Format))
@pytest.mark.parametrize("text", ["", " \n", "\ufeff"])
def test_an_empty_file_has_no_servers(syntax, text):
    assert parse(text, syntax) == {}


def test_a_mistake_is_named_with_its_line_and_without_the_text_there():
    assert refused('{\n"a": "canary"\n"b": 1}', Format.JSONC) == "line 3: expecting ',' delimiter"
    assert refused('{\n"a": "canary"\n"b": 1}', Format.JSON) == "line 3: expecting ',' delimiter"
    said = refused('[a]\nb = "canary"\nc = canary\n', Format.TOML)
    assert said.startswith("line 3: ")
    assert "canary" not in said
    assert refused('[a]\nb = """canary', Format.TOML).startswith("line 2: ")


def test_a_repeated_key_of_toml_is_not_quoted():
    assert "canary" not in refused("[canary]\n[canary]\n", Format.TOML)


def test_toml_is_read():
    assert parse('[mcp_servers.acme]\ncommand = "x"', Format.TOML) == {"mcp_servers": {"acme": {"command": "x"}}}


@pytest.mark.parametrize(("syntax", "text"), [(Format.JSON, "[" * 100_000), (Format.TOML, "a=" + "[" * 100_000)])
def test_a_nest_that_is_too_deep_is_a_mistake_too(syntax, text):
    assert refused(text, syntax) == "line 1: it is nested too deeply"


@pytest.mark.parametrize("syntax", [Format.JSON, Format.JSONC, Format.TOML])
def test_a_number_that_is_too_long_is_a_mistake_too(syntax):
    text = f"a={'1' * 5000}" if syntax is Format.TOML else f'{{"a": {"1" * 5000}}}'
    assert refused(text, syntax) == "line 1: it holds a number that is too long"
    if syntax is Format.JSON:
        assert refused(text + "x", syntax) == "line 1: it holds a number that is too long"
        assert refused('{"a": ' + "1" * 5000 + ",}", syntax) == "line 1: it holds a number that is too long"


@pytest.mark.parametrize("text", ['"\\"' * 100_000, "/*" * 200_000, '"' * 200_001, "," * 200_000 + " " * 100_000])
def test_a_hostile_text_is_refused_in_linear_time(text):
    refused(text, Format.JSONC)


@given(st.text(alphabet='{}[],:"/*\\ \nab1'))
def test_any_text_is_parsed_or_refused(text):
    with contextlib.suppress(ConfigError):
        parse(text, Format.JSONC)


def test_yaml_is_read_as_plain_values():
    assert parse("a:\n  - 1\n  - b: c\n", Format.YAML) == {"a": [1, {"b": "c"}]}
    assert parse("# nothing\n", Format.YAML) == {}


@pytest.mark.parametrize(
    ("text", "line"), [("a: b: c\n", 1), ("a: 1\nb: [\n", 3), ("a: 1\n---\nb: 2\n", 2), ("a: \x01", 1), ("!x y", 1)]
)
def test_a_mistake_in_yaml_is_told_by_its_line(text, line):
    assert refused(text, Format.YAML) == f"line {line}: it is not valid YAML"
