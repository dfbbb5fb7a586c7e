"""An edit of a client's file: the entry is there, all else is as it was, and taking it out gives the bytes before."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.clients.client import Format
from mcp_auth_bridge.clients.documents import parse
from mcp_auth_bridge.clients.editing import CannotEdit, Undo, entry_in, remove_value, set_value
from mcp_auth_bridge.errors import ConfigError

ENTRY = {"command": "/opt/a b/bridge", "args": ["run", "acme"], "env": {"X": 'q"\\'}}
JSON = ("mcpServers", "acme")
TOML = ("mcp_servers", "acme")
YAML = ("extensions", "acme")

JSON_TEXTS = [
    "",
    "\n",
    "\ufeff",
    "{}",
    "{\n}",
    "{ }\n",
    "{ /* c */ }",
    "// only\n{\n// a\n}\n",
    '\ufeff{"a": 1}',
    '{"a":1}',
    '{"mcpServers":{"b":{}}}',
    '{"mcpServers": {"a": 1 /* q */}}',
    '{"mcpServers": {"a": 1,}}',
    '{"mcpServers": {}}',
    '{\n  "a": 1, // x\n  "mcpServers": {\n    "z": {"command": "q"} // hello\n  } // e\n}\n',
    '{\n\t"a": [1, {"b": [2]}],\n\t"mcpServers": {},\n}\n',
    '{\r\n    "mcpServers": {\r\n        // c\r\n    }\r\n}',
    '{"a": "// no comment", "b": "/*", "c": "}"}',
    '{\n "mcpServers": {\n  "a": {\n   "args": []\n  },\n\n\n  "c": null // last\n  /* more */\n }\n}',
    '{"a": 1, "a": 2, "mcpServers": {"b": 1}, "mcpServers": {"c": 2}}',
]
TOML_TEXTS = [
    "",
    "\n",
    "\r\n",
    "a = 1",
    "a = 1\n",
    "\ufeffa = 1\n",
    '[mcp_servers.b]\ncommand = "x"\n\n[tui]\nz=1\n',
    'x = """\n[other]\n"""\n# end\n',
    "x=1\r\n[y]\r\n",
    "[mcp_servers]\n",
    "[mcp_servers]\nb = { command = 'x' }\n[z]\n",
    "[[list]]\na = 1\n\n# last\n\n",
]
YAML_TEXTS = [
    "",
    "\n",
    "a: 1",
    "a: 1\n",
    "# only\n",
    "extensions:\n  dev:\n    enabled: true\n",
    "extensions: {}\nb: 1\n",
    "extensions: {} # none\n",
    "extensions:\nb: 2\n",
    "extensions: # mine\n",
    "extensions:",
    "# c\nextensions:\n  # c2\n  dev: {a: b}\nz: |\n  foo\n",
    "extensions:\r\n    x:\r\n        type: y\r\n",
    "b: 1\nextensions:\n  dev:\n    cmd: |\n      one\n\n      two\n    args:\n    - a\n",
]
CASES = [
    *((text, Format.JSONC, JSON) for text in JSON_TEXTS),
    *((text, Format.TOML, TOML) for text in TOML_TEXTS),
    *((text, Format.YAML, YAML) for text in YAML_TEXTS),
]


def without(document, place):
    """`document` without the value at `place`, and without the tables on the way that are empty then."""
    key, *rest = place
    inner = without(document[key], rest) if rest and isinstance(document.get(key), dict) else None
    others = {name: value for name, value in document.items() if name != key}
    return {**others, key: inner} if inner else others


def check(text, syntax, place):
    edited = set_value(text, syntax, place, ENTRY)
    assert entry_in(edited.text, syntax, place) == ENTRY
    before, after = parse(text, syntax), parse(edited.text, syntax)
    assert without(after, place) == without(before, place)
    assert remove_value(edited.text, syntax, place, edited.undo) == text
    return edited


@pytest.mark.parametrize(("text", "syntax", "place"), CASES)
def test_an_entry_is_added_and_taken_out_without_a_trace(text, syntax, place):
    check(text, syntax, place)


@pytest.mark.parametrize(("text", "syntax", "place"), CASES)
def test_an_entry_is_changed_in_its_place(text, syntax, place):
    first = set_value(text, syntax, place, ENTRY).text
    other = {**ENTRY, "args": ["run", "other"]}
    changed = set_value(first, syntax, place, other).text
    assert entry_in(changed, syntax, place) == other
    assert set_value(changed, syntax, place, ENTRY).text == first


@pytest.mark.parametrize(("text", "syntax", "place"), CASES)
def test_two_entries_go_in_the_order_in_which_they_came(text, syntax, place):
    one = set_value(text, syntax, place, ENTRY)
    second = (*place[:-1], "second")
    two = set_value(one.text, syntax, second, {"command": "x"})
    assert entry_in(two.text, syntax, place) == ENTRY
    assert remove_value(two.text, syntax, second, two.undo) == one.text
    rest = remove_value(two.text, syntax, place)
    assert entry_in(rest, syntax, second) == {"command": "x"}
    assert without(parse(rest, syntax), second) == without(parse(text, syntax), place)


@pytest.mark.parametrize(
    ("text", "syntax", "place"),
    [
        ("[]", Format.JSON, JSON),
        ('{"mcpServers": []}', Format.JSON, JSON),
        ('{"mcpServers": 3}', Format.JSON, JSON),
        ('{"a": }', Format.JSON, JSON),
        ("// c\n{}", Format.JSON, JSON),
        ("mcp_servers = { b = { command = 'x' } }\n", Format.TOML, TOML),
        ("mcp_servers = 1\n", Format.TOML, TOML),
        ("a = \n", Format.TOML, TOML),
        ('a = """\n[mcp_servers.acme]\n"""\n', Format.TOML, TOML),
        ("- a\n", Format.YAML, YAML),
        ("extensions: [a]\n", Format.YAML, YAML),
        ("extensions: {a: {b: 1}}\n", Format.YAML, YAML),
        ("{extensions: {}}\n", Format.YAML, YAML),
        ("a: b: c\n", Format.YAML, YAML),
        ("a: &x\nb: *y\n", Format.YAML, YAML),
        ("a: 1\n---\nb: 2\n", Format.YAML, YAML),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(text, syntax, place):
    with pytest.raises(ConfigError):
        set_value(text, syntax, place, ENTRY)


@pytest.mark.parametrize(
    ("text", "syntax", "place"),
    [
        ("{}", Format.JSON, JSON),
        ('{"mcpServers": {"b": 1}}', Format.JSON, JSON),
        ("mcp_servers = { acme = { command = 'x' } }\n", Format.TOML, TOML),
        ("a = 1\n", Format.TOML, TOML),
        ("extensions: {acme: {cmd: x}}\n", Format.YAML, YAML),
        ("b: 1\n", Format.YAML, YAML),
    ],
)
def test_an_entry_that_is_not_there_or_not_in_lines_of_its_own_is_not_removed(text, syntax, place):
    with pytest.raises(CannotEdit):
        remove_value(text, syntax, place, Undo(1, ""))


# --- any document, in any layout ---

names = st.sampled_from(["a", "acme", "mcpServers", "b-c", "x y", "ключ", '"', "//", "/*", ""])
scalars = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6) | st.sampled_from(["// a", "/* b */", "}"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
servers = st.dictionaries(names.filter(lambda name: name != "acme"), values, max_size=3)
documents = st.dictionaries(names.filter(lambda name: name != "mcpServers"), values, max_size=3)
gaps = st.sampled_from(["", " ", "\n", "\r\n", "\n\t", " // c\n", "/* c */", " /* a\n b */ ", "\n  // \u00e9 }\n  "])


@st.composite
def jsonc(draw, value):
    """`value` as JSON with comments, in a random layout."""

    def gap():
        return draw(gaps)

    if isinstance(value, (dict, list)):
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
        parts = []
        for key, item in items:
            name = "" if key is None else f"{json.dumps(key)}{gap()}:{gap()}"
            parts.append(f"{gap()}{name}{draw(jsonc(item))}{gap()}")
        last = draw(st.sampled_from(["", ","])) if parts else ""
        return f"{opening}{','.join(parts)}{last}{gap()}{closing}"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


@st.composite
def texts(draw):
    document = draw(documents)
    if draw(st.booleans()):
        document = {**document, "mcpServers": draw(servers)}
    return f"{draw(st.sampled_from(['', chr(0xFEFF)]))}{draw(gaps)}{draw(jsonc(document))}{draw(gaps)}"


@given(texts())
def test_a_member_is_set_and_removed_in_any_json_with_comments(text):
    edited = check(text, Format.JSONC, JSON)
    changed = set_value(edited.text, Format.JSONC, (*JSON, "args"), [1])
    assert entry_in(changed.text, Format.JSONC, JSON) == {**ENTRY, "args": [1]}


@given(st.dictionaries(names, values, min_size=1, max_size=4), gaps, st.data())
def test_any_member_can_be_removed_from_json_with_comments_or_the_text_is_left_alone(document, gap, data):
    text = f"{gap}{data.draw(jsonc(document))}"
    name = data.draw(st.sampled_from(sorted(document)))
    try:
        rest = remove_value(text, Format.JSONC, (name,))
    except CannotEdit:
        return
    assert parse(rest, Format.JSONC) == {key: value for key, value in document.items() if key != name}
