"""On which line a key stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.config.toml import find_line

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
def test_the_line_is_that_on_which_the_statement_begins(keys, line, end):
    assert find_line(TEXT.replace("\n", end), keys.split()) == line


@given(st.lists(st.sampled_from(["a = 1", "[t]", "[u.v]", "b = [\n1,\n]", 'c = """\nb = 1\n"""', "# b = 1", ""])))
def test_a_key_is_found_on_a_line_that_names_it(pieces):
    text = "\n".join(dict.fromkeys(pieces))
    for keys in (["a"], ["t", "b"], ["u", "v", "c"], ["c"]):
        line = find_line(text, keys)
        if line is not None:
            assert keys[-1] in text.split("\n")[line - 1]
