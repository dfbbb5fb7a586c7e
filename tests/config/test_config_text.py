"""A server goes into the text of the configuration and out of it, and every other byte stays."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.config.config_text import server_block, with_server, without_server
from mcp_auth_bridge.errors import ConfigError

TABLE = {"url": "https://new.example/mcp", "headers": {"X Org": 'a"b'}, "auth": {"kind": "none"}, "allow_http": True}

WHOLE = """\
# my servers
[store]
kind = "memory"   # nothing is kept

# acme, from Mia
[servers.acme] # tail
url = "https://acme.example/mcp"
# headers = { }

[servers.acme.network]
ipv4_only = true

# the other one
[servers.other]
url = "https://other.example/mcp"
"""


def test_a_block_is_written_as_the_documents_write_it():
    assert server_block("a.b", {**TABLE, "network": {}}) == (
        '[servers."a.b"]\nurl = "https://new.example/mcp"\nheaders = { "X Org" = "a\\"b" }\nauth = { kind = "none" }\n'
        "allow_http = true\nnetwork = {}\n"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_server_is_added_after_everything_else(end):
    text = WHOLE.replace("\n", end)
    added = with_server(text, "new", TABLE)
    assert added == text + end + server_block("new", TABLE).replace("\n", end)
    assert without_server(added, "new") == text


@pytest.mark.parametrize(("text", "gap"), [("", ""), ("# only this", "\n\n"), ("a = 1\n", "\n")])
def test_a_server_is_added_on_lines_of_its_own(text, gap):
    assert with_server(text.replace("a = 1\n", WHOLE), "new", TABLE) == (
        text.replace("a = 1\n", WHOLE) + gap + server_block("new", TABLE)
    )


def test_a_removed_server_leaves_the_comments_around_it():
    assert without_server(WHOLE, "acme") == (
        '# my servers\n[store]\nkind = "memory"   # nothing is kept\n\n# acme, from Mia\n'
        '\n# the other one\n[servers.other]\nurl = "https://other.example/mcp"\n'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('servers.acme.url = "a"\nservers.b.url = "b" # hi\n', 'servers.b.url = "b" # hi\n'),
        ('[servers]\nacme = { url = "a" }\nb.url = "b"\n', '[servers]\nb.url = "b"\n'),
        ('[servers]\nacme.url = "a"\nacme.login = "never"\nb.url = "b"\n', '[servers]\nb.url = "b"\n'),
        ('[servers.acme]\nurl = """\n[servers.b]\n"""\n[servers.b]\nurl = "b"\n', '[servers.b]\nurl = "b"\n'),
        (
            '[servers.acme]\nurl = "a"\n[store]\nkind = "memory"\n[servers.acme.relay]\nping = 1.0\n',
            '[store]\nkind = "memory"\n',
        ),
        ('servers = { b = { url = "b" }, acme = { url = "a" } } # c\n', 'servers = { b = { url = "b" }} # c\n'),
        ('[servers.acme]\nurl = "a"', ""),
        ('[[other]]\nx = 1\n\n[servers.acme]\nbrowser_command = [\n  "a", # b\n]\n', "[[other]]\nx = 1\n"),
    ],
)
def test_a_server_is_removed_however_it_is_written(before, after):
    removed = without_server(before, "acme")
    assert tomllib.loads(removed) == tomllib.loads(after)
    assert removed.replace(" ", "").split() == after.replace(" ", "").split()


def test_a_server_joins_others_in_an_inline_table():
    added = with_server('servers = { b = { url = "b" } } # c\n', "new", {"url": "n"})
    assert tomllib.loads(added) == {"servers": {"b": {"url": "b"}, "new": {"url": "n"}}}
    assert added.endswith("} # c\n")
    assert len(added.splitlines()) == 1


@pytest.mark.parametrize("text", ["servers = 1\n", "servers = []\n"])
def test_a_file_that_has_no_room_for_servers_is_not_changed(text):
    with pytest.raises(ConfigError, match="without changing other lines"):
        with_server(text, "new", {"url": "n"})


KEYS = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
COMMENTS = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\n\r"), max_size=12)
VALUES = st.sampled_from(
    ['"x"', "1", "[1,\n 2, # in\n]", '"""\n[servers.new]\n"""', "{ a = 1, b.c = 2 }", "'''\n#'''", "true"]
)


@st.composite
def files(draw):
    """A valid file: comments, blank lines, tables and keys in any order."""
    lines = []
    for name in draw(st.lists(KEYS, max_size=4, unique=True)):
        lines += [f"#{text}" for text in draw(st.lists(COMMENTS, max_size=2))]
        lines += [""] * draw(st.integers(0, 2))
        lines.append(f"[{draw(st.sampled_from(['servers', 'servers.x', 'top']))}.{name}] #{draw(COMMENTS)}")
        for key in draw(st.lists(KEYS, max_size=3, unique=True)):
            lines.append(f"  {key}  = {draw(VALUES)} # {draw(COMMENTS)}")
    text = "\n".join([*lines, *(f"#{text}" for text in draw(st.lists(COMMENTS, max_size=2)))])
    text += "\n" if text else ""
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ""
    return text


@given(files())
def test_a_server_that_comes_and_goes_leaves_no_trace(text):
    added = with_server(text, "new", TABLE)
    assert added.startswith(text)
    assert without_server(added, "new") == text


@given(files(), files())
def test_nothing_of_others_changes_around_a_server(before, after):
    end = "\r\n" if "\r\n" in before + after else "\n"
    block = server_block("new", TABLE)
    whole = f"{before}{end}{block}{after}"
    try:
        rest = tomllib.loads(before + after)
        tomllib.loads(whole)
    except tomllib.TOMLDecodeError:
        return
    if before.strip() and not before.endswith("\n"):
        return
    removed = without_server(whole, "new")
    assert tomllib.loads(removed) in (rest, rest | {"servers": {}})
    assert removed.replace("\r", "") == (before + after).replace("\r", "") or end == "\r\n"
