"""The headers of a request of MCP 2026-07-28, and the annotations of tools."""

import re
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relaying import message, request

from mcp_auth_bridge.relay.mcp_headers import (
    InvalidAnnotation,
    annotations_of,
    encoded,
    parameter_headers,
    standard_headers,
    version_of,
)

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
texts = st.text(st.characters()) | st.text("=?base64 \t\r\nA/+é")


def read(value):
    """The value that a server reads: the sentinels are case-sensitive."""
    if value.startswith("=?base64?") and value.endswith("?=") and len(value) >= len("=?base64??="):
        return b64decode(value[len("=?base64?") : -len("?=")], validate=True).decode("utf-8", "surrogatepass")
    return value


def tool(**properties):
    return {"name": "t", "inputSchema": {"type": "object", "properties": properties}}


def string(header):
    return {"type": "string", "x-mcp-header": header}


# Values.


@given(texts)
def test_every_text_arrives_unchanged_and_in_bytes_that_a_header_can_carry(text):
    header = encoded(text)
    assert read(header) == text
    assert all("\x20" <= char <= "\x7e" for char in header)
    assert header == header.strip()


@pytest.mark.parametrize("plain", ["", "a", "us west 1", "!~", "a=?base64?", "=?base64", "file:///a%20b?c=d"])
def test_a_text_that_a_header_can_carry_is_not_encoded(plain):
    assert encoded(plain) == plain


@pytest.mark.parametrize(
    "special", [" ", " a", "a ", "\ta", "a\tb", "a\nb", "a\r\nb", "é", "\x7f", "世", "=?base64?YQ==?=", "=?base64?="]
)
def test_a_text_that_would_be_changed_or_misread_is_sent_as_base64(special):
    assert encoded(special) != special
    assert read(encoded(special)) == special


def test_the_base64_form_is_that_of_the_specification():
    assert encoded("Hello, 世界") == "=?base64?SGVsbG8sIOS4lueVjA==?="


# Standard headers.


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "add"}, "add"),
        ("prompts/get", {"name": "greet"}, "greet"),
        ("resources/read", {"uri": "file:///a"}, "file:///a"),
        ("tasks/get", {"taskId": "7"}, "7"),
        ("tasks/update", {"taskId": "7"}, "7"),
        ("tasks/cancel", {"taskId": "7"}, "7"),
        ("tools/call", {"name": " é"}, "=?base64?IMOp?="),
    ],
)
def test_a_request_with_a_name_has_the_name_header(method, params, name):
    headers = standard_headers(message(request(1, method, **params, _meta=META)))
    assert headers == {"mcp-method": method, "mcp-name": name, "mcp-protocol-version": "2026-07-28"}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {"name": "add"}),
        ("tools/call", {"name": 5}),
        ("tools/call", {}),
        ("resources/read", {"name": "x"}),
    ],
)
def test_a_request_without_a_name_has_the_method_header_alone(method, params):
    assert standard_headers(message(request(1, method, **params))) == {"mcp-method": method}


@pytest.mark.parametrize("meta", [None, [], "x", {}, {"io.modelcontextprotocol/protocolVersion": 5}])
def test_a_request_without_a_version_belongs_to_the_legacy_era(meta):
    assert version_of(message(request(1, "tools/list", _meta=meta))) == ""


def test_a_request_of_absurd_numbers_still_has_its_headers():
    raw = b'{"id":1,"method":"tools/call","params":{"name":"add","arguments":{"n":%b,"m":7}}}' % (b"9" * 1000)
    odd = message(raw)
    assert standard_headers(odd) == {"mcp-method": "tools/call", "mcp-name": "add"}
    assert parameter_headers({"M": ("m",)}, odd.params["arguments"]) == {"mcp-param-m": "7"}


# Parameters.


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("a", "a"),
        ("", ""),
        (42, "42"),
        (-7, "-7"),
        (0, "0"),
        (42.0, "42"),
        (2**63, "9223372036854775808"),
        (True, "true"),
        (False, "false"),
        (" a", "=?base64?IGE=?="),
    ],
)
def test_a_primitive_argument_has_its_header(value, header):
    assert parameter_headers({"Region": ("r",)}, {"r": value}) == {"mcp-param-region": header}


@pytest.mark.parametrize(
    "arguments", [{}, {"r": None}, {"r": []}, {"r": {}}, {"r": 1.5}, {"r": 1e400}, None, [], "r", 5]
)
def test_an_argument_that_is_absent_null_or_not_primitive_has_no_header(arguments):
    assert parameter_headers({"Region": ("r",)}, arguments) == {}


def test_a_nested_argument_is_read_at_its_exact_path():
    annotations = annotations_of(tool(a={"type": "object", "properties": {"b": string("B")}}))
    assert annotations == {"B": ("a", "b")}
    assert parameter_headers(annotations, {"a": {"b": "x"}, "b": "y"}) == {"mcp-param-b": "x"}
    assert parameter_headers(annotations, {"a": "x"}) == {}


# Annotations.


@pytest.mark.parametrize("type_", ["string", "integer", "boolean", ["string", "null"], ["null", "integer"]])
def test_primitive_parameters_may_be_annotated(type_):
    assert annotations_of(tool(p={"type": type_, "x-mcp-header": "P"})) == {"P": ("p",)}


@pytest.mark.parametrize("type_", ["number", "object", "array", "null", None, 5, [], ["string", "integer"], ["null"]])
def test_other_parameters_may_not_be_annotated(type_):
    with pytest.raises(InvalidAnnotation, match="not a string, integer or boolean"):
        annotations_of(tool(p={"type": type_, "x-mcp-header": "P"}))


@given(st.text())
def test_an_annotation_is_a_header_name_or_its_tool_is_hidden(name):
    if TOKEN.fullmatch(name):
        assert annotations_of(tool(p=string(name))) == {name: ("p",)}
    else:
        with pytest.raises(InvalidAnnotation):
            annotations_of(tool(p=string(name)))


@pytest.mark.parametrize("name", [None, 5, [], {}, True])
def test_an_annotation_is_a_text(name):
    with pytest.raises(InvalidAnnotation):
        annotations_of(tool(p={"type": "string", "x-mcp-header": name}))


@pytest.mark.parametrize("second", ["Region", "region", "REGION"])
def test_an_annotation_occurs_once_in_any_case(second):
    nested = {"type": "object", "properties": {"deep": string(second)}}
    for other in (string(second), nested):
        with pytest.raises(InvalidAnnotation, match="twice"):
            annotations_of(tool(a=string("Region"), b=other))


UNREACHABLE = [
    {"items": string("P")},
    {"items": [string("P")]},
    {"oneOf": [{"properties": {"p": string("P")}}]},
    {"if": {"properties": {"p": string("P")}}},
    {"$defs": {"d": string("P")}},
    {"patternProperties": {".*": string("P")}},
    {"additionalProperties": string("P")},
    {"dependentSchemas": {"a": {"properties": {"p": string("P")}}}},
    {"not": string("P")},
    {"x-mcp-header": "P"},
]


@pytest.mark.parametrize("schema", UNREACHABLE)
def test_an_annotation_is_reached_by_properties_alone(schema):
    for input_schema in (schema, {"properties": {"a": string("A"), "o": {"type": "object", **schema}}}):
        with pytest.raises(InvalidAnnotation):
            annotations_of({"inputSchema": input_schema})


def test_a_property_or_a_value_of_that_name_is_not_an_annotation():
    harmless = {
        "x-mcp-header": {"type": "string"},
        "q": {"type": "object", "default": {"x-mcp-header": 5}, "enum": [{"x-mcp-header": ""}], "const": string("")},
    }
    assert annotations_of(tool(**harmless)) == {}


@pytest.mark.parametrize(
    "schema", [None, 5, [], "x", True, {}, {"properties": []}, {"properties": {"a": 5, "b": True}}]
)
def test_a_schema_without_properties_has_no_annotations(schema):
    assert annotations_of({"inputSchema": schema}) == {}


def test_a_schema_too_deep_to_look_through_hides_its_tool():
    schema: dict = {}
    for _ in range(5000):
        schema = {"properties": {"p": schema}}
    with pytest.raises(InvalidAnnotation, match="too deeply"):
        annotations_of({"inputSchema": schema})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.sampled_from(["properties", "items", "type", "x-mcp-header"]), inner)
    ),
    max_leaves=20,
)


@given(json_values, json_values)
def test_any_schema_is_either_read_or_refused(schema, arguments):
    try:
        annotations = annotations_of({"inputSchema": schema})
    except InvalidAnnotation:
        return
    for name, value in parameter_headers(annotations, arguments).items():
        assert TOKEN.fullmatch(name)
        assert all("\x20" <= char <= "\x7e" for char in value)


def test_a_request_with_unusual_parameters_has_the_headers_that_can_be_made():
    listed = message({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [1]})
    assert standard_headers(listed) == {"mcp-method": "tools/call"}
    surrogate = message(rb'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","x":"\ud800"}}')
    assert standard_headers(surrogate)["mcp-name"] == "add"
