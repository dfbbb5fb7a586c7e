"""TOML: the line of a key, and what is said about a wrong value or an unknown key."""

import pytest
from configured import GOOD, PATH, mistake, refused, server, with_auth
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.config.toml import find_line, split_arguments
from mcp_auth_bridge.errors import ConfigError

TEXT = """\
# url = "in a comment"

[servers.acme]
  url = "x" # here

text = '''
[servers.other]
url = "in a text"
'''
list = [
  "a",
]
auth = { kind = "x", idp = { issuer = "y" } }

[servers.other]
"dotted.name".inner = 1
[[tables]]
a = 1
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("servers", 3),
        ("servers acme", 3),
        ("servers acme url", 4),
        ("servers acme text", 6),
        ("servers acme list", 10),
        ("servers acme auth idp issuer", 13),
        ("servers other", 15),
        ("servers other dotted.name inner", 16),
        ("tables", 17),
        ("tables a", None),
        ("servers acme nothing", None),
        ("url", None),
    ],
)
def test_the_line_of_a_key_is_the_first_of_its_statement(keys, line, end):
    assert find_line(TEXT.replace("\n", end), keys.split()) == line


@given(st.lists(st.sampled_from(["a = 1", "[t]", "[u.v]", "b = [\n1,\n]", 'c = """\nb = 1\n"""', "# b = 1", ""])))
def test_a_key_is_found_on_a_line_that_names_it(pieces):
    text = "\n".join(dict.fromkeys(pieces))
    for keys in (["a"], ["t", "b"], ["u", "v", "c"], ["c"]):
        line = find_line(text, keys)
        if line is not None:
            assert keys[-1] in text.split("\n")[line - 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (server("browser_command = 'firefox \"'"), ["servers.acme.browser_command", "split into words"]),
    ],
)
def test_a_command_that_is_not_closed_is_named(text, words):
    message = refused(text)
    assert str(PATH) in message
    assert all(word in message for word in words), message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[servers.acme]", "the keys there: url, auth, headers, "),
        (server("network = { x = 1 }"), "the keys there: ca_file, "),
        (server("network = 5"), "write a table: { KEY = … }"),
        (server('auth = "bearer"'), "write a table: { KEY = … }"),
        (with_auth("kind = 5"), "kind is one of: browser, device, "),
        (with_auth("kind = ['x']"), "kind is one of: browser, device, "),
        (with_auth('kind = "bearer"'), "the keys there: token, resource"),
        (with_auth('kind = "enterprise", idp = { x = 1 }'), "the keys there: issuer, token_endpoint, "),
        (with_auth('kind = "client_credentials", auth_method = "x"'), "one of: client_secret_basic, "),
        (server('login = "no"'), "one of: auto, never"),
        (server("headers = { url = 1 }"), "write text in quotes"),
        (server("pass_environment = ['a', 1]"), "write text in quotes"),
        (server('relay = { deadline = "1" }'), "write a number"),
        ("[store]", "kind is one of: keyring, key_file, "),
        ("[store]\nkind = 'key_command'\ncommand = []", "write a list: "),
    ],
)
def test_the_hint_lists_what_is_allowed(text, hint):
    assert mistake(text).hint.startswith(hint)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[servers.acme]\nulr = 'https://mcp.acme.example/mcp'", 'did you mean "url"?'),
        ("[server.acme]\nurl = 'https://mcp.acme.example/mcp'", 'did you mean "servers"?'),
        ("[servers.acme]\nurl = 'mcp.acme.example/mcp'", "did you mean https://mcp.acme.example/mcp?"),
        ("[servers.acme]\nurl = 'localhost:8000/mcp'", "did you mean http://localhost:8000/mcp?"),
        (server("network = { prxy = 'none' }"), 'did you mean "proxy"?'),
        (with_auth("scope = ['a']"), 'did you mean "scopes"?'),
        (with_auth("kin = 'none'"), 'did you mean "kind"?'),
        (with_auth("kind = 'brower'"), 'did you mean "browser"? kind is one of: browser, '),
        (server("login = 'nver'"), 'did you mean "never"? one of: auto, never'),
    ],
)
def test_a_misspelt_word_gets_the_right_one_suggested(text, hint):
    assert mistake(text).hint.startswith(hint)


def test_a_file_that_is_not_toml_is_told_with_line_and_column():
    with pytest.raises(ConfigError, match=r"^/etc/bridge.toml is not valid TOML: .*\(at line 3, column 7\)$"):
        parse(f"{GOOD}url = no", PATH)


def test_a_text_that_is_nested_too_deeply_is_refused():
    with pytest.raises(ConfigError, match="nested too deeply"):
        toml.parse("x = " + "[" * 9999, "here")


def test_words_are_split_as_a_shell_does():
    assert split_arguments("op read 'a b'", "here") == ("op", "read", "a b")
    assert split_arguments(("op", "read"), "here") == ("op", "read")
