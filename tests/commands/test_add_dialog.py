"""The questions of `add` without arguments, by script: a URL or a preset, a name, and a header."""

import pytest
from config_files import ACME

from mcp_auth_bridge.commands import add, add_dialog
from mcp_auth_bridge.commands.server_needs import Need, ServerNeeds


@pytest.fixture
def told(config, monkeypatch):
    """Runs `add` for a user who types these lines, and a server with that need."""

    def run(need, *lines):
        rest = list(lines)

        async def read_typed_line():
            return rest.pop(0)

        async def ask_server(profile, context):
            return need

        monkeypatch.setattr(add_dialog, "read_typed_line", read_typed_line)
        monkeypatch.setattr(add_dialog, "ask_server", ask_server)
        monkeypatch.setattr("mcp_auth_bridge.shell.console.terminal.is_interactive", lambda: True)
        monkeypatch.setattr("mcp_auth_bridge.shell.console.terminal.stderr_is_terminal", lambda: True)
        code, _, said = config.run(add.run, add.Input())
        assert (code, rest) == (0, [])
        return said

    return run


def test_a_url_and_the_suggested_name_are_enough_for_a_login(told, config):
    said = told(ServerNeeds(Need.LOGIN, "at https://as.example"), f"{ACME}\n", "\n")
    assert "its name, which every command takes; press Enter for acme" in said
    assert "the server wants a login, and the bridge can do it (at https://as.example)" in said
    assert said[-2] == "next, run: mcp-auth-bridge login acme"
    assert config.text.endswith(f'[servers.acme]\nurl = "{ACME}"\n')


def test_another_name_may_be_typed_until_it_is_one(told, config):
    said = told(ServerNeeds(Need.NOTHING), f"{ACME}\n", "my server\n", "work\n")
    assert "use letters, digits, '.', '_' and '-', no blanks" in said
    assert "the server serves everyone without a login" in said
    assert "it needs no login; to try it, run: mcp-auth-bridge tools work" in said
    assert "[servers.work]" in config.text


def test_what_is_not_a_url_is_explained_and_asked_again(told, config):
    said = told(ServerNeeds(Need.SILENT, "x"), "acme.example\n", "linear\n", "\n")
    assert "hint: did you mean https://acme.example?" in said
    assert "[servers.linear]" in config.text


def test_a_preset_with_a_key_needs_no_question_to_the_server(told, config):
    said = told(None, "github\n", "\n")
    assert not any("asking the server" in line for line in said)
    assert 'token = "env:GITHUB_TOKEN"' in config.text


def test_a_header_is_asked_for_until_it_holds_a_reference(told, config):
    said = told(
        ServerNeeds(Need.HEADER),
        f"{ACME}\n",
        "\n",
        "no colon\n",
        "X-Api-Key: canary-secret\n",
        "X-Api-Key: env:KEY\n",
    )
    assert "write it as Name: value" in said
    assert any("mcp-auth-bridge secret acme-x-api-key" in line for line in said)
    assert not any("canary" in line for line in said)
    assert 'headers = { X-Api-Key = "env:KEY" }' in config.text


def test_a_client_of_one_s_own_is_asked_for_and_bound_to_the_issuer(told, config):
    need = ServerNeeds(Need.CLIENT, "at https://as.example", "https://as.example")
    said = told(need, f"{ACME}\n", "\n", "my-client\n", "canary-secret\n", "keyring:acme\n")
    assert any("mcp-auth-bridge secret acme-client-secret" in line for line in said)
    assert not any("canary" in line for line in said)
    assert config.text.endswith(
        'auth = { client_id = "my-client", issuer = "https://as.example", client_secret = "keyring:acme" }\n'
    )


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["\n"], f'url = "{ACME}"\n'),
        (["my-client\n", "\n"], 'auth = { client_id = "my-client", issuer = "https://as.example" }\n'),
    ],
)
def test_a_client_or_its_secret_may_be_left_out(told, config, typed, line):
    told(ServerNeeds(Need.CLIENT, "", "https://as.example"), f"{ACME}\n", "\n", *typed)
    assert config.text.endswith(line)


def test_the_header_may_be_left_out(told, config):
    told(ServerNeeds(Need.HEADER), f"{ACME}\n", "\n", "\n")
    assert config.text.endswith(f'url = "{ACME}"\n')


def test_an_empty_answer_adds_nothing(told, config):
    assert told(None, "\n")[-1] == "nothing was added"
    assert not config.file.exists()


def test_without_a_terminal_the_command_to_run_is_named(config, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    error, _, _ = config.run(add.run, add.Input())
    assert "a URL or the name of a preset is missing" in error.message
    assert error.hint == "run: mcp-auth-bridge add acme https://mcp.acme.example/mcp"
