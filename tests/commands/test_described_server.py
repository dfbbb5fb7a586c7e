"""The server that a command line means: a URL, a preset, or a document; with a name and options."""

import asyncio
import json

import pytest
from config_files import ACME, OTHERS
from peers.scripted import CUT, REQUEST, Scripted, ok

from mcp_auth_bridge.commands import described_server as described_server_module
from mcp_auth_bridge.commands.described_server import Wish, _check_leads_outward, described_server
from mcp_auth_bridge.config.new_server import NewServer
from mcp_auth_bridge.errors import ConfigError

DOCUMENT = {
    "name": "com.acme/tools",
    "title": "Acme tools",
    "remotes": [
        {"type": "sse", "url": "https://acme.example/sse"},
        {
            "type": "streamable-http",
            "url": ACME,
            "headers": [
                {"name": "X-Key", "isRequired": True, "isSecret": True},
                {"name": "X-Org", "value": "env:HOME"},
            ],
        },
    ],
}


def meant(config, *words, **more):
    return asyncio.run(described_server(Wish(words, **more), config.context))


def refused(config, *words, **more):
    with pytest.raises(ConfigError) as error:
        meant(config, *words, **more)
    return error.value


def test_a_url_is_called_after_its_host_and_written_as_it_was_typed(config):
    assert meant(config, f"{ACME}#top") == NewServer("acme", ACME)
    assert meant(config, "mine", "https://ACME.example") == NewServer("mine", "https://ACME.example")


def test_a_name_of_the_host_that_is_taken_gets_a_number(config):
    config.write(OTHERS)
    assert meant(config, "https://first.example/other").name == "first-2"


def test_a_url_that_the_file_has_keeps_its_name(config):
    config.write(OTHERS)
    assert meant(config, "https://first.example/mcp").name == "first"


def test_a_file_that_cannot_be_parsed_has_no_names(config):
    config.write("[")
    assert meant(config, ACME).name == "acme"


def test_options_are_taken_over(config):
    server = meant(
        config, "acme", "http://acme.example", headers={"X": "1"}, auth={"kind": "none"}, allow_http=True, ipv4=True
    )
    assert server == NewServer(
        "acme", "http://acme.example", {"X": "1"}, {"kind": "none"}, allow_http=True, ipv4_only=True
    )


def test_a_preset_is_found_by_its_name_alone_and_under_another_name(config, capsys):
    assert meant(config, "linear") == NewServer("linear", "https://mcp.linear.app/mcp")
    assert meant(config, "work", "Linear").name == "work"
    assert meant(config, preset="linear").name == "linear"
    assert meant(config, "work", preset="linear").name == "work"
    assert "Linear wants a login in the browser (source: https://github.com/" in capsys.readouterr().err


def test_a_preset_with_a_key_names_a_variable_unless_the_user_says_where_the_key_is(config, capsys):
    assert meant(config, "github").auth == {"kind": "bearer", "token": "env:GITHUB_TOKEN"}
    assert "mcp-auth-bridge secret github and add --set key=keyring:github" in capsys.readouterr().err
    assert meant(config, "github", values={"key": "keyring:gh"}).auth == {"kind": "bearer", "token": "keyring:gh"}
    said = capsys.readouterr().err
    assert "a personal access token" in said
    assert "mcp-auth-bridge secret" not in said


def test_the_keys_of_a_preset_s_login_are_kept_beside_those_of_the_command_line(config):
    issuer = {"trusted_issuer": "https://auth.atlassian.com"}
    assert meant(config, "atlassian").auth == issuer
    assert meant(config, "atlassian", auth={"scopes": ["a"]}).auth == {**issuer, "scopes": ["a"]}
    bearer = {"kind": "bearer", "token": "env:T"}
    assert meant(config, "atlassian", auth=bearer).auth == bearer


def test_a_described_server_is_shown_and_its_texts_are_no_references(config, capsys):
    path = config.folder / "server.json"
    path.write_text(json.dumps(DOCUMENT))
    server = meant(config, source=str(path), values={"X-Key": "env:KEY"})
    assert server == NewServer("tools", ACME, {"X-Key": "env:KEY", "X-Org": "literal:env:HOME"})
    said = capsys.readouterr().err
    assert f"{path} describes “Acme tools” at {ACME}" in said
    assert "it wants the header “X-Key” (secret)" in said
    assert "another endpoint, which is not used: https://acme.example/sse" in said
    assert "whether it needs a login is for the server itself to say" in said


@pytest.mark.parametrize(("typed", "agrees"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False)])
def test_a_user_at_a_terminal_agrees_before_a_description_is_used(config, monkeypatch, capsys, typed, agrees):
    async def read_typed_line():
        assert "describes “https://acme.example/sse” at https://acme.example/sse" in capsys.readouterr().err
        return typed

    monkeypatch.setattr(described_server_module, "read_typed_line", read_typed_line)
    monkeypatch.setattr("mcp_auth_bridge.shell.console.terminal.is_interactive", lambda: True)
    monkeypatch.setattr("mcp_auth_bridge.shell.console.terminal.stderr_is_terminal", lambda: True)
    path = config.folder / "server.json"
    path.write_text(json.dumps({"remotes": DOCUMENT["remotes"][:1]}))
    if agrees:
        assert meant(config, "mine", source=str(path)).name == "mine"
    else:
        assert refused(config, "mine", source=str(path)).message == "nothing was added"


def test_a_description_without_streamable_http_gives_its_first_endpoint(config):
    path = config.folder / "server.json"
    path.write_text(json.dumps({"remotes": DOCUMENT["remotes"][:1]}))
    assert meant(config, "mine", source=str(path)) == NewServer("mine", "https://acme.example/sse")


def test_a_description_is_fetched_from_a_url(config):
    body = json.dumps({"name": "local", "remotes": [{"type": "streamable-http", "url": "http://127.0.0.1:1/mcp"}]})

    async def story():
        async with Scripted() as server:
            server.play([REQUEST, ok(body.encode()), CUT])
            return await described_server(Wish(source=f"http://127.0.0.1:{server.port}/server.json"), config.context)

    assert asyncio.run(story()).url == "http://127.0.0.1:1/mcp"


@pytest.mark.parametrize(
    ("words", "more", "message", "hint"),
    [
        (("my server", ACME), {}, "“my server” is not a server name", "no blanks"),
        (("my", "own", ACME), {}, "the arguments are a name and a URL", "a name with blanks is not possible"),
        ((ACME, "acme"), {}, "the name comes before the URL", f"write: add acme {ACME}"),
        (("acme.example/mcp",), {}, "is not a URL", "did you mean https://acme.example/mcp?"),
        (("githbu",), {}, "no preset named “githbu”", "did you mean github?"),
        (("http://acme.example",), {}, "plain http is accepted for loopback addresses only", "--allow-http"),
        (("https://u:p@acme.example",), {}, "must not hold a user name or password", "https://mcp.example.com"),
        ((ACME,), {"values": {"a": "b"}}, "--set goes with a preset or with --from", "leave it out"),
        ((ACME,), {"preset": "linear"}, "a preset or a description names the URL itself", "at most a name"),
        (("a", "b"), {"source": "x.json"}, "a preset or a description names the URL itself", "at most a name"),
        ((), {"preset": "linear", "source": "x.json"}, "both describe a server", "leave one of them out"),
        ((), {"source": "missing.json"}, "there is no file “missing.json”", "correct the path"),
        (
            (),
            {"source": "http://acme.example/x.json"},
            "--from: “http://acme.example/x.json” is not acceptable",
            "https",
        ),
        ((), {"preset": "nope-nope"}, "no preset named", "add --search"),
    ],
)
def test_a_command_line_that_means_no_server_is_refused_with_the_right_one(config, words, more, message, hint):
    error = refused(config, *words, **more)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("url", ["http://localhost:9200/", "http://127.0.0.1/mcp", "http://[::1]:1/"])
def test_a_description_from_elsewhere_does_not_lead_to_this_machine(url):
    with pytest.raises(ConfigError, match="leads to a server on this machine") as refused:
        _check_leads_outward(url, "https://evil.example/card")
    assert "mcp-auth-bridge add NAME http://" in refused.value.hint


def test_a_description_on_this_machine_may_lead_there():
    _check_leads_outward("http://localhost:9200/", "http://127.0.0.1:1/card")
    _check_leads_outward("http://localhost:9200/", "/home/mia/card.json")
    _check_leads_outward("https://acme.example/", "https://acme.example/card")
