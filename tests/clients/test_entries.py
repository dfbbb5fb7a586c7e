"""Each client's form of an entry is read into the one form that all share."""

import pytest

from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.entries import read_entries
from mcp_auth_bridge.errors import ConfigError

CURSOR = '{"mcpServers": {"acme": {"command": "mcp-auth-bridge", "args": ["run", "acme"]}}}'
WORDS = ("mcp-auth-bridge", "run", "acme")
FORMS = [
    (known.CURSOR, 0, CURSOR),
    (known.KIRO, 1, CURSOR),
    (known.CLAUDE_DESKTOP, 0, CURSOR),
    (known.WINDSURF, 0, CURSOR),
    (known.GEMINI, 0, f"// mine\n{CURSOR}"),
    (known.VS_CODE, 0, CURSOR.replace("mcpServers", "servers")),
    (known.VS_CODE, 2, CURSOR.replace("mcpServers", "servers").join(('{"editor.tabSize": 2, "mcp": ', "}"))),
    (known.ZED, 0, CURSOR.replace("mcpServers", "context_servers")),
    (
        known.ZED,
        0,
        '{"context_servers": {"acme": {"command": {"path": "mcp-auth-bridge", "args": ["run", "acme"]}}, "x": {}}}',
    ),
    (known.CODEX, 0, '[mcp_servers.acme]\ncommand = "mcp-auth-bridge"\nargs = ["run", "acme"]\n'),
    (known.OPENCODE, 0, '{"mcp": {"acme": {"type": "local", "command": ["mcp-auth-bridge", "run", "acme"]}}}'),
    (known.OPENCODE, 0, '{"mcp": {"servers": {"acme": {"command": ["mcp-auth-bridge", "run", "acme"]}}}}'),
    (
        known.CLINE,
        0,
        CURSOR.replace('{"command"', '{"transport": {"type": "stdio", "command"').replace("}}}", "}}}}"),
    ),
    (known.AMP, 0, CURSOR.replace("mcpServers", "amp.mcpServers")),
    (known.COPILOT, 0, CURSOR.replace('"args"', '"type": "local", "args"')),
    (known.LM_STUDIO, 0, CURSOR),
    (known.WARP, 0, CURSOR),
    (known.JUNIE, 0, CURSOR),
    (known.JETBRAINS_COPILOT, 0, CURSOR.replace("mcpServers", "servers")),
    (known.VISUAL_STUDIO, 1, CURSOR.replace("mcpServers", "servers")),
]


def entries(text, client=known.CURSOR, number=0):
    return read_entries(client, client.files[number], "/mcp.json", text)


@pytest.mark.parametrize(
    ("client", "number", "text"), FORMS, ids=[f"{form[0].name}-{n}" for n, form in enumerate(FORMS)]
)
def test_the_form_of_each_client_is_read(client, number, text):
    [entry] = entries(text, client, number)
    assert (entry.client, entry.path, entry.name, entry.argv) == (client, "/mcp.json", "acme", WORDS)
    assert not entry.disabled


def test_the_servers_of_each_project_of_claude_code_are_read_too():
    text = (
        '{"mcpServers": {"a": {"command": "x"}}, "projects": {"/p": {"mcpServers": {"b": {"command": "y"}}}, "/q": {}}}'
    )
    assert [(each.name, each.argv) for each in entries(text, known.CLAUDE_CODE)] == [("a", ("x",)), ("b", ("y",))]


def test_two_projects_may_have_servers_of_the_same_name():
    text = (
        '{"projects": {"/p": {"mcpServers": {"b": {"command": "x"}}}, "/q": {"mcpServers": {"b": {"command": "y"}}}}}'
    )
    assert [each.argv for each in entries(text, known.CLAUDE_CODE)] == [("x",), ("y",)]


def test_variables_are_secret_and_may_be_numbers():
    [entry] = entries('{"mcpServers": {"a": {"command": "x", "env": {"KEY": "canary", "N": 1, "L": []}}}}')
    assert {name: value.reveal() for name, value in entry.env.items()} == {"KEY": "canary", "N": "1"}
    assert "canary" not in repr(entry)


@pytest.mark.parametrize(
    ("client", "text"),
    [
        (known.OPENCODE, '{"mcp": {"a": {"command": ["x"], "environment": {"K": "v"}}}}'),
        (known.ZED, '{"context_servers": {"a": {"command": {"path": "x", "env": {"K": "v"}}}}}'),
    ],
)
def test_variables_have_other_places_in_some_clients(client, text):
    [entry] = entries(text, client)
    assert entry.env["K"].reveal() == "v"


@pytest.mark.parametrize("setting", ['"disabled": true', '"enabled": false'])
def test_an_entry_may_be_switched_off(setting):
    [entry] = entries('{"mcpServers": {"a": {"command": "x", SETTING}}}'.replace("SETTING", setting))
    assert entry.disabled


def test_a_file_with_more_variables_is_read_where_it_is_text():
    assert entries('{"mcpServers": {"a": {"command": "x", "envFile": "/e", "cwd": 1}}}')[0].env_file == "/e"


def test_the_folder_and_the_variables_that_codex_passes_on_are_read():
    [entry] = entries('[mcp_servers.a]\ncommand = "x"\ncwd = "/c"\nenv_vars = ["DISPLAY"]', known.CODEX)
    assert (entry.cwd, entry.forwards) == ("/c", ("DISPLAY",))


@pytest.mark.parametrize("key", ["url", "serverUrl", "httpUrl"])
def test_a_server_that_the_client_reaches_by_itself_has_a_url(key):
    [entry] = entries('{"mcpServers": {"a": {"KEY": "https://a.example/mcp"}}}'.replace("KEY", key))
    assert (entry.url, entry.argv) == ("https://a.example/mcp", ())


def test_a_file_of_a_project_is_known_as_such():
    assert entries(CURSOR, known.CURSOR, 1)[0].is_of_project
    assert not entries(CURSOR)[0].is_of_project


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        "{}",
        '{"mcpServers": []}',
        '{"mcpServers": {"a": 1, "b": {}, "c": {"command": ""}, "d": {"command": {"path": 1}}, "e": {"url": 1}}}',
    ],
)
def test_what_is_not_an_entry_is_left_out(text):
    assert entries(text) == []


def test_no_more_than_a_thousand_entries_are_read():
    many = ", ".join(f'"{number}": {{"command": "x"}}' for number in range(1500))
    assert len(entries(f'{{"mcpServers": {{{many}}}}}')) == 1000


def test_a_file_that_cannot_be_parsed_is_refused():
    with pytest.raises(ConfigError):
        entries("{")
