"""Arguments from a shell: the server gets what the user wrote."""

import json
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.cli import manual
from mcp_auth_bridge.commands.tool_arguments import convert_arguments, json_types, missing_arguments, parse_arguments
from mcp_auth_bridge.errors import ConfigError

NAMES = st.text(min_size=1).filter(lambda name: "=" not in name and name != "-" and name.lstrip()[:1] not in ("{", "["))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def sent(words, schema=None, piped=b""):
    """The arguments as the server reads them."""
    return json.loads(msgspec.json.encode(convert_arguments(parse_arguments(words, piped), schema or {})))


@given(st.dictionaries(st.text(), VALUES))
def test_a_json_object_always_arrives_as_it_was_written(value):
    text = json.dumps(value)
    assert sent([text]) == value
    assert sent(["-"], piped=b"\xef\xbb\xbf" + text.encode() + b"\r\n") == value


@given(st.dictionaries(NAMES, st.text()))
def test_text_for_a_string_is_never_taken_for_anything_else(values):
    schema = {"properties": {name: {"type": ["string", "integer"]} for name in values}}
    assert sent([f"{name}={text}" for name, text in values.items()], schema) == values


@given(st.dictionaries(NAMES, VALUES))
def test_json_for_what_has_no_type_or_a_type_of_its_own_arrives_as_json(values):
    assert sent([f"{name}={json.dumps(value)}" for name, value in values.items()]) == values


def refusal(words, piped):
    """The error that refuses them, "" if they are accepted."""
    try:
        parse_arguments(words, piped)
    except ConfigError as refused:
        return refused.message
    return ""


@given(st.lists(st.text(st.characters())), st.binary())
def test_whatever_is_written_is_read_or_refused_in_one_sentence(words, piped):
    assert "\n" not in refusal(words, piped)
    assert "\n" not in refusal(["-"], piped)


@pytest.mark.parametrize(
    "piped", [b"", b"{", b'{"x": "\xff"}', b'{"x": 1} y', b'{"x": NaN}', b'{"x":' + b"[" * 100_000]
)
def test_piped_text_that_is_not_json_is_refused(piped):
    assert refusal(["-"], piped) == "the arguments are not valid JSON"


@pytest.mark.parametrize("words", [["x=\udcff"], ["\udcff=x"], ['{"x": "\udcff"}']])
def test_a_command_line_that_is_not_text_is_refused(words):
    assert refusal(words, b"") == "the arguments are not text in UTF-8"


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "7", 7),
        ({"type": "number"}, "7", 7),
        ({"type": "number"}, "-7.5e3", -7500.0),
        ({"type": "boolean"}, "true", True),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": "string"}, "null", "null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "7", 7),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "7", "7"),
        ({"$ref": "#/$defs/Size"}, "7", 7),
        ({"$ref": "#/$defs/Loop"}, "7", 7),
        ({"$ref": "https://far.example/schema"}, "7", 7),
        ({"$ref": 5}, "seven", "seven"),
        ({"enum": [1, 2]}, "1", 1),
        ({"type": 5, "anyOf": "x"}, "x", "x"),
        ("no schema", "{", "{"),
        ({}, "", ""),
        ({}, "NaN", "NaN"),
        ({"type": "string"}, "a=b", "a=b"),
    ],
)
def test_a_pair_has_the_type_that_the_schema_wants(schema, text, value):
    root = {
        "properties": {"x": schema},
        "$defs": {"Size": {"type": "integer"}, "Loop": {"$ref": "#/$defs/Loop", "type": "integer"}},
    }
    assert sent([f"x={text}"], root) == {"x": value}


@pytest.mark.parametrize(
    ("type_", "text"),
    [("integer", "7.5"), ("integer", "x"), ("number", "NaN"), ("boolean", "yes"), ("array", "1,2"), ("object", "[]")],
)
def test_a_pair_that_cannot_have_its_type_is_refused_without_its_value(type_, text):
    with pytest.raises(ConfigError) as caught:
        sent([f"x={text}"], {"properties": {"x": {"type": [type_, "null"]}}})
    assert caught.value.message == f"the argument “x” must be of the type {type_}"


def test_what_is_required_and_missing_is_known_by_name_whatever_the_schema_is():
    assert missing_arguments({"a": "1"}, {"required": ["a", "b", 5]}) == ["b"]
    assert missing_arguments({}, {"required": "a"}) == []
    assert json_types({"$ref": "#"}, {}) == frozenset()


def test_a_tool_may_be_called_without_arguments():
    assert sent(manual.build_parser().parse_args(["call", "acme", "whoami"]).arguments) == {}
    words = [sys.executable, "-m", "mcp_auth_bridge", "call", "acme"]
    refused = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert refused.splitlines()[0] == "mcp-auth-bridge: the following arguments are required: TOOL"


def test_json_that_is_not_an_object_is_refused_without_repeating_it():
    with pytest.raises(ConfigError, match="are JSON, but not an object") as raised:
        parse_arguments(["-"], b"[123, 456]")
    assert "123" not in raised.value.message


def test_an_argument_that_is_given_twice_is_named():
    with pytest.raises(ConfigError, match="the argument “a” is given twice"):
        parse_arguments(["a=1", "a=2"], b"")
